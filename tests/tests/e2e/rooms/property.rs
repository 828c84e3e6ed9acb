//! Random people in a shared room: two tabs of one of them and three others, who send, edit, delete, react, read, and
//! lose their connections, politely or not. In the end all have one log, and the server thinks of nobody that they got
//! more than they proved.

use parlor_tests::client::id;
use parlor_tests::mirror::number;
use parlor_tests::{Chance, Incoming, PATIENCE, Postgres, RoomMirror, Rooms, TestApp, TestAppBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const ROOM: &str = "hall";
const ROUNDS: u64 = 12;

/// What a user's clients have proved, between bounds: what they know to have been done, and what may have been.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    low: u64,
    high: u64,
}

impl Bounds {
    fn merge(&mut self, other: Self) {
        (self.low, self.high) = (self.low.max(other.low), self.high.max(other.high));
    }
}

/// One tab, through all of its connections.
struct Tab {
    address: SocketAddr,
    token: String,
    name: String,
    /// Whether another tab of the same user is about, which may prove what this one has not got.
    shares: bool,
    chance: Chance,
    mirror: RoomMirror,
    delivered: Bounds,
    read: Bounds,
    count: u64,
    /// What came, for who must find out why a log is another.
    trace: Vec<String>,
}

impl Tab {
    async fn live(mut self) -> Self {
        for _ in 0..ROUNDS {
            let mut client = self.connect().await;
            self.resend(&mut client).await;
            for _ in 0..self.chance.below(8) {
                self.act(&mut client).await;
                let rest = Duration::from_millis(self.chance.below(15));
                self.listen(&mut client, rest).await;
            }
            self.leave(client).await;
            tokio::time::sleep(Duration::from_millis(self.chance.below(40))).await;
        }
        self
    }

    /// By a resume, or by what was missed. Who shares the latter with another tab resumes all the same.
    async fn connect(&mut self) -> Rooms {
        self.mirror.disconnected();
        self.trace.push("a new connection".to_owned());
        let resumes = self.chance.below(2) == 0;
        let query = match (resumes, self.shares) {
            (true, _) => "?resume=1".to_owned(),
            (false, true) => String::new(),
            (false, false) => format!("?room_id={ROOM}"),
        };
        let mut client = Rooms::connect(self.address, &self.token, &query).await;
        let (kind, is_proof) = if resumes || self.shares { ("resumed", true) } else { ("join_room", false) };
        let head = self.mirror.head;
        if is_proof {
            self.delivered.high = self.delivered.high.max(head);
            self.position(&mut client).await;
        }
        self.take_until(&mut client, kind).await;
        if is_proof {
            self.delivered.low = self.delivered.low.max(head);
        }
        client
    }

    async fn position(&self, client: &mut Rooms) {
        let position = json!({"room_id": ROOM, "seq": self.mirror.head, "epoch": self.mirror.epoch});
        client.ask("resume", json!({"positions": [position]})).await;
    }

    /// What had no answer is sent again, as a client would.
    async fn resend(&mut self, client: &mut Rooms) {
        for (message_id, text) in self.mirror.pending.clone() {
            client.chat(ROOM, &text, &message_id).await;
        }
    }

    async fn act(&mut self, client: &mut Rooms) {
        self.count += 1;
        let (name, count) = (&self.name, self.count);
        let text = format!("{name} {count}");
        match self.chance.below(10) {
            0..5 => {
                client.chat(ROOM, &text, &text).await;
                self.mirror.pending.insert(text.clone(), text);
            }
            5 | 6 => {
                if let Some(message) = self.own_message() {
                    let data = json!({"message_id": message, "message": format!("{text}, edited")});
                    change(client, "edit", data).await;
                }
            }
            7 => {
                if let Some(message) = self.own_message()
                    && self.chance.below(3) == 0
                {
                    change(client, "delete", json!({"message_id": message})).await;
                }
            }
            8 => {
                let messages: Vec<_> = self.mirror.messages.values().filter(|it| !it.deleted).collect();
                if let Some(message) = pick(&messages, &mut self.chance) {
                    let emoji = format!("{name}-{count}");
                    change(client, "react", json!({"message_id": message.id, "emoji": emoji})).await;
                }
            }
            _ => self.read(client).await,
        }
    }

    fn own_message(&mut self) -> Option<String> {
        let mine = format!("{} ", self.name);
        let messages: Vec<_> =
            self.mirror.messages.values().filter(|it| !it.deleted && it.content.starts_with(&mine)).collect();
        pick(&messages, &mut self.chance).map(|message| message.id.clone())
    }

