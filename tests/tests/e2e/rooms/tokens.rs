//! Tokens for sockets.

use parlor_tests::client::id;
use parlor_tests::{Rooms, TestApp};
use serde_json::{Value, json};

const ISSUE: &str = "/api/v1/ws/token";

/// Protects: a token that stands in a URL opens sockets of both dialects, and nothing over HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_token_opens_sockets_alone() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let issued = app.ask(&token, "POST", ISSUE, Value::Null).await;
    assert_eq!((issued.status, issued.header("cache-control")), (200, Some("no-store")));
    let body = issued.json();
    assert_eq!(body["expires_in"], 86_400);
    let socket = id(&body["token"]);

    let own = app.rooms(&token).await;
    let mut client = Rooms::connect(app.address(), &socket, "").await;
    assert_eq!(client.user, own.user);
    client.replay().await;
    client.enter("r", "shared").await;
    client.say("r", "by a token for sockets").await;
    app.client(&socket).await.new_conversation().await;

    assert_eq!(app.ask(&socket, "POST", ISSUE, Value::Null).await.refusal(), (403, "FORBIDDEN".to_owned()));
    assert_eq!(app.ask(&socket, "GET", "/api/v1/ws/rooms", Value::Null).await.status, 403);
    let in_url = app.get(&format!("/api/v1/ws/rooms?token={token}")).await;
    assert_eq!(in_url.refusal(), (401, "UNAUTHENTICATED".to_owned()));
    assert_eq!(in_url.header("www-authenticate"), Some("Bearer"));
}

/// Protects: a token of another kind extends a connection of the same user, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_auth_is_the_same_users() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut client = app.rooms(&token).await;
    client.send(json!({"type": "auth", "token": token})).await;
    assert_eq!(client.expect("connect").await["data"]["user_id"], client.user.as_str());
    client.send(json!({"type": "auth", "token": app.token("eve@example.org")})).await;
    client.expect_error("FORBIDDEN").await;
    client.barrier().await;
}
