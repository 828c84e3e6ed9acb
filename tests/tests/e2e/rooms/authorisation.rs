//! Who may do what, for every route and every frame that the server's own documents list: a new one without a row
//! here fails.

use parlor_tests::client::id;
use parlor_tests::http::{self, Answer};
use parlor_tests::{Rooms, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a stranger gets with an access token of their own.
enum Stranger {
    /// Everybody may, without a token too.
    Public,
    /// It concerns them alone.
    Own(u16),
    Refused(u16, &'static str),
}

struct Row {
    operation: &'static str,
    body: fn() -> Value,
    stranger: Stranger,
}

const fn row(operation: &'static str, body: fn() -> Value, stranger: Stranger) -> Row {
    Row { operation, body, stranger }
}

fn nothing() -> Value {
    Value::Null
}

const ROUTES: &[Row] = &[
    row("GET /health", nothing, Stranger::Public),
    row("GET /health/live", nothing, Stranger::Public),
    row("GET /health/ready", nothing, Stranger::Public),
    row("GET /openapi.json", nothing, Stranger::Public),
    row("GET /asyncapi.json", nothing, Stranger::Public),
    row("POST /api/v1/ws/token", nothing, Stranger::Own(200)),
    row("GET /api/v1/ws/rooms", nothing, Stranger::Own(200)),
    row("POST /api/v1/ws/rooms", || json!({"room_id": "secret"}), Stranger::Refused(409, "CONFLICT")),
    row("GET /api/v1/ws/rooms/{room_id}", nothing, Stranger::Refused(404, "ROOM_NOT_FOUND")),
    row("DELETE /api/v1/ws/rooms/{room_id}", nothing, Stranger::Refused(404, "ROOM_NOT_FOUND")),
    row("GET /api/v1/ws/rooms/{room_id}/members", nothing, Stranger::Refused(404, "ROOM_NOT_FOUND")),
    row("GET /api/v1/ws/stats", nothing, Stranger::Refused(403, "FORBIDDEN")),
    row("GET /v1/models", nothing, Stranger::Own(200)),
    row("POST /v1/chat/completions", completion, Stranger::Own(200)),
];

fn completion() -> Value {
    json!({"messages": [{"role": "user", "content": "echo hello"}]})
}

/// The status and the code of a refusal, in the form that the route's clients read.
fn refusal(path: &str, answer: &Answer) -> (u16, String) {
    if !path.starts_with("/v1/") {
        return answer.refusal();
    }
    let error = &answer.json()["error"];
    assert!(error["message"].is_string() && error["type"].is_string(), "{error}");
    (answer.status, id(&error["code"]))
}

/// Every operation of the document, and whether it asks for a token.
fn operations(openapi: &Value) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if ["get", "put", "post", "delete", "patch", "head", "options"].contains(&method.as_str()) {
                let secured = operation["security"].as_array().is_some_and(|it| !it.is_empty());
                found.push((format!("{} {path}", method.to_ascii_uppercase()), secured));
            }
        }
    }
    found
}

/// Protects: no route serves who has no token, a token for sockets alone, or no part in the room.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_strangers() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.token("ann@example.org"), app.token("eve@example.org"));
    let made =
        app.ask(&ann, "POST", "/api/v1/ws/rooms", json!({"room_id": "secret", "room_type": "group"})).await;
    assert_eq!(made.status, 201);
    let issued = app.ask(&ann, "POST", "/api/v1/ws/token", Value::Null).await.json();
    let socket = id(&issued["token"]);
    let listed = operations(&app.get("/openapi.json").await.json());
    let known: BTreeSet<&str> = ROUTES.iter().map(|row| row.operation).collect();
    let there: BTreeSet<&str> = listed.iter().map(|(operation, _)| operation.as_str()).collect();
    assert_eq!(there, known, "each route has a row");
    for (operation, secured) in &listed {
        let Row { body, stranger, .. } = ROUTES.iter().find(|row| row.operation == operation).unwrap();
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.replace("{room_id}", "secret");
        let ask = async |token: Option<&str>| http::ask(app.address(), method, &path, token, &body()).await;
        let (expect, code) = match stranger {
            Stranger::Public => {
                assert!(!secured, "{operation} says that it asks for a token");
                assert_eq!(ask(None).await.status, 200, "{operation}");
                continue;
            }
            Stranger::Own(status) => (*status, None),
            Stranger::Refused(status, code) => (*status, Some(*code)),
        };
        assert!(secured, "{operation} does not say that it asks for a token");
        let refused = async |token| refusal(&path, &ask(token).await);
        assert_eq!(refused(None).await, (401, "UNAUTHENTICATED".to_owned()), "{operation}");
        assert_eq!(refused(Some("nonsense")).await, (401, "INVALID_TOKEN".to_owned()), "{operation}");
        assert_eq!(refused(Some(&socket)).await, (403, "FORBIDDEN".to_owned()), "{operation}");
        let answer = ask(Some(&eve)).await;
        assert_eq!(answer.status, expect, "{operation}: {}", answer.body);
        assert!(!answer.body.contains("secret") || code.is_some(), "{operation}: {}", answer.body);
        if let Some(code) = code {
            assert_eq!(answer.refusal().1, code, "{operation}");
        }
    }
    assert_eq!(app.room(&ann, "secret").await["participant_count"], 1, "nothing was changed");
}

