//! What becomes of a connection when something fails: its server, its client, or its right to be there.

use parlor_tests::person::post;
use parlor_tests::{FakeProvider, Io, IoIncoming, PATIENCE, Person, TestApp, http};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// Protects who waits for a reply when the server is killed: they come back, and are told how it ended, with what there
/// is of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_tells_the_end_afterwards() {
    let provider = FakeProvider::start_as("words-200-50").await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "m").start().await;
    let token = app.token("ann@example.org");
    let mut io = app.io(&token).await;
    io.start(None, "Go on").await;
    let conversation = io.until("chat:conversation").await["conversationId"].clone();
    let id = io.until("chat:message").await["messageId"].clone();
    sleep(Duration::from_millis(2_500)).await; // a checkpoint is written every two seconds
    app.kill9();
    app.restart_in_place().await;
    let mut io = app.io(&token).await;
    let (text, name, end) = io.reply().await;
    assert_eq!((name.as_str(), &end["status"], &end["messageId"]), ("chat:end", &json!("interrupted"), &id));
    assert!(parlor_tests::provider::words(200).starts_with(&text) && !text.is_empty(), "{text}");
    assert_eq!(end["conversationId"], conversation);
}

/// Protects a roll-out: a running reply is finished, nobody new comes in, and clients are let go in a way after which they
/// come back by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_the_reply_and_closes_the_transport() {
    let provider = FakeProvider::start_as("words-30-50").await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "m").start().await;
    let mut io = app.io(&app.token("ann@example.org")).await;
    io.start(None, "Go on").await;
    io.until("chat:message").await;
    app.terminate();
    sleep(Duration::from_millis(200)).await;
    let answer = app.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(answer.refusal().0, 503);
    io.start(None, "And another").await;
    let (mut ended, mut refused) = (false, false);
    loop {
        match io.next().await {
            IoIncoming::Event(name, data) => {
                ended |= name == "chat:end";
                refused |= name == "chat:error" && data["code"] == "AI_UNAVAILABLE";
            }
            end => {
                assert_eq!(end, IoIncoming::Closed);
                break;
            }
        }
    }
    assert!(ended && refused, "{ended} {refused}");
    assert!(app.wait_exit(PATIENCE).await.success());
}

/// Protects against tokens that outlive themselves, and sign-ins that outlive their sign-out.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_its_token_and_its_sign_in() {
    let app = TestApp::start().await;
    let mut io = app.io(&app.token_for("ann@example.org", "2s")).await;
    io.refused("TOKEN_EXPIRED").await;
    assert_eq!(io.end().await, IoIncoming::Disconnected);

    let mut bob = Person::new("bob@example.org");
    let tokens = bob.sign_up(&app).await;
    let mut io = app.io(&tokens.access).await;
    let answer =
        app.ask(&tokens.access, "POST", "/auth/signout", json!({"refresh_token": tokens.refresh})).await;
    assert!(answer.status < 300, "{}", answer.body);
    io.refused("INVALID_TOKEN").await;
    assert_eq!(io.end().await, IoIncoming::Disconnected);
    let (_, answer) = Io::knock(app.address(), json!({"token": tokens.access})).await;
    assert_eq!(answer, Err("INVALID_TOKEN".to_owned()));
    let answer = post(&app, "/auth/signin", json!({})).await;
    assert_eq!(answer.status, 400, "the server goes on");
}

/// Protects the server from who does not listen: refusals are told, and who goes on and on is sent away.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_closed() {
    let app =
        TestApp::builder().env("WS_RATE_LIMIT_REQUESTS", 5).env("WS_FLOODING_REFUSALS", 20).start().await;
    let mut io = app.io(&app.token("ann@example.org")).await;
    for _ in 0..30 {
        io.emit("chat:stop", &[]).await;
    }
    io.refused("RATE_LIMIT").await;
    assert_eq!(io.end().await, IoIncoming::Disconnected);
    // More at once than can wait.
    let mut io = app.io(&app.token("bob@example.org")).await;
    let packet = format!("42/ai,{}", json!(["chat:start", {"message": "x".repeat(60_000)}]));
    for _ in 0..400 {
        io.text(packet.clone()).await;
    }
    let end = io.end().await;
    assert!(matches!(end, IoIncoming::Disconnected | IoIncoming::Closed), "{end:?}");
}

