//! The door for clients of `OpenAI`'s API.

use super::world::World;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use futures_util::StreamExt;
use parlor_domain::message::Usage;
use parlor_domain::ports::{BackendError, Delta, Finish, ToolCall};
use parlor_domain::testing::Script;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt;

const PATH: &str = "/v1/chat/completions";

fn say(text: &str) -> Script {
    Script::Say(Delta::Content(text.into()))
}

fn end(finish: Finish) -> Script {
    Script::Say(Delta::End(finish))
}

fn call(id: Option<&str>, name: Option<&str>, arguments: &str) -> Script {
    let (id, name, arguments) = (id.map(Into::into), name.map(Into::into), arguments.into());
    Script::Say(Delta::ToolCall(ToolCall { index: 0, id, name, arguments }))
}

fn figures() -> [Script; 2] {
    let usage = Usage { prompt_tokens: 5, completion_tokens: 2, estimated: false };
    [Script::Say(Delta::Model("m-1.2".into())), Script::Say(Delta::Usage(usage))]
}

fn hello() -> Value {
    json!({"model": "m-1", "messages": [{"role": "user", "content": "hello"}]})
}

/// The data of the events of a stream.
async fn stream(world: &World, mut body: Value) -> Vec<Value> {
    body["stream"] = true.into();
    let request = Request::post(PATH).header("authorization", format!("Bearer {}", world.token("ann").await));
    let response = world.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await;
    let response = response.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let data = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
}

/// The way of a reply in one piece, and of what a request says beside its text.
#[tokio::test]
async fn a_reply_comes_whole() {
    let world = World::new().await;
    let [model, usage] = figures();
    world.backend.play(vec![
        model,
        Script::Say(Delta::Reasoning("hm".into())),
        say("go"),
        say("od"),
        usage,
        end(Finish::Length),
    ]);
    let body = json!({
        "model": "m-1",
        "messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "name": "ann", "content": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c"}]},
            {"role": "tool", "content": "42", "tool_call_id": "c"},
        ],
        "max_completion_tokens": 7,
        "temperature": 1,
        "stop": ["x"],
    });
    let answer = world.ask(&world.token("ann").await, "POST", PATH, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut reply = answer.body;
    assert!(reply["id"].take().as_str().unwrap().starts_with("chatcmpl-"));
    assert!(reply["created"].take().as_i64().unwrap() > 1_700_000_000);
    let expected = json!({
        "id": null, "object": "chat.completion", "created": null, "model": "m-1.2",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "good", "reasoning_content": "hm"},
            "finish_reason": "length",
        }],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    });
    assert_eq!(reply, expected);
    let request = world.backend.requests().remove(0);
    assert_eq!(
        (request.model.as_deref(), request.max_tokens, request.temperature),
        (Some("m-1"), Some(7), Some(1.0))
    );
    assert_eq!(request.extra.as_deref(), Some(r#"{"stop":["x"]}"#));
    let told: Vec<_> = request
        .context
        .iter()
        .map(|it| (format!("{:?}", it.speaker), it.content.as_str(), it.extra.as_deref()))
        .collect();
    let expected = [
        ("System".to_owned(), "be brief", None),
        ("User".to_owned(), "hello", None),
        ("Assistant".to_owned(), "", Some(r#"{"tool_calls":[{"id":"c"}]}"#)),
        ("Tool".to_owned(), "42", Some(r#"{"tool_call_id":"c"}"#)),
    ];
    assert_eq!(told, expected);
}

/// The way of a stream: chunks, the reason of its end, the usage where it was asked for, and the word that it is over.
#[tokio::test]
async fn a_reply_comes_as_it_is_made() {
    let world = World::new().await;
    let [model, usage] = figures();
    world.backend.play(vec![
        say("go"),
        model,
        call(Some("c"), Some("f"), "{"),
        call(None, None, "}"),
        usage,
        end(Finish::ToolCalls),
    ]);
    let mut body = hello();
    body["stream_options"] = json!({"include_usage": true});
    let events = stream(&world, body).await;
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(last, "[DONE]");
    let id = &chunks[0]["id"];
    assert!(chunks.iter().all(|chunk| chunk["id"] == *id && chunk["object"] == "chat.completion.chunk"));
    let deltas: Vec<_> = chunks
        .iter()
        .map(|chunk| (&chunk["choices"][0]["delta"], &chunk["choices"][0]["finish_reason"]))
        .collect();
    let function = |name: Option<&str>, arguments: &str| match name {
        Some(name) => {
            json!({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]})
        }
        None => json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}),
    };
    assert_eq!(deltas[0], (&json!({"role": "assistant", "content": "go"}), &Value::Null));
    assert_eq!(deltas[1], (&function(Some("f"), "{"), &Value::Null));
    assert_eq!(deltas[2], (&function(None, "}"), &Value::Null));
    assert_eq!(deltas[3], (&json!({}), &json!("tool_calls")));
    assert_eq!(chunks[4]["choices"], json!([]));
    assert_eq!(chunks[4]["usage"], json!({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}));
    assert_eq!((chunks.len(), &chunks[0]["model"], &chunks[4]["model"]), (5, &json!("m-1"), &json!("m-1.2")));
}

/// Protects clients from taking the beginning of a reply for a whole one: what breaks off is an error, in the form that
/// they read; before the first content it has its status.
#[tokio::test]
async fn what_breaks_is_an_error() {
    let world = World::new().await;
    let token = world.token("ann").await;
    let malformed = || Script::Fail(BackendError::Malformed("what".into()));
    for streams in [false, true] {
        world.backend.play(vec![malformed()]);
        let mut body = hello();
        body["stream"] = streams.into();
        let answer = world.ask(&token, "POST", PATH, body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]["code"]), (503, &json!("AI_UNAVAILABLE")));
        assert_eq!(answer.body["error"]["type"], "server_error");
    }
    world.backend.play(vec![say("so f"), malformed()]);
    let answer = world.ask(&token, "POST", PATH, hello()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]["code"]), (503, &json!("AI_UNAVAILABLE")));
    world.backend.play(vec![say("so f"), malformed()]);
    let events = stream(&world, hello()).await;
    assert_eq!(events.len(), 2, "no [DONE]: {events:?}");
    assert_eq!(events[1]["error"]["code"], "AI_UNAVAILABLE");
}

