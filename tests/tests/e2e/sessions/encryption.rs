//! What people write is encrypted where it lies.

use super::on;
use parlor_tests::client::id;
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, PATIENCE, Postgres, TestApp, TestAppBuilder};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::task::JoinSet;

const KEY: &str = "ENCRYPTION_KEY";
/// 32 bytes in base64, each of its own.
const FIRST: &str = "a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const SECOND: &str = "b:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// What is written nowhere else: a question, a title, a profile, a context, an edit, a text before it; and what the
/// provider says.
const CANARIES: &[&str] = &[
    "canaryquestion",
    "canaryprofile",
    "canarycontext",
    "canaryedited",
    "canarybefore",
    "canarydeleted",
    "wörd-3é",
];

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The canaries that stand in any file of the data folder, each with its file.
fn readable(app: &TestApp) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(&app.folder().join("data")) {
        // Of what is gone meanwhile nothing can be read.
        let bytes = std::fs::read(&path).unwrap_or_default();
        for canary in CANARIES {
            let there = bytes.windows(canary.len()).any(|it| it.eq_ignore_ascii_case(canary.as_bytes()));
            if there {
                found.push(format!("{canary} in {}", path.file_name().unwrap().display()));
            }
        }
    }
    found
}

fn question() -> Value {
    json!({"message": "canaryquestion is the title", "context": {"screen": "canarycontext"}, "client_message_id": "mine"})
}

/// Says all canaries, in every place that there is for them; gives the session.
async fn tell(app: &TestApp, token: &str) -> String {
    app.ask(token, "PATCH", "/api/v1/users/me", json!({"profile": {"about": "canaryprofile"}})).await;
    let mut ann = app.asker(token).await;
    let session = id(&ann.question(question()).await["session_id"]);
    let mut rooms = app.rooms(token).await;
    let mut tab = app.client(token).await;
    let before = tab.say(Some(&session), "note", "canarybefore").await;
    rooms.ask("edit", json!({"message_id": before["id"], "message": "canaryedited"})).await;
    rooms.until("message_updated").await;
    let gone = tab.say(Some(&session), "note", "canarydeleted").await;
    rooms.ask("delete", json!({"message_id": gone["id"]})).await;
    rooms.until("message_updated").await;
    session
}

/// What is left to read of what [`tell`] said; what is sent again is known.
async fn check(app: &TestApp, token: &str, session: &str) {
    let history = app.history(token);
    let found = history.get(&format!("/{session}")).await;
    assert_eq!(found["title"], "canaryquestion is the title");
    let exchange = &found["messages"][0];
    assert_eq!(exchange["message"], "canaryquestion is the title");
    assert_eq!(exchange["response"], words(5));
    assert_eq!(exchange["context"]["screen"], "canarycontext");
    assert_eq!(exchange["context"]["user_profile"]["about"], "canaryprofile");
    assert!(exchange["context"]["raw_events"].to_string().contains("wörd-3é"), "{exchange}");
    assert_eq!(found["messages"][1]["message"], "canaryedited");
    let mut ann = app.asker(token).await;
    ann.send(question()).await;
    let (again, _) = ann.end().await;
    assert_eq!((&again["session_id"], &again["message"]), (&json!(session), &exchange["response"]), "once");
    let me = app.ask(token, "GET", "/api/v1/users/me", Value::Null).await.json();
    assert_eq!(me["profile"]["about"], "canaryprofile");
    for format in ["json", "md", "html"] {
        let text = history.export(session, format).await.text();
        assert!(text.contains("canaryedited") && !text.contains("canarybefore"), "{text}");
    }
}

