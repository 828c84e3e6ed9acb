//! Sessions at rest over HTTP.

use super::world::World;
use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt;
use parlor_domain::testing::Script;
use parlor_domain::{
    Action, Command, ConversationId, Correlation, Draft, Outgoing, Place, ReplyBody, TurnOptions,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tower::ServiceExt;

const SESSIONS: &str = "/chat/sessions";

impl World {
    /// Has `text` answered, and gives the session.
    async fn asked(&self, token: &str, session: Option<ConversationId>, text: &str) -> ConversationId {
        let caller = self.hub.authenticate(token).await.unwrap();
        let mut connection = self.hub.connect_for_answers(&caller).unwrap();
        let options = TurnOptions {
            context: Some(r#"{"goal":"run"}"#.into()),
            raw_events: true,
            ..TurnOptions::default()
        };
        let draft = Draft {
            place: session.map(Place::Conversation),
            content: text.into(),
            kind: "plan".into(),
            content_type: None,
            client_id: None,
            attachments: Vec::new(),
            options,
        };
        let action = Action::Ask { draft, pieces: false };
        connection.handle(Command { action, correlation: Correlation::default() }).await;
        let mut batch = VecDeque::new();
        loop {
            connection.outbox().take(&mut batch).await.unwrap();
            for item in batch.drain(..) {
                let Outgoing::Reply(reply) = item else { continue };
                match reply.body {
                    ReplyBody::Answered { message, .. } => return message.conversation,
                    other => panic!("not answered: {other:?}"),
                }
            }
        }
    }

    async fn titles(&self, token: &str, query: &str) -> (Vec<String>, Value) {
        let body = self.get(token, &format!("{SESSIONS}?{query}")).await.body;
        let titles =
            body["data"].as_array().unwrap().iter().map(|it| it["title"].as_str().unwrap().to_owned());
        (titles.collect(), body["meta"].clone())
    }
}

#[tokio::test]
async fn sessions_are_listed_page_by_page() {
    let world = World::new().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    for text in ["one", "two", "three"] {
        world.asked(&ann, None, text).await;
    }
    let (titles, meta) = world.titles(&ann, "limit=2").await;
    assert_eq!((titles.len(), meta), (2, json!({"total": 3, "page": 1, "limit": 2, "totalPages": 2})));
    let (rest, meta) = world.titles(&ann, "page=2&limit=2").await;
    assert_eq!((rest.len(), &meta["page"]), (1, &json!(2)));
    let mut all = [titles, rest].concat();
    all.sort();
    assert_eq!(all, ["one", "three", "two"]);
    assert_eq!(world.titles(&bob, "").await.1["total"], 0);

    let listed = world.get(&ann, SESSIONS).await.body["data"][0].clone();
    assert_eq!(listed["user_id"], json!(world.user("ann").await));
    assert_eq!((&listed["is_active"], &listed["message_count"]), (&json!(true), &json!(2)));
    for absent in ["deleted_at", "title_snippet", "matches"] {
        assert!(listed.get(absent).is_none(), "{absent}");
    }
    for bad in ["page=0", "limit=0", "limit=201", "page=x", "deleted=maybe", "q=%21", "q=a&deleted=true"] {
        let answer = world.get(&ann, &format!("{SESSIONS}?{bad}")).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST"), "{bad}");
    }
}

#[tokio::test]
async fn a_session_is_read_with_its_exchanges() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    world.ask(&ann, "PATCH", "/api/v1/users/me", json!({"profile": {"age": 30}})).await;
    let id = world.asked(&ann, None, "first").await;
    world.backend.play(Script::reply(&["to the ", "second"]));
    world.asked(&ann, Some(id), "second").await;
    let session = world.get(&ann, &format!("{SESSIONS}/{id}?page=2&limit=1")).await.body;
    assert_eq!((&session["session_id"], &session["title"]), (&json!(id), &json!("first")));
    assert_eq!(session["meta"], json!({"total": 2, "page": 2, "limit": 1, "totalPages": 2}));
    let exchange = &session["messages"][0];
    assert_eq!((&exchange["message"], &exchange["response"]), (&json!("second"), &json!("to the second")));
    assert_eq!((&exchange["message_type"], &exchange["status"]), (&json!("plan"), &json!("complete")));
    assert_eq!(exchange["context"], json!({"goal": "run", "user_profile": {"age": 30}, "raw_events": []}));
    assert!(exchange["response_time_ms"].is_u64() && exchange["response_id"].is_string());
    assert!(exchange.get("deleted").is_none());
}

#[tokio::test]
async fn what_was_said_is_found_with_harmless_snippets() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    world.backend.play(Script::reply(&["Use <kettlebells>"]));
    let id = world.asked(&ann, None, "What for strength?").await;
    world.asked(&ann, None, "Something else").await;
    let found = world.get(&ann, &format!("{SESSIONS}?q=kettle")).await.body;
    assert_eq!((&found["meta"]["total"], &found["data"][0]["session_id"]), (&json!(1), &json!(id)));
    let hit = &found["data"][0];
    assert_eq!(hit["matches"][0]["snippet"], "Use &lt;<mark>kettlebells</mark>&gt;");
    assert_eq!((&hit["title_snippet"], &hit["matches"][0]["seq"]), (&json!("What for strength?"), &json!(2)));
}

