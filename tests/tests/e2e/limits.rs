//! Limits on frames, connections, handshakes and origins.

use parlor_tests::mirror::number;
use parlor_tests::raw::{RawSocket, Received, opcode};
use parlor_tests::{Client, Credential, Incoming, TestApp, http};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Error;

/// Protects: the 101st frame in a minute is refused with a time to wait in whole seconds, the connection stays, and
/// after that time it is served again.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_frames_are_refused_and_the_connection_stays() {
    let app = TestApp::start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    for _ in 0..100 {
        client.send(json!({"type": "ping"})).await;
    }
    for _ in 0..100 {
        client.expect("pong").await;
    }
    // One place comes back each 600 ms: by now there may be a few.
    let refusal = loop {
        client.send(json!({"type": "ping", "request_id": "r"})).await;
        let frame = client.frame().await;
        if frame["type"] == "error" {
            break frame;
        }
    };
    assert_eq!(refusal["request_id"], "r", "{refusal}");
    assert_eq!(refusal["data"]["code"], "RATE_LIMIT");
    let wait = number(&refusal["data"]["retry_after"]);
    assert!((1..=2).contains(&wait), "{refusal}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    client.send(json!({"type": "ping"})).await;
    client.expect("pong").await;
}

/// Protects: frames that make no sense count too, so that a limit cannot be had for free.
#[tokio::test(flavor = "multi_thread")]
async fn refused_frames_count() {
    let app = TestApp::builder().env("WS_RATE_LIMIT_REQUESTS", 10).start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    for _ in 0..10 {
        client.send(json!({"type": "nonsense"})).await;
        client.expect_error("UNKNOWN_TYPE").await;
    }
    client.send(json!({"type": "nonsense"})).await;
    client.expect_error("RATE_LIMIT").await;
    client.send(json!({"type": "ping"})).await;
    client.expect_error("RATE_LIMIT").await;
}

/// Protects: one connection's limit is not another's.
#[tokio::test(flavor = "multi_thread")]
async fn each_connection_has_its_own_limit() {
    let app = TestApp::builder().env("WS_RATE_LIMIT_REQUESTS", 5).start().await;
    let token = app.token("ann@example.org");
    let mut loud = app.client(&token).await;
    let mut quiet = app.client(&token).await;
    for _ in 0..6 {
        loud.send(json!({"type": "ping"})).await;
    }
    loud.until_error("RATE_LIMIT").await;
    quiet.send(json!({"type": "ping"})).await;
    quiet.expect("pong").await;
}

/// Protects: who does not listen to a thousand refusals is closed 4029.
#[tokio::test(flavor = "multi_thread")]
async fn flooding_is_closed() {
    let app = TestApp::start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    for _ in 0..1_200 {
        if client.try_send(json!({"type": "ping"})).await.is_err() {
            break;
        }
    }
    let mut refused = 0;
    loop {
        match client.recv().await {
            Incoming::Frame(frame) => refused += u64::from(frame["type"] == "error"),
            Incoming::Closed { code, .. } => {
                assert_eq!(code, 4029);
                break;
            }
            Incoming::Lost(why) => panic!("a close frame was due: {why}"),
        }
    }
    assert!((990..=1_001).contains(&refused), "{refused} refusals before the close");
}

/// Protects an operator's choice: how much is flooding is a setting, and none is none.
#[tokio::test(flavor = "multi_thread")]
async fn how_much_is_flooding_is_a_setting() {
    for (setting, closes) in [("3", true), ("0", false)] {
        let app = TestApp::builder().env("WS_RATE_LIMIT_REQUESTS", 1).env("WS_FLOODING_REFUSALS", setting);
        let app = app.start().await;
        let mut client = app.client(&app.token("ann@example.org")).await;
        for _ in 0..6 {
            // The socket may be closed by then.
            let _ = client.try_send(json!({"type": "ping"})).await;
        }
        client.expect("pong").await;
        for _ in 0..if closes { 2 } else { 5 } {
            client.expect_error("RATE_LIMIT").await;
        }
        if closes {
            client.expect_close(4029).await;
        }
    }
}

async fn expect_too_many(address: std::net::SocketAddr, token: &str) {
    let mut one_more = Client::connect(address, Credential::Query(token)).await;
    one_more.expect_error("TOO_MANY_CONNECTIONS").await;
    one_more.expect_close(1013).await;
}

/// Protects: one person's connections are limited, another's are not touched, and a place that is left is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_twenty_connections() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(app.client(&token).await);
    }
    expect_too_many(app.address(), &token).await;
    app.client(&app.token("bob@example.org")).await.close().await;
    clients.pop().unwrap().close().await;
    drop(clients.pop());
    let start = Instant::now();
    let mut again = 0;
    while again < 2 {
        assert!(start.elapsed() < Duration::from_secs(5), "the places of closed connections are not free");
        let mut client = Client::connect(app.address(), Credential::Query(&token)).await;
        if client.frame().await["type"] == "auth_success" {
            again += 1;
            clients.push(client);
        }
    }
    expect_too_many(app.address(), &token).await;
}

/// Protects: the server's own size.
#[tokio::test(flavor = "multi_thread")]
async fn connections_in_all_are_limited() {
    let app = TestApp::builder().env("WEBSOCKET_MAX_CONNECTIONS", 3).start().await;
    let token = app.token("ann@example.org");
    let _clients = [app.client(&token).await, app.client(&token).await, app.client(&token).await];
    expect_too_many(app.address(), &app.token("bob@example.org")).await;
    assert_eq!(app.get("/health").await.status, 200, "HTTP goes on");
}

