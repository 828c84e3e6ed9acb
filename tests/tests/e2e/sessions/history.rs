//! What was said, over HTTP: lists, exchanges, deletion and what comes back.

use super::on;
use parlor_tests::client::id;
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, PATIENCE, Postgres, TestApp, TestAppBuilder};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const NOT_THERE: (u16, &str) = (404, "CONVERSATION_NOT_FOUND");

fn titles(sessions: &[Value]) -> Vec<&str> {
    sessions.iter().map(|it| it["title"].as_str().unwrap()).collect()
}

/// Protects: lists and pages on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_on_sqlite() {
    sessions_are_listed(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_on_postgresql() {
    sessions_are_listed(on(&Postgres::start())).await;
}

async fn sessions_are_listed(builder: TestAppBuilder) {
    let app = builder.without_limits().start().await;
    let token = app.token("ann@example.org");
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let none = history.get("").await;
    assert_eq!(none, json!({"data": [], "meta": {"total": 0, "page": 1, "limit": 20, "totalPages": 0}}));
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(ann.new_session(&format!("echo number {number}")).await);
    }
    app.asker(&app.token("bob@example.org")).await.new_session("echo bob's").await;
    let mut rooms = app.rooms(&token).await;
    let room = id(&rooms.enter("hall", "group").await["conversation_id"]);
    rooms.say("hall", "no session").await;

    assert_eq!(titles(&history.list("").await), [5, 4, 3, 2, 1].map(|it| format!("echo number {it}")));
    ann.say(Some(&ids[1]), "echo again").await;
    let page = history.get("?page=1&limit=2").await;
    assert_eq!(page["meta"], json!({"total": 5, "page": 1, "limit": 2, "totalPages": 3}));
    assert_eq!(titles(page["data"].as_array().unwrap()), ["echo number 2", "echo number 5"]);
    assert_eq!(titles(&history.list("?page=3&limit=2").await), ["echo number 1"]);
    assert!(history.list("?page=4&limit=2").await.is_empty());
    let first = &page["data"][0];
    assert_eq!((&first["session_id"], &first["message_count"]), (&json!(ids[1]), &json!(4)));
    assert_eq!(first["is_active"], true);
    assert!(first["created_at"].as_str() < first["updated_at"].as_str(), "{first}");
    let beyond = history.get("?page=4294967295&limit=200").await;
    assert_eq!((&beyond["data"], &beyond["meta"]["total"]), (&json!([]), &json!(5)));
    // A room is none, not even for its owner.
    for (method, path) in [("GET", ""), ("GET", "/export"), ("DELETE", ""), ("POST", "/restore")] {
        let answer = history.ask(method, &format!("/{room}{path}")).await;
        assert_eq!(answer.refusal(), (NOT_THERE.0, NOT_THERE.1.to_owned()), "{method} {path}");
    }
    assert_eq!(app.room(&token, "hall").await["message_count"], 1);
    for wrong in
        ["?page=0", "?limit=0", "?limit=201", "?page=x", "?page=-1", "?deleted=maybe", "?q=x&deleted=true"]
    {
        assert_eq!(history.ask("GET", wrong).await.refusal(), (400, "INVALID_REQUEST".to_owned()), "{wrong}");
    }
}

