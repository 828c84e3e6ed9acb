//! Connections of the `sessions` dialect: one request, one reply, and nothing else.

use super::{Client, World};
use fastwebsockets::OpCode;
use parlor_domain::testing::Script;
use serde_json::{Value, json};

const PATH: &str = "/chat/ws";

impl World {
    async fn session(&self, email: &str) -> Client {
        let (client, greeting) = self.user(email, PATH, "").await;
        assert_eq!(greeting, json!({"type": "connected"}));
        client
    }
}

/// Protects clients in the field: they count frames, and read the second one after their request as the reply.
#[tokio::test]
async fn a_request_gets_typing_and_its_reply() {
    let world = World::new().await;
    let mut ann = world.session("ann@example.org").await;
    ann.say(json!({"message": "What's the best workout?", "message_type": "fitness_plan"})).await;
    assert_eq!(ann.any().await, json!({"type": "typing"}));
    let reply = ann.any().await;
    assert_eq!((&reply["type"], &reply["message"]), (&json!("message"), &json!("What's the best workout?")));
    assert_eq!(reply["user_id"], json!(world.domain.user("ann@example.org").await));
    assert_eq!(reply["message_type"], "fitness_plan");
    assert!(reply["data"]["response_time_ms"].is_u64() && reply["data"]["raw_events"].is_array());

    world.domain.backend.play(Script::reply(&["Ru", "n."]));
    ann.say(json!({"message": "And then?", "session_id": reply["session_id"], "stream": true})).await;
    assert_eq!(ann.any().await["type"], "typing");
    let mut text = String::new();
    let last = loop {
        let frame = ann.any().await;
        if frame["type"] == "message" {
            break frame;
        }
        assert_eq!((&frame["type"], &frame["session_id"]), (&json!("chunk"), &reply["session_id"]));
        text += frame["content"].as_str().unwrap();
    };
    assert_eq!((text.as_str(), &last["message"]), ("Run.", &json!("Run.")));
    assert_eq!(last["session_id"], reply["session_id"]);
}

/// Protects clients of one request and one reply from what their user does elsewhere.
#[tokio::test]
async fn nothing_is_heard_that_was_not_asked_for() {
    let world = World::new().await;
    let mut ann = world.session("ann@example.org").await;
    let mut other = world.session("ann@example.org").await;
    ann.say(json!({"message": "Hi"})).await;
    let session = ann.next("message").await["session_id"].clone();
    ann.say(json!({"message": "Hi", "session_id": session})).await;
    ann.next("message").await;
    other.say(json!({"type": "ping", "request_id": "p"})).await;
    assert_eq!(other.any().await, json!({"type": "pong", "request_id": "p"}));
    ann.say(json!({"type": "ping"})).await;
    assert_eq!(ann.any().await, json!({"type": "pong"}));
}

/// A request that is sent again gets the first reply, and a stranger's session is not there.
#[tokio::test]
async fn the_same_request_gets_the_same_reply() {
    let world = World::new().await;
    let mut ann = world.session("ann@example.org").await;
    let request = json!({"message": "Hi", "client_message_id": "c-1"});
    ann.say(request.clone()).await;
    let first = ann.next("message").await;
    let mut again = world.session("ann@example.org").await;
    again.say(request).await;
    let second = again.next("message").await;
    for field in ["session_id", "message", "client_message_id"] {
        assert_eq!(first[field], second[field], "{field}");
    }
    assert_eq!(first["data"]["message_id"], second["data"]["message_id"]);

    let mut bob = world.session("bob@example.org").await;
    bob.say(json!({"message": "Hi", "session_id": first["session_id"], "request_id": "r"})).await;
    let refused = bob.any().await;
    assert_eq!((&refused["code"], &refused["request_id"]), (&json!("CONVERSATION_NOT_FOUND"), &json!("r")));
    assert_eq!(refused["type"], "error");
}

/// A turn that fails is told by its code, and no reply comes after it.
#[tokio::test]
async fn a_turn_that_fails_is_an_error() {
    let world = World::new().await;
    let mut ann = world.session("ann@example.org").await;
    let failure =
        parlor_domain::ports::BackendError::Status { status: 400, message: "no".into(), retry_after: None };
    world.domain.backend.play(vec![Script::Fail(failure)]);
    ann.say(json!({"message": "Hi", "request_id": "r"})).await;
    let error = ann.next("error").await;
    assert_eq!((&error["request_id"], error["session_id"].is_string()), (&json!("r"), true), "{error}");
    ann.say(json!({"type": "ping"})).await;
    assert_eq!(ann.any().await["type"], "pong");
}

/// Protects who signs out: whatever sockets came of that sign-in are closed, those that a later token extended too.
#[tokio::test]
async fn a_sign_out_closes_sockets() {
    let world = World::new().await;
    let token = world.domain.user("ann@example.org").await.to_string();
    let mut ann = world.session("ann@example.org").await;
    ann.say(json!({"type": "auth", "token": token})).await;
    assert_eq!(ann.any().await, json!({"type": "connected"}));
    let bob = world.domain.user("bob@example.org").await.to_string();
    ann.say(json!({"type": "auth", "token": bob})).await;
    assert_eq!(ann.any().await["code"], "FORBIDDEN");
    let mut away = world.session("bob@example.org").await;

    let caller = world.domain.hub.authenticate(&token).await.unwrap();
    world.domain.hub.sign_out(&caller, None).await.unwrap();
    assert_eq!(ann.closed().await, 4001);
    away.say(json!({"type": "ping"})).await;
    assert_eq!(away.any().await["type"], "pong");

    let mut late = world.open(&format!("{PATH}?token={token}")).await;
    let refused: Value = late.any().await;
    assert_eq!(refused["code"], "INVALID_TOKEN");
    assert_eq!(late.closed().await, 4001);
    let mut nobody = world.open(PATH).await;
    nobody.send(OpCode::Text, br#"{"message":"Hi"}"#).await;
    assert_eq!(nobody.any().await["code"], "UNAUTHENTICATED");
    assert_eq!(nobody.closed().await, 4001);
}