/// Protects the memory: a message over 2 MiB ends its connection, and the server goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_enormous_message_ends_its_connection() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut io = app.io(&token).await;
    io.start(None, &"x".repeat(1_900_000)).await;
    io.refused("MESSAGE_TOO_LONG").await;
    io.start(None, &"x".repeat(2_200_000)).await;
    assert_eq!(io.end().await, IoIncoming::Closed);
    app.io(&token).await.start(None, "Hello").await;
}

/// Protects the server from sockets that are nobody's, and users from too many of their own.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited() {
    let app = TestApp::builder()
        .env("WEBSOCKET_MAX_UNAUTHENTICATED", 2)
        .env("WS_MAX_CONNECTIONS_PER_USER", 1)
        .env("CORS_ORIGIN", "https://chat.example")
        .start()
        .await;
    let token = app.token("ann@example.org");
    let mut first = Io::open(app.address()).await;
    let mut second = Io::open(app.address()).await;
    let refused = app.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(refused.refusal(), (503, "TOO_MANY_CONNECTIONS".to_owned()));
    // Who has authenticated makes room for the next.
    assert_eq!(first.enter(json!({"token": token})).await, Ok(()));
    let mut third = Io::open(app.address()).await;
    assert_eq!(second.enter(json!({"token": token})).await, Err("TOO_MANY_CONNECTIONS".to_owned()));
    assert_eq!(third.enter(json!({})).await, Err("UNAUTHENTICATED".to_owned()));
    first.emit("chat:stop", &[]).await;
    first.expect("chat:stopped").await;
    let stranger =
        http::get_from(app.address(), "/socket.io/?EIO=4&transport=polling", "https://evil.example").await;
    assert_eq!(stranger.refusal(), (403, "FORBIDDEN".to_owned()));
}

/// Protects the server from transports that count nowhere: who leaves the namespace and stays connected counts as before, and
/// may come in again.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_namespace_still_counts() {
    let app = TestApp::builder().env("WS_MAX_CONNECTIONS_PER_USER", 1).start().await;
    let auth = json!({"token": app.token("ann@example.org")});
    let (mut first, mut second) = (Io::open(app.address()).await, Io::open(app.address()).await);
    assert_eq!(first.enter(auth.clone()).await, Ok(()));
    first.text("41/ai,".to_owned()).await;
    for _ in 0..3 {
        sleep(Duration::from_millis(100)).await;
        assert_eq!(second.enter(auth.clone()).await, Err("TOO_MANY_CONNECTIONS".to_owned()));
    }
    assert_eq!(first.enter(auth.clone()).await, Ok(()));
    drop(first);
    // It ends: a transport that does not get in for 10 s is closed.
    while second.enter(auth.clone()).await.is_err() {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Protects everybody from a client that polls no more: its reply is made and kept, and its connection is given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_polls_no_more_is_given_up() {
    let provider = FakeProvider::start_as("flood").await;
    let app = TestApp::builder()
        .provider(&provider.base_url(), "m")
        .env("WEBSOCKET_HEARTBEAT_INTERVAL", "5")
        .start()
        .await;
    let (token, admin) = (app.token("ann@example.org"), app.admin_token("root@example.org"));
    let path = "/socket.io/?EIO=4&transport=polling";
    let open = app.get(path).await.body;
    let sid = serde_json::from_str::<Value>(&open[1..]).unwrap()["sid"].as_str().unwrap().to_owned();
    let there = format!("{path}&sid={sid}");
    let send = async |packet: String| {
        let answer = http::post_text(app.address(), &there, &packet).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    send(format!("40/ai,{}", json!({"token": token}))).await;
    let mut told = String::new();
    while !told.contains("40/ai,") {
        told += &app.get(&there).await.body;
    }
    send("3".to_owned()).await; // the answer to the first heartbeat, which comes at once
    let figures = async || app.ask(&admin, "GET", "/api/v1/ws/stats", Value::Null).await.json();
    assert_eq!(figures().await["users"], 1);
    send(format!("42/ai,{}", json!(["chat:start", {"message": "Go on"}]))).await;
    let late = tokio::time::Instant::now() + PATIENCE;
    while figures().await["users"] != 0 || figures().await["turns"] != 0 {
        assert!(tokio::time::Instant::now() < late, "{}", figures().await);
        sleep(Duration::from_millis(100)).await;
    }
    let listed = app.ask(&token, "GET", "/api/v1/ai/conversations", Value::Null).await.json();
    assert_eq!(listed["data"][0]["messageCount"], 2, "{listed}");
}
