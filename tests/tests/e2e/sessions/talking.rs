//! Requests and their replies, whatever happens to the connection or the server in between.

use super::on;
use parlor_tests::client::id;
use parlor_tests::provider::words;
use parlor_tests::{Asker, FakeProvider, PATIENCE, Postgres, TestApp, TestAppBuilder, Turn};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What a session has of a reply once it has ended.
fn ended(found: &Value) -> bool {
    found["messages"].as_array().unwrap().iter().all(|it| !it["status"].is_null())
}

/// Protects: requests on one socket do not wait for each other, and each gets its own reply by its names; neither hears
/// anything of the other, nor of what else happens in the session.
#[tokio::test(flavor = "multi_thread")]
async fn two_requests_at_once_are_both_answered() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "hold").start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.asker(&token).await;
    for name in ["one", "two"] {
        ann.send(json!({"message": name, "request_id": name})).await;
        ann.expect("typing").await;
    }
    provider.release();
    let mut replies = [ann.expect("message").await, ann.expect("message").await];
    replies.sort_by_key(|it| id(&it["request_id"]));
    assert_eq!((&replies[0]["request_id"], &replies[1]["request_id"]), (&json!("one"), &json!("two")));
    assert_ne!(replies[0]["session_id"], replies[1]["session_id"]);
    let history = app.history(&token);
    for reply in &replies {
        let exchanges = history.exchanges(reply["session_id"].as_str().unwrap()).await;
        assert_eq!(exchanges[0]["message"], reply["request_id"]);
        assert_eq!(exchanges[0]["response_id"], reply["data"]["message_id"]);
    }
    let session = id(&replies[0]["session_id"]);
    let both = ["three", "four"];
    for text in both {
        ann.send(json!({"message": text, "session_id": session, "request_id": text})).await;
    }
    let mut answered = Vec::new();
    while answered.len() < 2 {
        let frame = ann.frame().await;
        match frame["type"].as_str() {
            Some("message") => answered.push(id(&frame["request_id"])),
            _ => assert_eq!(frame, json!({"type": "typing"})),
        }
    }
    answered.sort();
    assert_eq!(answered, ["four", "three"]);
    // Another dialect talks in the session, with a reply of its own.
    let mut tab = app.client(&token).await;
    tab.join(&session).await;
    tab.say(Some(&session), "user", "from elsewhere").await;
    Turn::follow(&mut tab).await;
    assert_eq!(ann.pending().await, Vec::<Value>::new());
}

/// Protects: who sends again gets the same reply of the same session, also while it is made; no backend is asked twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_is_answered_once() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "hold").start().await;
    let token = app.token("ann@example.org");
    let (mut first, mut again) = (app.asker(&token).await, app.asker(&token).await);
    let request = json!({"message": "once", "client_message_id": "mine", "stream": true});
    first.send(request.clone()).await;
    first.expect("typing").await;
    again.send(request.clone()).await;
    again.expect("typing").await;
    provider.release();
    let (one, text) = first.end().await;
    let (two, same) = again.end().await;
    assert_eq!((text.as_str(), same.as_str()), (&*words(5), &*words(5)));
    assert_eq!((&one["type"], &one), (&json!("message"), &two));
    first.send(request).await;
    let (three, _) = first.end().await;
    assert_eq!(three, one, "long after, too");
    assert_eq!(provider.requests().len(), 1);
    let history = app.history(&token);
    assert_eq!(history.list("").await.len(), 1);
    assert_eq!(history.exchanges(&id(&one["session_id"])).await.len(), 1);
    // Clients that make ids from clocks repeat them: another text is another message.
    first.send(json!({"message": "twice", "client_message_id": "mine"})).await;
    let (other, _) = first.end().await;
    assert_ne!(other["session_id"], one["session_id"]);
}