/// What a failed start says, in one line that names no key.
fn complaint(output: &Output) -> String {
    assert!(output.status.code().is_some_and(|code| code != 0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for key in [FIRST, SECOND] {
        assert!(!said.contains(key.split_once(':').unwrap().1), "{said}");
    }
    said
}

async fn stop(app: &mut TestApp) {
    app.terminate();
    assert_eq!(app.wait_exit(PATIENCE).await.code(), Some(0));
}

/// Protects: who steals the disk reads nothing that anybody wrote: while the server runs, in the middle of a reply, and
/// after it has stopped. Search says that it is off, and a start without the key, or with another one, says why it fails.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_read_in_the_files() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "plain").env(KEY, FIRST).start().await;
    let token = app.token("ann@example.org");
    let session = tell(&app, &token).await;
    check(&app, &token, &session).await;
    assert_eq!(readable(&app), Vec::<String>::new(), "while it runs");
    let off = app.history(&token).search("canaryquestion").await;
    assert_eq!(off.refusal(), (400, "INVALID_REQUEST".to_owned()));
    assert!(off.json()["detail"].as_str().unwrap().contains("encrypted"), "{}", off.body);
    assert!(!app.log().contains("canary"), "{}", app.log());

    app.kill9();
    assert_eq!(readable(&app), Vec::<String>::new(), "after its end");
    for (key, why) in [
        (None, "was encrypted with the key \"a\""),
        (Some(SECOND), "key \"a\""),
        (Some("a:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="), "not the one"),
    ] {
        app.set(KEY, key);
        let said = complaint(&app.command(&["serve", "--port", "0"]));
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    }
    app.set(KEY, Some("a:short"));
    let output = app.command(&["serve", "--port", "0"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(complaint(&output).contains("encryption_key"), "{output:?}");
    app.set(KEY, Some(FIRST));
    app.restart().await;
    check(&app, &token, &session).await;
}

/// Protects: a reply in the making is encrypted where it is written down, too, and is found again after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_in_the_making_cannot_be_read() {
    let provider = FakeProvider::start().await;
    let mut app =
        TestApp::builder().provider(&provider.base_url(), "words-1000-10").env(KEY, FIRST).start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.asker(&token).await;
    ann.send(json!({"message": "a long story", "stream": true})).await;
    let database = Connection::open(app.folder().join("data/parlor.db")).unwrap();
    let written = async || {
        let query = "SELECT count(*) FROM turns WHERE content <> '' AND key_id = 'a'";
        database.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    while written().await == 0 {
        ann.read(1).await;
    }
    assert_eq!(readable(&app), Vec::<String>::new());
    app.kill9();
    assert_eq!(readable(&app), Vec::<String>::new());
    drop(database);
    app.restart().await;
    let history = app.history(&token);
    let session = id(&history.list("").await[0]["session_id"]);
    let found = history.until(&session, |it| !it["messages"][0]["status"].is_null()).await;
    let kept = found["messages"][0]["response"].as_str().unwrap();
    assert!(!kept.is_empty() && words(1_000).starts_with(kept), "{found}");
}

/// Protects: who turns encryption on later leaves nothing behind of what was plain before.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_plain_is_encrypted_without_a_trace() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "plain").start().await;
    let token = app.token("ann@example.org");
    let session = tell(&app, &token).await;
    assert_eq!(app.history(&token).found("canaryquestion").await.len(), 1);
    check(&app, &token, &session).await;
    assert!(readable(&app).len() >= CANARIES.len(), "this test sees what is plain: {:?}", readable(&app));
    let without = app.command(&["rotate-keys"]);
    assert_eq!(without.status.code(), Some(2), "{without:?}");
    assert!(complaint(&without).contains("encryption_key"), "{without:?}");

    stop(&mut app).await;
    app.set(KEY, Some(FIRST));
    app.restart().await;
    check(&app, &token, &session).await;
    let output = tokio::task::block_in_place(|| app.command(&["rotate-keys"]));
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).trim_end().ends_with("0 left"), "{output:?}");
    assert_eq!(readable(&app), Vec::<String>::new(), "while it runs");
    check(&app, &token, &session).await;
    stop(&mut app).await;
    assert_eq!(readable(&app), Vec::<String>::new(), "after its end");
    app.restart().await;
    check(&app, &token, &session).await;
    let admin = app.admin_token("root@example.org");
    let log = app.ask(&admin, "GET", "/api/v1/admin/audit?action=key_rotate", Value::Null).await;
    assert_eq!(log.json()["data"][0]["outcome"], "done", "{}", log.body);
}