/// Protects: strangers who open sockets and say nothing cannot fill the server, nor shut others out.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_without_a_credential_have_a_cap_of_their_own() {
    let app = TestApp::builder().env("WEBSOCKET_MAX_UNAUTHENTICATED", 3).start().await;
    let token = app.token("ann@example.org");
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(Client::connect(app.address(), Credential::None).await);
    }
    let mut one_more = Client::connect(app.address(), Credential::None).await;
    one_more.expect_error("TOO_MANY_CONNECTIONS").await;
    one_more.expect_close(1013).await;
    // Those who are known by then leave their place.
    silent[0].send(json!({"type": "auth", "token": token})).await;
    silent[0].expect("auth_success").await;
    let mut next = Client::connect(app.address(), Credential::FirstMessage(&token)).await;
    next.expect("auth_success").await;
}

/// Protects: a peer that trickles its request, or sends none, is closed in about ten seconds, and meanwhile holds
/// up nobody. (It takes those ten seconds.)
#[tokio::test(flavor = "multi_thread")]
async fn slow_handshakes_are_cut() {
    let app = TestApp::start().await;
    let address = app.address();
    let silent = async {
        let start = Instant::now();
        RawSocket::connect(address).await.read_to_end(Duration::from_secs(20)).await;
        start.elapsed()
    };
    let trickle = async {
        let start = Instant::now();
        let mut socket = RawSocket::connect(address).await;
        socket.write(b"GET /api/v1/chat/ws HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
        for _ in 0..20 {
            socket.write(b"a").await;
            if socket.is_closed_within(Duration::from_secs(1)).await {
                break;
            }
        }
        start.elapsed()
    };
    let others = async {
        for _ in 0..20 {
            assert_eq!(http::get(address, "/health/live").await.status, 200);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (silent, trickle, ()) = tokio::join!(silent, trickle, others);
    assert!(silent < Duration::from_secs(15), "silent for {silent:?}");
    assert!(trickle < Duration::from_secs(15), "trickled for {trickle:?}");
}

/// Protects: a peer that is gone without a word is noticed within two heartbeats, and one that only listens is not
/// taken for it.
#[tokio::test(flavor = "multi_thread")]
async fn two_heartbeats_without_a_sign_of_life_close() {
    let app = TestApp::builder().env("WEBSOCKET_HEARTBEAT_INTERVAL", 1).start().await;
    let token = app.token("ann@example.org");
    let mut dead = RawSocket::upgrade(app.address(), &token, None).await;
    let mut listener = app.client(&token).await;
    let dead = async {
        let start = Instant::now();
        let mut pings = 0;
        loop {
            match dead.receive().await {
                Received::Frame(opcode::PING, _) => pings += 1,
                Received::Frame(opcode::CLOSE, payload) => {
                    assert_eq!(payload[..2], 4008_u16.to_be_bytes());
                    return (pings, start.elapsed());
                }
                Received::Frame(..) => {}
                Received::End => panic!("a close frame was due"),
            }
        }
    };
    // Its library answers pings while it waits for frames that do not come.
    let listener = listener.expect_silence(Duration::from_secs(6));
    let ((pings, lived), ()) = tokio::join!(dead, listener);
    assert!(pings >= 1, "it was asked first");
    // Two heartbeats, by a clock that starts a little after the server's.
    assert!((1.5..6.0).contains(&lived.as_secs_f64()), "{lived:?}");
}

/// Protects: a head without end is cut by its size, not only by its time.
#[tokio::test(flavor = "multi_thread")]
async fn an_endless_head_is_refused() {
    let app = TestApp::start().await;
    let mut socket = RawSocket::connect(app.address()).await;
    socket.write(b"GET /health HTTP/1.1\r\nhost: x\r\n").await;
    let line = format!("x-filler: {}\r\n", "y".repeat(8_000));
    for _ in 0..200 {
        socket.write(line.as_bytes()).await;
    }
    let answer = socket.read_to_end(Duration::from_secs(5)).await;
    if let Some(answer) = http::parse(&answer) {
        assert!([400, 431].contains(&answer.status), "{}", answer.head);
    }
    assert_eq!(app.get("/health/live").await.status, 200);
}

/// Protects: where origins are named, a page of another cannot open a socket with a visitor's token.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_origins_are_refused() {
    let app =
        TestApp::builder().env("CORS_ORIGIN", "https://chat.example.org,http://localhost:3000").start().await;
    let token = app.token("ann@example.org");
    for good in ["https://chat.example.org", "http://localhost:3000"] {
        let client = Client::try_connect(app.address(), Credential::Query(&token), &[("origin", good)]).await;
        client.unwrap().expect("auth_success").await;
    }
    for bad in
        ["https://evil.example.org", "https://chat.example.org.evil.org", "http://chat.example.org", "null"]
    {
        let refused = Client::try_connect(app.address(), Credential::Query(&token), &[("origin", bad)]).await;
        let Err(Error::Http(response)) = refused else { panic!("{bad}: {refused:?}") };
        assert_eq!(response.status(), 403, "{bad}");
    }
    // No browser, no origin.
    app.client(&token).await;
}
