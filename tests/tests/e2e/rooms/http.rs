//! Rooms over HTTP, and what the server says of itself.

use parlor_tests::client::id;
use parlor_tests::{TestApp, http};
use serde_json::{Value, json};

const ROOMS: &str = "/api/v1/ws/rooms";

/// Protects: a room's life over HTTP, and that a socket finds it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_made_found_and_deleted() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.token("ann@example.org"), app.token("bob@example.org"));
    let new = json!({"room_id": "team", "room_name": "Team", "room_type": "group"});
    let made = app.ask(&ann, "POST", ROOMS, new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let room = made.json();
    assert_eq!(
        (&room["room_name"], &room["room_type"], &room["role"]),
        (&json!("Team"), &json!("group"), &json!("owner"))
    );
    assert_eq!(app.ask(&ann, "POST", ROOMS, new.clone()).await.status, 200, "again is harmless");
    assert_eq!(app.ask(&bob, "POST", ROOMS, new).await.refusal(), (409, "CONFLICT".to_owned()));

    let mut socket = app.rooms(&ann).await;
    let joined = socket.enter("team", "group").await;
    assert_eq!(joined["conversation_id"], room["conversation_id"]);
    socket.say("team", "hello").await;
    let found = app.room(&ann, "team").await;
    assert_eq!((&found["last_seq"], &found["message_count"]), (&json!(1), &json!(1)));
    let member = &found["members"][0];
    assert_eq!((&member["username"], &member["online"]), (&json!("ann"), &json!(true)));

    let path = format!("{ROOMS}/team");
    assert_eq!(app.ask(&ann, "DELETE", &path, Value::Null).await.status, 204);
    socket.until("room_deleted").await;
    for method in ["GET", "DELETE"] {
        let gone = app.ask(&ann, method, &path, Value::Null).await;
        assert_eq!(gone.refusal(), (404, "ROOM_NOT_FOUND".to_owned()));
    }
}

/// Protects: lists are read page by page, own rooms and shared ones.
#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.token("ann@example.org"), app.token("bob@example.org"));
    for number in 0..7 {
        let kind = if number % 2 == 0 { "shared" } else { "private" };
        let new = json!({"room_id": format!("room-{number}"), "room_type": kind});
        assert_eq!(app.ask(&ann, "POST", ROOMS, new).await.status, 201);
    }
    let list = async |token: &str, scope: &str| {
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("{ROOMS}?scope={scope}&limit=3{after}");
            let page = app.ask(token, "GET", &path, Value::Null).await.json();
            let rooms = page["rooms"].as_array().unwrap();
            assert!(rooms.len() <= 3, "{page}");
            ids.extend(rooms.iter().map(|room| id(&room["room_id"])));
            match page["next_after"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return ids,
            }
        }
    };
    assert_eq!(list(&ann, "own").await, (0..7).map(|it| format!("room-{it}")).collect::<Vec<_>>());
    assert_eq!(list(&bob, "own").await, Vec::<String>::new());
    assert_eq!(list(&bob, "shared").await, ["room-0", "room-2", "room-4", "room-6"]);
}

/// Protects: figures are for admins, and are right.
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_for_admins() {
    const STATS: &str = "/api/v1/ws/stats";
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    assert_eq!(app.ask(&token, "GET", STATS, Value::Null).await.refusal(), (403, "FORBIDDEN".to_owned()));
    let admin = app.admin_token("root@example.org");
    let mut ann = app.rooms(&token).await;
    let _tab = app.rooms(&token).await;
    ann.enter("hall", "shared").await;
    ann.say("hall", "one").await;
    let figures = app.ask(&admin, "GET", STATS, Value::Null).await.json();
    for (name, expect) in
        [("connections", 2), ("users", 1), ("users_total", 2), ("rooms", 1), ("messages", 1)]
    {
        assert_eq!(figures[name], expect, "{name}: {figures}");
    }
    assert!(figures.as_object().unwrap().values().all(Value::is_u64), "flat numbers: {figures}");
}

/// Protects: a refusal has one form, whatever was wrong.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_problems() {
    let app = TestApp::start().await;
    let ann = app.token("ann@example.org");
    let cases = [
        ("GET", "/api/v1/ws/rooms/nowhere".to_owned(), Value::Null, 404, "ROOM_NOT_FOUND"),
        ("GET", "/nowhere".to_owned(), Value::Null, 404, "NOT_FOUND"),
        ("POST", ROOMS.to_owned(), json!([1]), 400, "INVALID_JSON"),
        ("POST", ROOMS.to_owned(), json!({"room_id": "a b"}), 400, "INVALID_REQUEST"),
        ("POST", ROOMS.to_owned(), json!({"room_id": "r", "room_type": "secret"}), 400, "INVALID_REQUEST"),
        ("GET", format!("{ROOMS}?limit=0"), Value::Null, 400, "INVALID_REQUEST"),
        ("GET", format!("{ROOMS}?limit=201"), Value::Null, 400, "INVALID_REQUEST"),
        ("GET", format!("{ROOMS}?scope=all"), Value::Null, 400, "INVALID_REQUEST"),
    ];
    for (method, path, body, status, code) in cases {
        let answer = app.ask(&ann, method, &path, body).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{method} {path}");
    }
    let bad = app.ask("nonsense", "GET", ROOMS, Value::Null).await;
    assert_eq!(bad.refusal(), (401, "INVALID_TOKEN".to_owned()));
}

/// Protects: the documents that a client's author reads are there, parse, and name every socket; every frame type
/// that these tests use is described.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_describes_itself() {
    let app = TestApp::start().await;
    let openapi = app.get("/openapi.json").await.json();
    assert!(id(&openapi["openapi"]).starts_with("3.1"), "{}", openapi["openapi"]);
    let asyncapi = app.get("/asyncapi.json").await.json();
    assert!(id(&asyncapi["asyncapi"]).starts_with("3."));
    let channels = [
        ("broker", "/ws"),
        ("conversations", "/api/v1/chat/ws"),
        ("rooms", "/api/v1/ws/ws"),
        ("sessions", "/chat/ws"),
        ("socketio", "/socket.io/"),
        ("workers", "/ws"),
    ];
    let described = asyncapi["channels"].as_object().unwrap();
    for (name, address) in channels {
        assert_eq!(described[name]["address"], address, "{name}");
    }
    assert_eq!(described.len(), channels.len());
    let kinds = ["rooms.client.chat", "rooms.server.presence", "conversations.server.stream_content"];
    let others = ["broker.server.ai_response", "workers.server.process_message", "socketio.server.chat.end"];
    for kind in kinds.into_iter().chain(others) {
        let found = asyncapi["components"]["messages"].get(kind);
        assert!(found.is_some(), "{kind} is not described");
    }
    let docs = app.get("/docs").await;
    let page = match docs.header("location") {
        Some(place) => http::get(app.address(), place).await,
        None => docs,
    };
    assert_eq!(page.status, 200, "{}", page.head);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{}", page.head);
}