#[tokio::test]
async fn a_deleted_session_can_be_brought_back() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    let id = world.asked(&ann, None, "Hi").await;
    let path = format!("{SESSIONS}/{id}");
    assert_eq!(world.ask(&ann, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(world.get(&ann, &path).await.refusal(), (404, "CONVERSATION_NOT_FOUND"));
    assert_eq!(world.titles(&ann, "").await.0, [""; 0]);
    let deleted = world.get(&ann, &format!("{SESSIONS}?deleted=true")).await.body["data"][0].clone();
    assert_eq!((&deleted["session_id"], &deleted["is_active"]), (&json!(id), &json!(false)));
    assert!(deleted["deleted_at"].is_string());
    let restored = world.ask(&ann, "POST", &format!("{path}/restore"), Value::Null).await;
    assert_eq!((restored.status.as_u16(), &restored.body["is_active"]), (200, &json!(true)));
    assert_eq!(world.get(&ann, &path).await.body["messages"][0]["message"], "Hi");
}

/// Protects sessions from strangers: another user's is not there, whatever is asked of it.
#[tokio::test]
async fn a_strangers_session_is_not_there() {
    let world = World::new().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    let id = world.asked(&ann, None, "Hi").await;
    let none = ConversationId::new();
    for (method, tail) in
        [("GET", ""), ("DELETE", ""), ("POST", "/restore"), ("GET", "/export"), ("GET", "/export?format=md")]
    {
        for id in [id, none] {
            let answer = world.ask(&bob, method, &format!("{SESSIONS}/{id}{tail}"), Value::Null).await;
            assert_eq!(answer.refusal(), (404, "CONVERSATION_NOT_FOUND"), "{method} {tail}");
        }
        let answer = world.ask(&bob, method, &format!("{SESSIONS}/123{tail}"), Value::Null).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST"), "{method} {tail}");
    }
    assert_eq!(world.get(&ann, &format!("{SESSIONS}/{id}")).await.status, 200);
}

#[tokio::test]
async fn an_export_is_a_file_of_its_format() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    let id = world.asked(&ann, None, "Hi <b>").await;
    for (query, kind, extension) in [
        ("", "application/json", "json"),
        ("?format=json", "application/json", "json"),
        ("?format=md", "text/markdown; charset=utf-8", "md"),
        ("?format=html", "text/html; charset=utf-8", "html"),
    ] {
        let answer = world.get(&ann, &format!("{SESSIONS}/{id}/export{query}")).await;
        assert_eq!((answer.status.as_u16(), &answer.headers["content-type"]), (200, &kind.parse().unwrap()));
        let name = format!("attachment; filename=\"session-{id}.{extension}\"");
        assert_eq!(answer.headers["content-disposition"], name.as_str());
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.text.contains("Hi "), "{}", answer.text);
    }
    let bad = world.get(&ann, &format!("{SESSIONS}/{id}/export?format=pdf")).await;
    assert_eq!(bad.refusal(), (400, "INVALID_REQUEST"));
}

/// Protects who keeps an export: where the store fails on the way, the transfer breaks, and no short file looks whole.
#[tokio::test]
async fn an_export_that_fails_on_the_way_breaks() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    let id = world.asked(&ann, None, &"long ".repeat(10_000)).await;
    let request =
        Request::get(format!("{SESSIONS}/{id}/export")).header("authorization", format!("Bearer {ann}"));
    let request = request.body(Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut pieces = response.into_body().into_data_stream();
    assert!(pieces.next().await.unwrap().unwrap().starts_with(b"{\"session\":"));
    world.store.fail_next_reads(1_000);
    let rest: Vec<_> = pieces.collect().await;
    assert!(rest.last().unwrap().is_err(), "a file that is not whole must not end like one that is");
}

/// An export of many pages is whole and in order, and valid JSON at its length.
#[tokio::test]
async fn a_long_export_is_whole() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    let id = world.asked(&ann, None, "0").await;
    // The limit on messages counts a connection: each has one of its own here.
    for number in 1..100 {
        world.asked(&ann, Some(id), &number.to_string()).await;
    }
    let whole = world.get(&ann, &format!("{SESSIONS}/{id}/export")).await.body;
    assert_eq!((&whole["complete"], &whole["session"]["session_id"]), (&json!(true), &json!(id)));
    let messages = whole["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 200);
    for (number, pair) in messages.chunks(2).enumerate() {
        assert_eq!(pair[0]["content"], number.to_string());
        assert_eq!((&pair[0]["role"], &pair[1]["role"]), (&json!("user"), &json!("assistant")));
        assert_eq!(pair[1]["in_reply_to"], pair[0]["message_id"]);
    }
    assert_eq!(messages[0]["context"], json!({"goal": "run", "user_profile": {}}));
}
