//! kill -9 in the middle of everything, again and again: what was acknowledged is there, each once, without a gap.

use parlor_tests::client::id;
use parlor_tests::mirror::number;
use parlor_tests::provider::words;
use parlor_tests::{Client, FakeProvider, Incoming, LiveTurn, PATIENCE, Postgres, TestApp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SENDERS: usize = 50;
/// How many messages a sender has on the way at most.
const OUTSTANDING: usize = 8;
/// This many senders share one conversation; each of the others has one of its own.
const SHARING: usize = 25;

/// One sender, through all crashes: what it was promised, and what it does not know of.
#[derive(Debug)]
struct Sender {
    number: usize,
    conversation: String,
    /// The seq of every message that was acknowledged, by its text.
    acknowledged: HashMap<String, u64>,
    /// What was sent without an answer: it is sent again, as a client would.
    unknown: BTreeSet<String>,
    sent: usize,
    /// How many messages of all senders were acknowledged.
    count: Arc<AtomicU64>,
}

impl Sender {
    /// Sends without pause until the connection breaks.
    async fn run_to_the_end(mut self, mut client: Client) -> Self {
        let mut again: Vec<String> = self.unknown.iter().cloned().collect();
        loop {
            while self.unknown.len() < OUTSTANDING || !again.is_empty() {
                let text = again.pop().unwrap_or_else(|| {
                    self.sent += 1;
                    format!("sender {} message {}", self.number, self.sent)
                });
                let data = json!({"conversation_id": self.conversation, "content": text, "message_type": "note",
                                  "client_message_id": text});
                self.unknown.insert(text);
                if client.try_send(json!({"type": "send_message", "data": data})).await.is_err() {
                    return self;
                }
            }
            match client.recv().await {
                Incoming::Frame(frame) => self.note(&frame),
                Incoming::Closed { .. } | Incoming::Lost(_) => return self,
            }
        }
    }

    fn note(&mut self, frame: &Value) {
        assert_ne!(frame["type"], "error", "{frame}");
        let message = &frame["data"]["message"];
        if frame["type"] != "message_received" || !self.unknown.contains(message["content"].as_str().unwrap())
        {
            return; // another sender's
        }
        let text = id(&message["content"]);
        assert_eq!(message["client_message_id"], text.as_str());
        self.unknown.remove(&text);
        let earlier = self.acknowledged.insert(text, number(&message["seq"]));
        assert_eq!(earlier, None, "acknowledged twice: {frame}");
        self.count.fetch_add(1, Ordering::SeqCst);
    }
}

/// What has been read of one conversation and found right.
#[derive(Debug, Default)]
struct Verified {
    head: u64,
    seq_of: HashMap<String, u64>,
    /// How many replies ended, all of them interrupted.
    replies: u64,
}

impl Verified {
    /// Reads on from where the last round ended, and checks order and singleness.
    async fn read_on(&mut self, client: &mut Client, conversation: &str) {
        let mut fresh: BTreeMap<u64, Value> = BTreeMap::new();
        let mut before = Value::Null;
        loop {
            let data = json!({"conversation_id": conversation, "before_seq": before, "limit": 200});
            client.ask("history", data).await;
            let page = client.until("history").await["data"].clone();
            for message in page["messages"].as_array().unwrap() {
                let earlier = fresh.insert(number(&message["seq"]), message.clone());
                assert!(earlier.is_none(), "one seq twice: {message}");
            }
            let first = fresh.first_key_value().map_or(0, |(seq, _)| *seq);
            if page["has_more"] == false || first <= self.head + 1 {
                break;
            }
            before = json!(first);
        }
        for (seq, message) in fresh.split_off(&(self.head + 1)) {
            assert_eq!(seq, self.head + 1, "a gap");
            self.head = seq;
            if message["message_type"] == "note" {
                let earlier = self.seq_of.insert(id(&message["content"]), seq);
                assert_eq!(earlier, None, "stored twice: {message}");
            } else if message["message_type"] == "assistant" {
                assert_eq!(message["status"], "interrupted", "{message}");
                let text = message["content"].as_str().unwrap();
                assert!(words(1_000).starts_with(text), "a part of the reply: {text:?}");
                self.replies += 1;
            }
        }
    }
}

/// Protects: the first promise. Twenty times, in the middle of sends from 50 connections with live turns.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_lose_nothing_on_sqlite() {
    kill_again_and_again(TestApp::builder(), 20).await;
}

/// Protects: the same on `PostgreSQL`, which outlives the server.
#[tokio::test(flavor = "multi_thread")]
async fn five_kills_lose_nothing_on_postgresql() {
    let postgres = Postgres::start();
    kill_again_and_again(TestApp::builder().env("DATABASE_URL", postgres.url()), 5).await;
}