    /// Says what was read; half the time it makes sure that this was heard.
    async fn read(&mut self, client: &mut Rooms) {
        let seq = self.chance.below(self.mirror.head + 1);
        client.ask("read", json!({"room_id": ROOM, "seq": seq})).await;
        for bounds in [&mut self.read, &mut self.delivered] {
            bounds.high = bounds.high.max(seq);
        }
        if self.chance.below(2) == 0 {
            client.send(json!({"type": "ping"})).await;
            self.take_until(client, "pong").await;
            for bounds in [&mut self.read, &mut self.delivered] {
                bounds.low = bounds.low.max(seq);
            }
        }
    }

    async fn listen(&mut self, client: &mut Rooms, span: Duration) {
        let end = tokio::time::Instant::now() + span;
        while let Ok(incoming) = tokio::time::timeout_at(end, client.recv()).await {
            let Incoming::Frame(frame) = incoming else { panic!("{}: {incoming:?}", self.name) };
            self.take(&frame);
        }
    }

    async fn take_until(&mut self, client: &mut Rooms, kind: &str) {
        loop {
            let frame = client.frame().await;
            self.take(&frame);
            if frame["type"] == kind {
                return;
            }
        }
    }

    fn take(&mut self, frame: &Value) {
        self.trace.push(frame.to_string());
        // What was asked on a lost connection may have been done since: then there is nothing left to change.
        if frame["type"] == "error" {
            assert_eq!(frame["data"]["code"], "MESSAGE_NOT_FOUND", "{}: {frame}", self.name);
        }
        if let Err(error) = self.mirror.apply(frame) {
            let came = &self.trace[self.trace.len().saturating_sub(30)..];
            panic!(
                "{}: {error}
what came last: {came:#?}",
                self.name
            );
        }
    }

    fn check_against(&self, log: &RoomMirror) {
        assert_eq!(self.mirror.head, log.head);
        assert!(self.mirror.messages.keys().eq(log.messages.keys()), "{} has other messages", self.name);
        for (seq, message) in &log.messages {
            let own = &self.mirror.messages[seq];
            let about = [message.id.as_str(), "a new connection", "resumed", "join_room"];
            let came: Vec<&String> =
                self.trace.iter().filter(|it| about.iter().any(|word| it.contains(word))).collect();
            assert_eq!(own, message, "{} has another message {seq}; what came of it: {came:#?}", self.name);
        }
    }

    /// A polite goodbye may prove what came before it. A lost connection proves nothing.
    async fn leave(&mut self, client: Rooms) {
        if self.chance.below(2) == 0 {
            for frame in client.close_and_drain().await {
                self.take(&frame);
            }
            self.delivered.high = self.delivered.high.max(self.mirror.handed);
        }
    }
}

/// Asks by a name, so that the answer is known from what others change.
async fn change(client: &mut Rooms, kind: &str, data: Value) {
    client.send(json!({"type": kind, "data": data, "message_id": "a change"})).await;
}

fn pick<'a, T>(of: &[&'a T], chance: &mut Chance) -> Option<&'a T> {
    if of.is_empty() { None } else { Some(of[usize::try_from(chance.below(of.len() as u64)).unwrap()]) }
}

/// Protects: one log for all, receipts that are proved, and nothing lost to who was away; on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn one_log_and_proved_receipts_on_sqlite() {
    for seed in [1, 2, 3] {
        random_people(TestApp::builder(), seed).await;
    }
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn one_log_and_proved_receipts_on_postgresql() {
    let postgres = Postgres::start();
    random_people(TestApp::builder().env("DATABASE_URL", postgres.url()), 4).await;
}

async fn random_people(builder: TestAppBuilder, seed: u64) {
    eprintln!("seed {seed}");
    // No pings: their pongs would prove what no test could foresee.
    let app = builder.without_limits().env("WEBSOCKET_HEARTBEAT_INTERVAL", 0).start().await;
    let olga = app.token("olga@example.org");
    let mut observer = app.rooms(&olga).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut log = RoomMirror::default();
    observer.ask("join_room", json!({"room_id": ROOM, "room_type": "shared", "ai_mode": "off"})).await;
    log.apply(&observer.until("join_room").await).unwrap();
    let watching = tokio::spawn(watch(observer, log, Arc::clone(&stop)));

    let tabs = live(&app, seed).await;
    wait_until_alone(&app).await;
    let users = users(&app, &olga).await;
    stop.store(true, Ordering::SeqCst);
    let (mut observer, log) = watching.await.unwrap();
    assert_eq!(app.room(&olga, ROOM).await["last_seq"], log.head);
    check_history(&mut observer, &log).await;
    check_receipts(&app, &olga, &tabs, &users, &log).await;
    for mut tab in tabs {
        tab.mirror.disconnected();
        let mut client = app.rooms(&tab.token).await;
        tab.position(&mut client).await;
        tab.take_until(&mut client, "resumed").await;
        tab.check_against(&log);
    }
    eprintln!("{} entries, {} messages", log.head, log.messages.len());
    assert!(log.head > 60 && log.messages.len() < usize::try_from(log.head).unwrap(), "{}", log.head);
}