/// Protects: a change of keys on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn keys_change_under_load_on_sqlite() {
    let app = keys_change_under_load(TestApp::builder()).await;
    let database = Connection::open(app.folder().join("data/parlor.db")).unwrap();
    for (table, column) in SEALED {
        let query = format!("SELECT count(*) FROM {table} WHERE {column} = 'b'");
        assert!(database.query_row(&query, [], |row| row.get::<_, i64>(0)).unwrap() > 0, "{table}");
        let query = format!("SELECT count(*) FROM {table} WHERE {column} <> 'b'");
        assert_eq!(database.query_row(&query, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn keys_change_under_load_on_postgresql() {
    let postgres = Postgres::start();
    let _app = keys_change_under_load(on(&postgres)).await;
    for (table, column) in SEALED {
        let count =
            |which: &str| postgres.sql(&format!("SELECT count(*) FROM {table} WHERE {column} {which} 'b'"));
        assert_ne!(count("=").unwrap().trim(), "0", "{table}");
        assert_eq!(count("<>").unwrap().trim(), "0", "{table}");
    }
    let tables = postgres.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").unwrap();
    assert!(tables.lines().count() > 10, "{tables}");
    for table in tables.lines() {
        let rows = postgres.sql(&format!("SELECT t::text FROM {table} t")).unwrap();
        assert!(CANARIES.iter().all(|canary| !rows.contains(canary)), "{table}: {rows}");
    }
}

/// Protects: a conversation that somebody holds at every look is waited for, so that a change of keys ends under load.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_waited_for() {
    let postgres = Arc::new(Postgres::start());
    let mut app = on(&postgres).start().await;
    let token = app.token("ann@example.org");
    app.asker(&token).await.new_session("echo the first").await;
    let holder = {
        let postgres = postgres.clone();
        let held = "BEGIN; SELECT id FROM conversations FOR UPDATE; SELECT pg_sleep(4); COMMIT";
        tokio::task::spawn_blocking(move || postgres.sql(held).unwrap())
    };
    let start = Instant::now();
    let holds = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while postgres.sql(holds).unwrap().trim() != "1" {
        assert!(start.elapsed() < PATIENCE, "nobody holds it");
    }
    app.set(KEY, Some(FIRST));
    let output = tokio::task::block_in_place(|| app.command(&["rotate-keys"]));
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 titles"), "{output:?}");
    holder.await.unwrap();
}

/// Protects: a change of keys that was killed is gone on with, beside a server that reads both meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_can_be_killed() {
    let mut app = TestApp::builder().without_limits().env(KEY, FIRST).start().await;
    let token = app.token("ann@example.org");
    let session = app.asker(&token).await.new_session("echo the first").await;
    let mut tab = app.client(&token).await;
    for number in 0..300 {
        tab.say(Some(&session), "note", &format!("note {number}")).await;
    }
    stop(&mut app).await;
    app.set(KEY, Some(&format!("{SECOND},{FIRST}")));
    app.restart().await;
    let before = app.history(&token).exported(&session).await;
    let database = Connection::open(app.folder().join("data/parlor.db")).unwrap();
    let under = |key: &str| {
        let query = "SELECT count(*) FROM messages WHERE key_id = ?1";
        database.query_row(query, [key], |row| row.get::<_, i64>(0)).unwrap()
    };
    let mut rotation = app.spawn(&["rotate-keys"]);
    while under("b") == 0 {
        assert!(rotation.ended().is_none() || under("b") > 0, "it ended: {}", rotation.output());
        tokio::task::yield_now().await;
    }
    rotation.kill();
    let between = app.history(&token).exported(&session).await;
    assert_eq!(between, before, "some under one key, some under the other");
    let output = tokio::task::block_in_place(|| app.command(&["rotate-keys"]));
    assert!(output.status.success(), "{output:?}");
    assert_eq!((under("a"), under("b")), (0, 302));
    stop(&mut app).await;
    app.set(KEY, Some(SECOND));
    app.restart().await;
    assert_eq!(app.history(&token).exported(&session).await, before);
}

/// Where a key stands beside what it encrypts.
const SEALED: &[(&str, &str)] = &[
    ("messages", "key_id"),
    ("messages", "attached_key"),
    ("conversations", "key_id"),
    ("users", "profile_key"),
];

/// One sender's share: its session, and the texts that were acknowledged.
struct Sender {
    number: usize,
    session: String,
    acknowledged: Vec<String>,
}

impl Sender {
    /// Sends notes, each until it is acknowledged, until `stop`, and `least` of them.
    async fn run(mut self, app: Arc<TestApp>, token: String, stop: Arc<AtomicBool>, least: usize) -> Self {
        let mut client = app.client(&token).await;
        while !stop.load(Ordering::SeqCst) || self.acknowledged.len() < least {
            let text = format!("sender {} says {}", self.number, self.acknowledged.len());
            let data = json!({"conversation_id": self.session, "content": text, "message_type": "note",
                              "client_message_id": text});
            client.ask("send_message", data.clone()).await;
            loop {
                let frame = client.frame().await;
                if frame["type"] == "error" {
                    // The one refusal whose outcome is unknown: a client sends again.
                    assert_eq!(frame["data"]["code"], "INTERNAL", "{frame}");
                    client.ask("send_message", data.clone()).await;
                } else if frame["type"] == "message_received"
                    && frame["data"]["message"]["content"] == text.as_str()
                {
                    break;
                }
            }
            self.acknowledged.push(text);
        }
        self
    }
}

/// Asks in new sessions until `stop`, ten times at least; gives them.
async fn ask_on(app: Arc<TestApp>, token: String, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut ann = app.asker(&token).await;
    let mut sessions = Vec::new();
    while !stop.load(Ordering::SeqCst) || sessions.len() < 10 {
        let request = json!({"message": "sender asks", "context": {"number": sessions.len()}});
        sessions.push(id(&ann.question(request).await["session_id"]));
    }
    sessions
}

/// Everything that was acknowledged is there, once, in its order and readable.
async fn whole(app: &TestApp, token: &str, senders: &[Sender], sessions: &[String]) {
    for session in sessions {
        let found = app.history(token).get(&format!("/{session}")).await;
        let exchange = &found["messages"][0];
        assert_eq!((&found["title"], &exchange["message"]), (&json!("sender asks"), &json!("sender asks")));
        assert_eq!(exchange["response"], words(5));
        let context = &exchange["context"];
        assert!(
            context["number"].is_u64() && context["raw_events"].as_array().is_some_and(|it| it.len() > 5),
            "{context}"
        );
    }
    for sender in senders {
        let history = app.client(token).await.whole_history(&sender.session).await;
        let texts: Vec<_> =
            history.iter().map(|it| id(&it["content"])).filter(|it| it.starts_with("sender")).collect();
        assert_eq!(texts, sender.acknowledged);
    }
}

async fn keys_change_under_load(builder: TestAppBuilder) -> TestApp {
    let provider = FakeProvider::start().await;
    let builder = builder.without_limits().provider(&provider.base_url(), "plain").env(KEY, FIRST);
    let app = builder.start().await;
    let token = app.token("ann@example.org");
    let session = tell(&app, &token).await;
    let mut senders = Vec::new();
    for number in 0..4 {
        let session = app.client(&token).await.new_conversation().await;
        senders.push(Sender { number, session, acknowledged: Vec::new() });
    }
    let mut sessions = Vec::new();
    let mut run = async |app: TestApp, senders: Vec<Sender>, rotate: bool| {
        let (app, stop) = (Arc::new(app), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for sender in senders {
            let least = sender.acknowledged.len() + 200;
            tasks.spawn(sender.run(app.clone(), token.clone(), stop.clone(), least));
        }
        let asked = tokio::spawn(ask_on(app.clone(), token.clone(), stop.clone()));
        if rotate {
            let output = tokio::task::block_in_place(|| app.command(&["rotate-keys"]));
            assert!(output.status.success(), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).trim_end().ends_with("0 left"), "{output:?}");
        }
        stop.store(true, Ordering::SeqCst);
        let mut senders = tasks.join_all().await;
        senders.sort_by_key(|it| it.number);
        sessions.extend(asked.await.unwrap());
        (Arc::into_inner(app).unwrap(), senders)
    };
    let (mut app, before) = run(app, senders, false).await;
    stop(&mut app).await;
    app.set(KEY, Some(&format!("{SECOND},{FIRST}")));
    app.restart().await;
    let (mut app, senders) = run(app, before, true).await;
    whole(&app, &token, &senders, &sessions).await;
    check(&app, &token, &session).await;

    // Nothing needs the older key any more, and the newer one is not enough of a secret for the older one's owner.
    stop(&mut app).await;
    app.set(KEY, Some(FIRST));
    assert!(complaint(&app.command(&["serve", "--port", "0"])).contains("key \"b\""));
    app.set(KEY, Some(SECOND));
    app.restart().await;
    whole(&app, &token, &senders, &sessions).await;
    check(&app, &token, &session).await;
    app
}