/// Protects: a reply whose reader has gone is made to its end and is in the history, and who asks again gets it.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_leaves_finds_the_reply() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-100-10").start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.asker(&token).await;
    let request = json!({"message": "a story", "client_message_id": "mine", "stream": true});
    ann.send(request.clone()).await;
    ann.read(50).await;
    drop(ann);
    let history = app.history(&token);
    let session = id(&history.list("").await[0]["session_id"]);
    let found = history.until(&session, ended).await;
    let exchange = &found["messages"][0];
    assert_eq!((&exchange["status"], &exchange["response"]), (&json!("complete"), &json!(words(100))));
    assert!(exchange["response_time_ms"].as_u64().is_some_and(|it| it >= 1_000), "{exchange}");
    let mut ann = app.asker(&token).await;
    ann.send(request).await;
    let (reply, _) = ann.end().await;
    assert_eq!(
        (&reply["message"], &reply["data"]["message_id"]),
        (&exchange["response"], &exchange["response_id"])
    );
    assert_eq!((provider.requests().len(), provider.hangups()), (1, 0));
}

/// Protects: a crash in the middle of a reply leaves what was written down of it, which says that it was interrupted; who
/// asks again is told the same, and nothing is asked twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_keeps_what_was_written_down() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "words-1000-10").start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.asker(&token).await;
    let request = json!({"message": "a long story", "client_message_id": "mine", "stream": true});
    ann.send(request.clone()).await;
    // More than the two seconds after which a part is written down.
    let start = Instant::now();
    let mut shown = ann.read(100).await;
    while start.elapsed() < Duration::from_millis(3_500) {
        shown += &ann.read(1).await;
    }
    app.kill9();
    app.restart().await;
    let history = app.history(&token);
    let session = id(&history.list("").await[0]["session_id"]);
    let found = history.until(&session, ended).await;
    let exchange = &found["messages"][0];
    assert_eq!((&exchange["message"], &exchange["status"]), (&json!("a long story"), &json!("interrupted")));
    let kept = exchange["response"].as_str().unwrap();
    assert!(kept.len() > 200 && words(1_000).starts_with(kept), "of {} bytes: {kept}", shown.len());
    let mut ann = app.asker(&token).await;
    ann.send(request).await;
    let (reply, _) = ann.end().await;
    assert_eq!((&reply["type"], &reply["message"]), (&json!("message"), &json!(kept)));
    assert_eq!(reply["data"]["status"], "interrupted");
    assert_eq!(provider.requests().len(), 1);
}

/// Protects: a deployment costs no reply: the live one comes whole, new requests are told when to come back, and then
/// the socket is closed as going away.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_live_replies_end() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "hold").start().await;
    let token = app.token("ann@example.org");
    let (mut ann, mut idle) = (app.asker(&token).await, app.asker(&token).await);
    ann.send(json!({"message": "before you go"})).await;
    ann.expect("typing").await;
    app.terminate();
    let start = Instant::now();
    while app.get("/health/ready").await.status != 503 {
        assert!(start.elapsed() < PATIENCE, "still ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(Asker::try_connect(app.address(), &token).await.is_err());
    let refused = ann.refused(json!({"message": "one more?", "request_id": "r"}), "AI_UNAVAILABLE").await;
    assert!(refused["retry_after"].as_u64().is_some_and(|seconds| seconds >= 1), "{refused}");
    assert_eq!(refused["request_id"], "r");
    provider.release();
    let reply = ann.expect("message").await;
    assert_eq!((&reply["message"], &reply["data"]["status"]), (&json!(words(5)), &json!("complete")));
    ann.until_close(1001).await;
    idle.until_close(1001).await;
    assert_eq!(app.wait_exit(PATIENCE).await.code(), Some(0));
    app.restart().await;
    let found = app.history(&token).exchanges(&id(&reply["session_id"])).await;
    assert_eq!(found[0]["response"], reply["message"]);
}

/// Protects: a reply that fails is one flat error that names its session and message, the question stays in the history,
/// and sending it again has it answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_fails_can_be_asked_for_again() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder()
        .provider(&provider.base_url(), "status-400-once")
        .env("AI_RETRY_ROUNDS", 1)
        .start()
        .await;
    let token = app.token("ann@example.org");
    let mut ann = app.asker(&token).await;
    ann.send(json!({"message": "hello?", "client_message_id": "mine"})).await;
    let (error, _) = ann.end().await;
    assert_eq!((&error["type"], &error["client_message_id"]), (&json!("error"), &json!("mine")));
    let session = id(&error["session_id"]);
    let exchanges = app.history(&token).exchanges(&session).await;
    assert_eq!((&exchanges[0]["message"], &exchanges[0]["status"]), (&json!("hello?"), &json!("failed")));
    assert_eq!(
        (&exchanges[0]["message_id"], &exchanges[0]["response_id"]),
        (&error["in_reply_to"], &error["message_id"])
    );
    let reply = ann.say(Some(&session), "and now?").await;
    assert_eq!(reply["message"], words(5));
}