/// What a stranger is told for a frame about the room `secret` and a message in it; none for what names no room.
fn frames(message: &str, user: &str) -> Vec<(&'static str, Value, Option<&'static str>)> {
    let room = "secret";
    vec![
        ("auth", Value::Null, None),
        ("ping", Value::Null, None),
        ("chat", json!({"room_id": room, "message": "hi"}), Some("ROOM_NOT_FOUND")),
        ("join_room", json!({"room_id": room}), Some("ROOM_ACCESS_DENIED")),
        ("leave_room", json!({"room_id": room}), Some("ROOM_NOT_FOUND")),
        ("delete_room", json!({"room_id": room}), Some("ROOM_NOT_FOUND")),
        ("add_member", json!({"room_id": room, "user_id": user}), Some("ROOM_NOT_FOUND")),
        ("remove_member", json!({"room_id": room, "user_id": user}), Some("ROOM_NOT_FOUND")),
        ("typing", json!({"room_id": room, "is_typing": true}), Some("ROOM_NOT_FOUND")),
        ("read", json!({"room_id": room, "seq": 1}), Some("ROOM_NOT_FOUND")),
        ("history", json!({"room_id": room}), Some("ROOM_NOT_FOUND")),
        ("edit", json!({"message_id": message, "message": "mine"}), Some("MESSAGE_NOT_FOUND")),
        ("delete", json!({"message_id": message}), Some("MESSAGE_NOT_FOUND")),
        ("react", json!({"message_id": message, "emoji": "👍"}), Some("MESSAGE_NOT_FOUND")),
        ("stop", json!({"room_id": room}), Some("ROOM_NOT_FOUND")),
        ("regenerate", json!({"room_id": room, "message_id": message}), Some("ROOM_NOT_FOUND")),
        ("resume", json!({"positions": [{"room_id": room, "seq": 0}]}), Some("ROOM_NOT_FOUND")),
    ]
}

/// Protects: no frame reads or changes anything of a room for who is no member of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_frame_refuses_strangers() {
    let app = TestApp::start().await;
    let ann_token = app.token("ann@example.org");
    let mut ann = app.rooms(&ann_token).await;
    let mut eve: Rooms = app.rooms(&app.token("eve@example.org")).await;
    ann.enter("secret", "group").await;
    let message = id(&ann.say("secret", "between us").await["server_message_id"]);
    let before = (ann.whole_history("secret").await, app.room(&ann_token, "secret").await);

    let asyncapi = app.get("/asyncapi.json").await.json();
    let listed: BTreeSet<String> = asyncapi["operations"]["rooms.receive"]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| id(&it["$ref"]).rsplit('.').next().unwrap().to_owned())
        .collect();
    let frames = frames(&message, &eve.user);
    let known: BTreeSet<String> = frames.iter().map(|(kind, ..)| (*kind).to_owned()).collect();
    assert_eq!(listed, known, "each frame has a row");
    for (kind, data, code) in frames {
        let Some(code) = code else { continue };
        eprintln!("{kind}"); // shown where it is not answered
        eve.ask(kind, data).await;
        eve.expect_error(code).await;
    }
    eve.barrier().await;
    ann.barrier().await;
    assert_eq!((ann.whole_history("secret").await, app.room(&ann_token, "secret").await), before);
}