async fn live(app: &TestApp, seed: u64) -> Vec<Tab> {
    let names = [("ann", "ann-1"), ("ann", "ann-2"), ("bob", "bob"), ("cid", "cid"), ("dee", "dee")];
    let tokens: Vec<String> =
        names.iter().map(|(user, _)| app.token(&format!("{user}@example.org"))).collect();
    for token in &tokens {
        // Members from the beginning: what came before them would not be missed.
        app.rooms(token).await.enter(ROOM, "shared").await;
    }
    let mut tasks = JoinSet::new();
    for (number, ((user, name), token)) in names.into_iter().zip(tokens).enumerate() {
        let chance = Chance::new(seed * 100 + number as u64 + 1);
        tasks.spawn(
            Tab {
                address: app.address(),
                token,
                name: name.to_owned(),
                shares: user == "ann",
                chance,
                mirror: RoomMirror::default(),
                delivered: Bounds::default(),
                read: Bounds::default(),
                count: 0,
                trace: Vec::new(),
            }
            .live(),
        );
    }
    tasks.join_all().await
}

/// Sees everything, and never goes: what comes to it is the log.
async fn watch(mut client: Rooms, mut log: RoomMirror, stop: Arc<AtomicBool>) -> (Rooms, RoomMirror) {
    while !stop.load(Ordering::SeqCst) {
        if let Some(incoming) = client.recv_within(Duration::from_millis(20)).await {
            let Incoming::Frame(frame) = incoming else { panic!("{incoming:?}") };
            log.apply(&frame).unwrap_or_else(|error| panic!("observer: {error}\nframe: {frame}"));
        }
    }
    client.send(json!({"type": "ping"})).await;
    loop {
        let frame = client.frame().await;
        log.apply(&frame).unwrap_or_else(|error| panic!("observer: {error}\nframe: {frame}"));
        if frame["type"] == "pong" {
            return (client, log);
        }
    }
}

/// What was on its way on lost connections is done by then.
async fn wait_until_alone(app: &TestApp) {
    let admin = app.admin_token("root@example.org");
    let start = Instant::now();
    while app.ask(&admin, "GET", "/api/v1/ws/stats", Value::Null).await.json()["connections"] != 1 {
        assert!(start.elapsed() < PATIENCE, "lost connections stay");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The members' watermarks by their names: what was delivered, what was read.
async fn users(app: &TestApp, token: &str) -> BTreeMap<String, (u64, u64)> {
    let room = app.room(token, ROOM).await;
    let members = room["members"].as_array().unwrap().iter();
    members.map(|it| (id(&it["username"]), (number(&it["delivered_seq"]), number(&it["read_seq"])))).collect()
}

async fn check_history(observer: &mut Rooms, log: &RoomMirror) {
    let history = observer.whole_history(ROOM).await;
    let of =
        |it: &Value| (number(&it["seq"]), (id(&it["message_id"]), id(&it["content"]), it["deleted"] == true));
    let stored: BTreeMap<_, _> = history.iter().map(of).collect();
    let known = log.messages.iter().map(|(seq, it)| (*seq, (it.id.clone(), it.content.clone(), it.deleted)));
    assert_eq!(stored, known.collect());
}

/// The marks are within what was proved, and all beyond the delivered one comes with the next connection.
async fn check_receipts(
    app: &TestApp,
    olga: &str,
    tabs: &[Tab],
    marks: &BTreeMap<String, (u64, u64)>,
    log: &RoomMirror,
) {
    for (user, (_, read)) in marks.iter().filter(|(user, _)| *user != "olga") {
        let (mut delivered, mut read_by) = (Bounds::default(), Bounds::default());
        let own: Vec<&Tab> = tabs.iter().filter(|tab| tab.name.starts_with(user.as_str())).collect();
        for tab in &own {
            delivered.merge(tab.delivered);
            read_by.merge(tab.read);
        }
        assert!(
            (read_by.low..=read_by.high).contains(read),
            "{user} read {read}, which is not in {read_by:?}"
        );
        let start = Instant::now();
        // Proofs are written in the background.
        loop {
            let (before, _) = users(app, olga).await[user];
            assert!(before <= delivered.high, "{user} got {before}, and proved {delivered:?}");
            let mut client = Rooms::connect(app.address(), &own[0].token, "").await;
            let (replay, end) = client.replay().await;
            drop(client);
            let (after, _) = users(app, olga).await[user];
            if before == after && before >= delivered.low {
                assert_eq!(end.get("incomplete"), None);
                let came: Vec<(u64, bool)> = replay
                    .iter()
                    .map(|it| (number(&it["data"]["seq"]), it["type"] == "message_updated"))
                    .collect();
                assert_eq!(came, log.missing_after(before), "what {user} missed since {before}");
                break;
            }
            assert!(start.elapsed() < PATIENCE, "{user} got {before}, and proved {delivered:?}");
        }
    }
}
