//! Who may come in, for how long, and what they are told who may not.

use parlor_tests::client::id;
use parlor_tests::{Client, Credential, TestApp};
use serde_json::json;
use std::time::{Duration, Instant};

/// Protects: a token is taken wherever a client can put it, and is the same person each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_in_all_three_places() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut users = Vec::new();
    for credential in
        [Credential::Query(&token), Credential::Header(&token), Credential::FirstMessage(&token)]
    {
        let mut client = Client::connect(app.address(), credential).await;
        users.push(id(&client.expect("auth_success").await["user_id"]));
        client.send(json!({"type": "ping"})).await;
        client.expect("pong").await;
    }
    assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
    let other = app.token("bob@example.org");
    let mut client = Client::connect(app.address(), Credential::Query(&other)).await;
    assert_ne!(id(&client.expect("auth_success").await["user_id"]), users[0]);
}

/// Protects: a bad credential is told why in a frame and closed 4001 (a browser cannot read an HTTP status), in
/// every place; and what was not let in has no effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_credential_is_told_and_closed() {
    let app = TestApp::start().await;
    let elsewhere = TestApp::start().await;
    let good = app.token("ann@example.org");
    let (head, _) = good.rsplit_once('.').unwrap();
    let expired = app.token_for("ann@example.org", "1s");
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let cases = [
        ("garbage".to_owned(), "INVALID_TOKEN"),
        (format!("{head}.AAAA"), "INVALID_TOKEN"),
        (format!("{good}x"), "INVALID_TOKEN"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_owned(), "INVALID_TOKEN"),
        (elsewhere.token("ann@example.org"), "INVALID_TOKEN"),
        (expired, "TOKEN_EXPIRED"),
    ];
    for (token, code) in &cases {
        for credential in
            [Credential::Query(token), Credential::Header(token), Credential::FirstMessage(token)]
        {
            let mut client = Client::connect(app.address(), credential).await;
            client.expect_error(code).await;
            let reason = client.expect_close(4001).await;
            if *code == "INVALID_TOKEN" {
                assert_eq!(reason, "Invalid token");
            }
        }
    }
    for (token, _) in &cases {
        assert!(!app.log().contains(token.as_str()), "a token is in the log");
    }
}

/// Protects: a token of a person whom this database does not know opens nothing, though its signature is right.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_is_no_user() {
    let secret = "one secret that two servers share, 32 bytes or more";
    let app = TestApp::builder().env("JWT_SECRET", secret).start().await;
    let elsewhere = TestApp::builder().env("JWT_SECRET", secret).start().await;
    let token = elsewhere.token("ann@example.org");
    let mut client = Client::connect(app.address(), Credential::Query(&token)).await;
    client.expect_error("INVALID_TOKEN").await;
    client.expect_close(4001).await;
}

/// Protects: the first message must be the credential.
#[tokio::test(flavor = "multi_thread")]
async fn another_first_message_closes() {
    let app = TestApp::start().await;
    for first in [
        json!({"type": "ping"}),
        json!({"type": "send_message", "data": {"conversation_id": null, "content": "hi", "message_type": "user"}}),
        json!({"type": "auth"}),
        json!({"type": "nonsense"}),
    ] {
        let mut client = Client::connect(app.address(), Credential::None).await;
        client.send(first).await;
        client.expect_error("UNAUTHENTICATED").await;
        assert_eq!(client.expect_close(4001).await, "Authentication required");
    }
}

/// Protects: a socket that says nothing is not held for ever. (It takes the ten seconds that it is given.)
#[tokio::test(flavor = "multi_thread")]
async fn silence_closes_after_ten_seconds() {
    let app = TestApp::start().await;
    let start = Instant::now();
    let mut client = Client::connect(app.address(), Credential::None).await;
    client.expect_error("UNAUTHENTICATED").await;
    assert_eq!(client.expect_close(4001).await, "Authentication required");
    let waited = start.elapsed();
    assert!((9..=14).contains(&waited.as_secs()), "{waited:?}");
}

/// Protects: an open socket does not outlive its token.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_socket_ends_with_its_token() {
    let app = TestApp::start().await;
    let mut client = app.client(&app.token_for("ann@example.org", "2s")).await;
    client.say(None, "note", "still here").await;
    let start = Instant::now();
    client.until_error("TOKEN_EXPIRED").await;
    client.expect_close(4001).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

/// Protects: a new `auth` in time extends the session, without a gap; another person's token does not take it over.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_extends_a_live_socket() {
    let app = TestApp::start().await;
    let long = app.token("ann@example.org");
    let stranger = app.token("bob@example.org");
    let mut client = app.client(&app.token_for("ann@example.org", "3s")).await;
    let conversation = client.new_conversation().await;

    client.send(json!({"type": "auth", "token": stranger})).await;
    let refused = client.until_any("error").await;
    assert!(["FORBIDDEN", "INVALID_TOKEN"].contains(&refused["data"]["code"].as_str().unwrap()), "{refused}");

    client.send(json!({"type": "auth", "token": long})).await;
    client.until("auth_success").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    client.say(Some(&conversation), "note", "past the first token's end").await;
}