/// Protects clients from guessing: what cannot be served is refused by its code.
#[tokio::test]
async fn what_cannot_be_served_is_refused() {
    let world = World::new().await;
    let token = world.token("ann").await;
    let message = |message: Value| json!({"messages": [message]});
    let image = json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]});
    for (body, code) in [
        (json!({}), "INVALID_REQUEST"),
        (json!({"messages": []}), "INVALID_REQUEST"),
        (json!({"messages": "hello"}), "INVALID_REQUEST"),
        (message(json!({"role": "nobody", "content": "x"})), "INVALID_REQUEST"),
        (message(image), "INVALID_REQUEST"),
        (json!({"n": 2, "messages": [{"role": "user", "content": "x"}]}), "INVALID_REQUEST"),
        (json!({"temperature": 9, "messages": [{"role": "user", "content": "x"}]}), "INVALID_REQUEST"),
        (message(json!({"role": "user", "content": "x".repeat(100_001)})), "CONTEXT_TOO_LONG"),
    ] {
        let answer = world.ask(&token, "POST", PATH, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16() / 100, answer.body["error"]["code"].as_str()),
            (4, Some(code)),
            "{body:.200}"
        );
    }
    assert!(world.backend.requests().is_empty());
    let large = message(json!({"role": "user", "content": "x".repeat(3 << 20)}));
    let answer = world.ask(&token, "POST", PATH, large).await;
    assert_eq!(answer.status, 413);
}

/// The list of models is a list of that API.
#[tokio::test]
async fn models_are_listed() {
    let world = World::new().await;
    let answer = world.get(&world.token("ann").await, "/v1/models").await;
    assert_eq!(answer.body, json!({"object": "list", "data": []}));
}

/// Protects the memory from strangers: of a body of theirs nothing is read, however large it is.
#[tokio::test]
async fn nothing_of_a_strangers_is_read() {
    let world = World::new().await;
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let pieces = futures_util::stream::iter(0..100).map(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(vec![b' '; 10_000])
    });
    let request = Request::post(PATH).header("authorization", "Bearer nonsense");
    let answer = world.send(request.body(Body::from_stream(pieces)).unwrap()).await;
    assert_eq!(answer.refusal(), (401, "INVALID_TOKEN"));
    assert_eq!(read.load(Ordering::Relaxed), 0);
}