/// Protects: limits hold here as everywhere: what is too much is refused with when to come back and the request's own names,
/// and who has no tokens left is told so before a backend is asked.
#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_in_flat_errors() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder()
        .provider(&provider.base_url(), "plain")
        .env("WS_CHAT_RATE_LIMIT_REQUESTS", 2)
        .env("USER_TOKEN_BUDGET", 4_200)
        .start()
        .await;
    let token = app.token("ann@example.org");
    let mut ann = app.asker(&token).await;
    ann.say(None, "one").await;
    let request = json!({"message": "x".repeat(2_000), "request_id": "r", "client_message_id": "c"});
    ann.send(request.clone()).await;
    let (over, _) = ann.end().await;
    assert_eq!((&over["type"], &over["code"]), (&json!("error"), &json!("TOKEN_BUDGET_EXCEEDED")));
    let third = ann.refused(request, "CHAT_RATE_LIMIT_EXCEEDED").await;
    assert!(third["retry_after"].as_u64().is_some_and(|it| it >= 1), "{third}");
    for error in [over, third] {
        assert_eq!(
            (&error["request_id"], &error["client_message_id"]),
            (&json!("r"), &json!("c")),
            "{error}"
        );
    }
    assert_eq!(provider.requests().len(), 1);
    let mut again = app.asker(&token).await;
    again.send(json!({"type": "ping"})).await;
    again.expect("pong").await;
}

/// Protects: requests that cross on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cross_make_one_session_on_sqlite() {
    requests_that_cross_make_one_session(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cross_make_one_session_on_postgresql() {
    requests_that_cross_make_one_session(on(&Postgres::start())).await;
}

/// The same request comes over several sockets at the very same time: all get one reply, of one session.
async fn requests_that_cross_make_one_session(builder: TestAppBuilder) {
    const ROUNDS: usize = 20;
    let provider = FakeProvider::start().await;
    let app = builder.without_limits().provider(&provider.base_url(), "words-3-1").start().await;
    let token = app.token("ann@example.org");
    let mut tabs = [app.asker(&token).await, app.asker(&token).await, app.asker(&token).await];
    for round in 0..ROUNDS {
        let request = json!({"message": format!("round {round}"), "client_message_id": round.to_string(), "stream": true});
        for tab in &mut tabs {
            tab.send(request.clone()).await;
        }
        let mut replies = Vec::new();
        for tab in &mut tabs {
            let (reply, text) = tab.end().await;
            assert!(text.is_empty() || text == words(3), "one that came late has the reply alone: {text}");
            replies.push(reply);
        }
        assert_eq!((&replies[0]["type"], &replies[0]["message"]), (&json!("message"), &json!(words(3))));
        assert!(replies.iter().all(|it| *it == replies[0]), "{replies:?}");
    }
    assert_eq!(provider.requests().len(), ROUNDS);
    let history = app.history(&token);
    assert_eq!(history.get("").await["meta"]["total"], ROUNDS);
    for found in history.list("?limit=200").await {
        assert_eq!(found["message_count"], 2, "{found}");
    }
}

/// Protects: a token for sockets opens this one too, and when a token ends, so does its socket, unless another came in
/// time.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_lasts_as_long_as_its_token() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let issued = app.ask(&token, "POST", "/api/v1/ws/token", Value::Null).await.json();
    app.asker(&id(&issued["token"])).await.say(None, "echo hello").await;
    let short = app.token_for("ann@example.org", "2s");
    let (mut ends, mut stays) = (app.asker(&short).await, app.asker(&short).await);
    stays.send(json!({"type": "auth", "token": token})).await;
    stays.expect("connected").await;
    ends.refused(json!({"type": "auth", "token": app.token("bob@example.org")}), "FORBIDDEN").await;
    let error = ends.expect("error").await;
    assert_eq!(error["code"], "TOKEN_EXPIRED");
    ends.expect_close(4001).await;
    stays.say(None, "echo still here").await;
}