/// Protects: exchanges on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn exchanges_are_read_on_sqlite() {
    exchanges_are_read(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn exchanges_are_read_on_postgresql() {
    exchanges_are_read(on(&Postgres::start())).await;
}

async fn exchanges_are_read(builder: TestAppBuilder) {
    let provider = FakeProvider::start().await;
    let app = builder.without_limits().provider(&provider.base_url(), "plain").start().await;
    let token = app.token("ann@example.org");
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let profile = json!({"age": 30, "ziel": "Läufer 🏃", "nested": {"a": [1, null]}});
    let changed = app.ask(&token, "PATCH", "/api/v1/users/me", json!({"profile": profile})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let context = json!({"screen": "plans", "n": 1.5, "user_profile": "forged", "raw_events": 7});
    let request = json!({"message": "what now?", "message_type": "fitness_plan", "context": context});
    let reply = ann.question(request).await;
    let session = id(&reply["session_id"]);

    let found = history.get(&format!("/{session}")).await;
    assert_eq!((&found["session_id"], &found["title"]), (&json!(session), &json!("what now?")));
    assert_eq!(found["meta"], json!({"total": 1, "page": 1, "limit": 20, "totalPages": 1}));
    let exchange = &found["messages"][0];
    for (name, expect) in [
        ("message", &json!("what now?")),
        ("response", &reply["message"]),
        ("message_type", &json!("fitness_plan")),
        ("response_time_ms", &reply["data"]["response_time_ms"]),
        ("status", &json!("complete")),
        ("response_id", &reply["data"]["message_id"]),
        ("message_id", &reply["data"]["in_reply_to"]),
    ] {
        assert_eq!(&exchange[name], expect, "{name}: {exchange}");
    }
    let kept = &exchange["context"];
    assert_eq!((&kept["screen"], &kept["n"]), (&json!("plans"), &json!(1.5)));
    assert_eq!(kept["user_profile"], profile, "the client's own word for it does not count");
    assert_eq!(kept["raw_events"], reply["data"]["raw_events"]);
    assert!(kept["raw_events"].as_array().is_some_and(|it| it.len() >= 5), "{kept}");

    for number in 2..=5 {
        ann.say(Some(&session), &format!("question {number}")).await;
    }
    let second = history.get(&format!("/{session}?page=2&limit=2")).await;
    assert_eq!(second["meta"], json!({"total": 5, "page": 2, "limit": 2, "totalPages": 3}));
    let asked: Vec<_> = second["messages"].as_array().unwrap().iter().map(|it| id(&it["message"])).collect();
    assert_eq!(asked, ["question 3", "question 4"]);
    assert_eq!(second["messages"][0]["context"]["user_profile"], profile);

    // A reply that is made anew takes the place of the one before it; a note is an exchange without one.
    let mut rooms = app.rooms(&token).await;
    rooms.ask("regenerate", json!({"conversation_id": session, "message_id": exchange["message_id"]})).await;
    let found =
        history.until(&session, |it| it["messages"][0]["response_id"] != reply["data"]["message_id"]).await;
    assert_eq!((&found["meta"]["total"], &found["messages"][0]["response"]), (&json!(5), &reply["message"]));
    app.client(&token).await.say(Some(&session), "note", "to remember").await;
    let note = history.exchanges(&session).await.pop().unwrap();
    assert_eq!((&note["message"], &note["message_type"]), (&json!("to remember"), &json!("note")));
    assert_eq!((&note["response"], &note["response_time_ms"]), (&Value::Null, &Value::Null));
    for wrong in ["?page=0", "?limit=500"] {
        let answer = history.ask("GET", &format!("/{session}{wrong}")).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST".to_owned()), "{wrong}");
    }
    let odd = history.ask("GET", "/507f1f77bcf86cd799439011").await;
    assert_eq!(odd.refusal(), (400, "INVALID_REQUEST".to_owned()));
}

/// Protects: deletion on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_and_comes_back_on_sqlite() {
    what_is_deleted_is_gone_and_comes_back(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_and_comes_back_on_postgresql() {
    what_is_deleted_is_gone_and_comes_back(on(&Postgres::start())).await;
}

async fn what_is_deleted_is_gone_and_comes_back(builder: TestAppBuilder) {
    let app = builder.without_limits().start().await;
    let token = app.token("ann@example.org");
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let request = json!({"message": "echo secret plans", "client_message_id": "mine"});
    let reply = ann.question(request.clone()).await;
    let session = id(&reply["session_id"]);
    let kept = ann.new_session("echo something else").await;
    let before = history.get(&format!("/{session}")).await;
    let mut tab = app.client(&token).await;
    tab.join(&session).await;
    let mut rooms = app.rooms(&token).await;
    let mut broker = app.broker(&token).await;

    assert_eq!(history.ask("DELETE", &format!("/{session}")).await.status, 204);
    let told = tab.until("conversation_updated").await;
    assert_eq!(told["data"]["conversation"]["id"], session.as_str(), "{told}");
    let refused = (NOT_THERE.0, NOT_THERE.1.to_owned());
    for (method, path) in
        [("GET", ""), ("GET", "?page=2"), ("DELETE", ""), ("GET", "/export"), ("GET", "/export?format=md")]
    {
        let answer = history.ask(method, &format!("/{session}{path}")).await;
        assert_eq!(answer.refusal(), refused, "{method} {path}");
    }
    assert_eq!(titles(&history.list("").await), ["echo something else"]);
    assert_eq!(titles(&history.list("?deleted=true").await), ["echo secret plans"]);
    assert!(history.found("secret").await.is_empty());
    // Nor on sockets that were open before, in any dialect.
    ann.refused(json!({"message": "hello?", "session_id": session}), NOT_THERE.1).await;
    let place = json!({"conversation_id": session});
    for kind in ["join_conversation", "history", "stop_response", "send_message"] {
        let mut data = place.clone();
        data["content"] = json!("hello?");
        data["message_type"] = json!("user");
        tab.ask(kind, data).await;
        tab.until_error(NOT_THERE.1).await;
    }
    for (kind, data) in [
        ("history", place.clone()),
        ("chat", json!({"conversation_id": session, "message": "hello?"})),
        ("edit", json!({"message_id": before["messages"][0]["message_id"], "message": "mine"})),
    ] {
        rooms.ask(kind, data).await;
        let error = rooms.until_any("error").await;
        let code = error["data"]["code"].as_str().unwrap();
        assert!([NOT_THERE.1, "MESSAGE_NOT_FOUND"].contains(&code), "{kind}: {error}");
    }
    broker.send_message(Some(&session), "hello?").await;
    broker.until_refusal("THREAD_ACCESS_DENIED").await;

    let restored = history.ask("POST", &format!("/{session}/restore")).await;
    assert_eq!(
        (restored.status, restored.json()["is_active"].clone()),
        (200, json!(true)),
        "{}",
        restored.body
    );
    assert_eq!(history.get(&format!("/{session}")).await["messages"], before["messages"]);
    assert_eq!(history.list("").await.len(), 2);
    assert!(history.list("?deleted=true").await.is_empty());
    assert_eq!(titles(&history.found("secret").await), ["echo secret plans"]);
    let again = history.ask("POST", &format!("/{session}/restore")).await;
    assert_eq!(again.status, 200, "again is harmless: {}", again.body);
    ann.send(request.clone()).await;
    assert_eq!(ann.frame().await, reply, "what was sent before it was deleted is known again");
    let more = ann.say(Some(&session), "echo and on we go").await;
    assert_eq!(more["session_id"], session.as_str());
    assert_eq!(history.exchanges(&session).await.len(), 2);
    assert_eq!(history.exchanges(&kept).await.len(), 1);
    // What is sent again after its session was deleted begins a new one: that is what a user would want who deletes.
    assert_eq!(history.ask("DELETE", &format!("/{session}")).await.status, 204);
    let anew = ann.question(request).await;
    assert_ne!(anew["session_id"], session.as_str());
    assert_eq!(history.list("").await.len(), 2);
}

/// Protects: who waits for a reply when its session is deleted is told that it is gone; after it was brought back, the
/// question is there and is answered when it is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_deleted_in_the_middle_of_a_reply() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-200-10").start().await;
    let token = app.token("ann@example.org");
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let request =
        json!({"message": "a story", "stream": true, "request_id": "r", "client_message_id": "mine"});
    ann.send(request.clone()).await;
    let begun = ann.read(50).await;
    let session = id(&history.list("").await[0]["session_id"]);
    assert_eq!(history.ask("DELETE", &format!("/{session}")).await.status, 204);
    let (end, _) = ann.end_after(begun).await;
    assert_eq!((&end["type"], &end["code"]), (&json!("error"), &json!(NOT_THERE.1)));
    assert_eq!((&end["request_id"], &end["session_id"]), (&json!("r"), &json!(session)));

    assert_eq!(history.ask("POST", &format!("/{session}/restore")).await.status, 200);
    let found = history.exchanges(&session).await;
    assert_eq!(
        (found.len(), &found[0]["message"], &found[0]["status"]),
        (1, &json!("a story"), &Value::Null)
    );
    ann.send(request).await;
    let (reply, _) = ann.end().await;
    assert_eq!((&reply["message"], &reply["session_id"]), (&json!(words(200)), &json!(session)));
    let found = history.exchanges(&session).await;
    assert_eq!((found.len(), &found[0]["response"]), (1, &reply["message"]));
}

/// Protects: purging on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_long_ago_is_purged_on_sqlite() {
    what_was_deleted_long_ago_is_purged(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_long_ago_is_purged_on_postgresql() {
    what_was_deleted_long_ago_is_purged(on(&Postgres::start())).await;
}

async fn what_was_deleted_long_ago_is_purged(builder: TestAppBuilder) {
    let app = builder.env("DELETED_SESSION_RETENTION", "1s").start().await;
    let token = app.token("ann@example.org");
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let session = ann.new_session("echo to be forgotten").await;
    let kept = ann.new_session("echo to be kept").await;
    assert_eq!(history.ask("DELETE", &format!("/{session}")).await.status, 204);
    let start = Instant::now();
    while !history.list("?deleted=true").await.is_empty() {
        assert!(start.elapsed() < PATIENCE, "it is never purged");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = (NOT_THERE.0, NOT_THERE.1.to_owned());
    assert_eq!(history.ask("POST", &format!("/{session}/restore")).await.refusal(), refused);
    assert_eq!(history.ask("GET", &format!("/{session}")).await.refusal(), refused);
    assert_eq!(titles(&history.list("").await), ["echo to be kept"]);
    ann.say(Some(&kept), "echo still here").await;
    let admin = app.admin_token("root@example.org");
    let log = app.ask(&admin, "GET", "/api/v1/admin/audit?action=conversation_purge", Value::Null).await;
    assert_eq!(log.json()["data"][0]["subject"], session.as_str(), "{}", log.body);
}

/// Protects: titles are the beginning of what was said first, of 50 characters at most, cut at a word; they are no
/// bytes, and nothing that a client does later changes them.
#[tokio::test(flavor = "multi_thread")]
async fn titles_come_of_first_messages() {
    let app = TestApp::builder().without_limits().start().await;
    let token = app.token("ann@example.org");
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let cases = [
        ("echo hi", "echo hi".to_owned()),
        ("  echo\n\ttwo   lines \r\n", "echo two lines".to_owned()),
        (
            "echo what is the best way to learn how to swim in winter?",
            "echo what is the best way to learn how to swim in".to_owned(),
        ),
        // Forty-five letters of two bytes, and a word that does not fit.
        (&*format!("echo {} nein", "ä".repeat(45)), format!("echo {}", "ä".repeat(45))),
        (&*"🦜".repeat(60), "🦜".repeat(50)),
        (
            &*"日本語のとても長い文章です".repeat(6),
            "日本語のとても長い文章です".repeat(6).chars().take(50).collect(),
        ),
    ];
    for (text, title) in &cases {
        let session = ann.new_session(text).await;
        ann.say(Some(&session), "echo another title").await;
        let found = history.get(&format!("/{session}")).await;
        assert_eq!(found["title"], title.as_str());
        assert!(title.chars().count() <= 50);
        assert_eq!(found["messages"][0]["message"], *text, "the message itself is as it came");
    }
    assert_eq!(history.list("").await.len(), cases.len());
}