async fn kill_again_and_again(builder: parlor_tests::TestAppBuilder, rounds: u64) {
    let provider = FakeProvider::start().await;
    let mut app = builder.without_limits().provider(&provider.base_url(), "words-1000-10").start().await;
    let token = app.token("ann@example.org");
    let count = Arc::new(AtomicU64::new(0));
    let mut senders = make_senders(&app, &token, &count).await;
    let mut verified: HashMap<String, Verified> = HashMap::new();
    for round in 0..rounds {
        let mut clients = Vec::new();
        for _ in &senders {
            clients.push(app.client(&token).await);
        }
        let mut asker = app.client(&token).await;
        asker.say(Some(&senders[0].conversation), "user", &format!("question {round}")).await;
        LiveTurn::begin(&mut asker).await.read(&mut asker, 1).await;
        let mut tasks = JoinSet::new();
        for (sender, client) in senders.drain(..).zip(clients) {
            tasks.spawn(sender.run_to_the_end(client));
        }
        let before = count.load(Ordering::SeqCst);
        while count.load(Ordering::SeqCst) < before + 2 * SENDERS as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Another moment of the write path each time.
        tokio::time::sleep(Duration::from_millis(round * 37 % 200)).await;
        app.kill9();
        drop(asker);
        // In the order in which they ended: the next question goes to another conversation.
        senders = tasks.join_all().await;
        app.restart().await;
        check(&app, &token, &senders, &mut verified).await;
    }
    eprintln!("{} messages were acknowledged, and none is lost", count.load(Ordering::SeqCst));
    // The last round's turn ends soon after the start; on PostgreSQL, where its node may live elsewhere, after its lease.
    let start = Instant::now();
    loop {
        let replies: u64 = verified.values().map(|conversation| conversation.replies).sum();
        if replies == rounds {
            break;
        }
        assert!(start.elapsed() < 2 * PATIENCE, "{replies} of {rounds} turns ended");
        check(&app, &token, &senders, &mut verified).await;
    }
    assert_eq!(provider.requests().len() as u64, rounds, "no turn was begun twice");
}

async fn make_senders(app: &TestApp, token: &str, count: &Arc<AtomicU64>) -> Vec<Sender> {
    let mut client = app.client(token).await;
    let shared = client.new_conversation().await;
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let conversation = if number < SHARING { shared.clone() } else { client.new_conversation().await };
        senders.push(Sender {
            number,
            conversation,
            acknowledged: HashMap::new(),
            unknown: BTreeSet::new(),
            sent: 0,
            count: Arc::clone(count),
        });
    }
    senders
}

/// Reads everything new back: what was acknowledged is there.
async fn check(app: &TestApp, token: &str, senders: &[Sender], verified: &mut HashMap<String, Verified>) {
    let mut client = app.client(token).await;
    for conversation in senders.iter().map(|sender| &sender.conversation).collect::<BTreeSet<_>>() {
        verified.entry(conversation.clone()).or_default().read_on(&mut client, conversation).await;
    }
    for sender in senders {
        let stored = &verified[&sender.conversation].seq_of;
        for (text, seq) in &sender.acknowledged {
            assert_eq!(stored.get(text), Some(seq), "acknowledged, and not there: {text}");
        }
    }
}

/// Protects: a crash costs at most two seconds of a live reply, and the reply ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_turn_keeps_all_but_its_last_two_seconds() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "words-1000-10").start().await;
    let token = app.token("ann@example.org");
    let mut client = app.client(&token).await;
    let question = client.say(None, "user", "a long story").await;
    let conversation = id(&question["conversation_id"]);
    let mut live = LiveTurn::begin(&mut client).await;
    let start = Instant::now();
    let mut seen: Vec<(Instant, usize)> = Vec::new();
    while start.elapsed() < Duration::from_millis(4_500) {
        let goal = live.text.len() + 1;
        live.read(&mut client, goal).await;
        seen.push((Instant::now(), live.text.len()));
    }
    app.kill9();
    let killed = Instant::now();
    app.restart().await;

    let mut client = app.client(&token).await;
    client.ask("resume", json!({"positions": [{"conversation_id": conversation, "seq": 1}]})).await;
    // The turn's end may come as what was missed, before `resumed`, or just after it.
    let (mut message, mut recovered) = (Value::Null, Value::Null);
    while message.is_null() || recovered.is_null() {
        let frame = client.frame().await;
        match frame["type"].as_str().unwrap() {
            "message_received" => message = frame["data"]["message"].clone(),
            "resumed" => recovered = frame["data"]["recovered"].clone(),
            // Before the resume was done, this connection had not joined.
            other => assert!(["message_added", "conversation_updated"].contains(&other), "{frame}"),
        }
    }
    assert_eq!(recovered, true);
    assert_eq!(message["id"], live.message_id.as_str());
    assert_eq!((&message["seq"], &message["message_type"]), (&json!(2), &json!("assistant")));
    assert_eq!(message["status"], "interrupted");
    assert_eq!(message["in_reply_to"], question["id"]);
    let kept = message["content"].as_str().unwrap();
    assert!(words(1_000).starts_with(kept), "{kept}");
    // Two seconds by the promise, and half a one for a busy machine.
    let due = seen.iter().rev().find(|(at, _)| killed - *at > Duration::from_millis(2_500)).unwrap().1;
    assert!(kept.len() >= due, "kept {} of {due} bytes that were shown long before", kept.len());
    client.say(Some(&conversation), "note", "and on we go").await;
}
