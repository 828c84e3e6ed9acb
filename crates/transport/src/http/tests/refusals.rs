//! What is refused, and how: every route, every kind of credential, every kind of bad input.

use super::world::{World, named};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

const ROOMS: &str = "/api/v1/ws/rooms";

/// Protects every route that needs a caller, those to come too: the document says which these are.
#[tokio::test]
async fn routes_with_a_caller_refuse_whoever_is_none() {
    let world = World::new().await;
    let socket = format!("socket:{}", world.user("ann").await);
    let document = serde_json::to_value(super::super::documents::describe()).unwrap();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("security").is_none() {
                continue;
            }
            seen += 1;
            let (path, method) = (named(path), method.to_uppercase());
            let stranger = Request::builder().method(method.as_str()).uri(path.as_str());
            let stranger = world.send(stranger.body(Body::empty()).unwrap()).await;
            assert_eq!(stranger.refusal(), (401, "UNAUTHENTICATED"), "{method} {path}");
            assert_eq!(stranger.headers["www-authenticate"], "Bearer");
            let ask = async |token: &str| world.ask(token, &method, &path, json!({})).await;
            assert_eq!(ask("nonsense").await.refusal(), (401, "INVALID_TOKEN"), "{method} {path}");
            assert_eq!(ask(&socket).await.refusal(), (403, "FORBIDDEN"), "{method} {path}");
        }
    }
    assert!(seen >= 15, "routes that need a caller: {seen}");
}

/// Protects what stands in URLs from being worth more than a socket.
#[tokio::test]
async fn a_token_in_the_url_is_none() {
    let world = World::new().await;
    let uri = format!("{ROOMS}?token={}", world.token("ann").await);
    let answer = world.send(Request::get(uri).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.refusal(), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn a_socket_token_is_issued_and_not_to_be_cached() {
    let world = World::new().await;
    let answer = world.ask(&world.token("ann").await, "POST", "/api/v1/ws/token", Value::Null).await;
    let token = format!("socket:{}", world.user("ann").await);
    assert_eq!(answer.body, json!({"token": token, "expires_in": 86_400}));
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn bad_input_is_a_problem_that_says_what_is_wrong() {
    let world = World::new().await;
    let token = world.token("ann").await;
    let post = async |body: &str| {
        let request = Request::post(ROOMS).header("authorization", format!("Bearer {token}"));
        world.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    assert_eq!(post("[]").await.refusal(), (400, "INVALID_JSON"));
    for wrong in [
        "{}",
        r#"{"room_id":"a b"}"#,
        r#"{"room_id":"r","room_type":"open"}"#,
        r#"{"room_id":"r","ai_mode":1}"#,
    ] {
        assert_eq!(post(wrong).await.refusal(), (400, "INVALID_REQUEST"), "{wrong}");
    }
    let padded = |length: usize| format!(r#"{{"room_id":"r","padding":"{}"}}"#, "x".repeat(length));
    assert_eq!(post(&padded(64 * 1024)).await.refusal(), (413, "INVALID_REQUEST"));
    assert_eq!(post(&padded(63 * 1024)).await.status, 201);
    for path in
        ["?limit=0", "?limit=201", "?limit=x", "?scope=all", "?after=a%20b", "/a%20b", "/r/members?after=1"]
    {
        let answer = world.get(&token, &format!("{ROOMS}{path}")).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST"), "{path}");
    }
    assert_eq!(world.get(&token, "/nowhere").await.refusal(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn figures_are_for_admins() {
    let world = World::new().await;
    let ann = world.user("ann").await;
    let stats = "/api/v1/ws/stats";
    assert_eq!(world.get(&format!("user:{ann}"), stats).await.refusal(), (403, "FORBIDDEN"));
    let admin = format!("admin:{ann}");
    world.ask(&admin, "POST", ROOMS, json!({"room_id": "r"})).await;
    let figures = world.get(&admin, stats).await.body;
    for (name, expect) in
        [("users_total", 1), ("users", 0), ("rooms", 1), ("conversations", 1), ("messages", 0)]
    {
        assert_eq!(figures[name], expect, "{name}");
    }
    assert!(figures.as_object().unwrap().values().all(Value::is_number), "{figures}");
}
