//! A worker between a server and a backend that both do what a test says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use futures_util::{FutureExt, StreamExt, stream};
use parlor_domain::message::{Confidence, Usage};
use parlor_domain::ports::{About, BackendError, Delta, Finish, Speaker};
use parlor_protocol::ErrorCode;
use parlor_protocol::broker::{OrderCancel, OrderFrame};
use parlor_worker::WorkerError;
use serde_json::json;
use std::num::NonZeroU32;
use std::time::Duration;
use support::{KEY, Server, Stage, content, order, soon};
use tokio_tungstenite::tungstenite::Message;

#[expect(clippy::unnecessary_wraps, reason = "a piece of a stream that may fail")]
fn end() -> Result<Delta, BackendError> {
    Ok(Delta::End(Finish::Stop))
}

/// Protects the way in: a worker says who it is and what it serves before anything else, and that it is well after it.
#[tokio::test]
async fn it_authenticates_and_tells_how_it_is() {
    let stage = Stage::new(|config| {
        config.name = "gpu-1".to_owned();
        config.models = vec!["llama-*".to_owned()];
        config.capacity = NonZeroU32::new(3).unwrap();
    });
    let stage = stage.await;
    let mut server = stage.knock().await;
    let expect = json!({"type": "ai_auth", "service_key": KEY, "canister_id": "gpu-1", "models": ["llama-*"],
        "capacity": 3});
    assert_eq!(server.expect("ai_auth").await, expect);
    server.let_in().await;
    let status = server.expect("ai_status").await;
    let expect = json!({"type": "ai_status", "status": "operational", "queue_size": 0, "processing_capacity": 3,
        "uptime": "0s"});
    assert_eq!(status, expect);
}

/// Protects a reply's way through a worker: the backend is asked what the server wants to know, and what it says
/// arrives whole, in order and with its figures, neighbours that are ready together in one frame.
#[tokio::test]
async fn a_reply_is_streamed_and_ended() {
    let mut stage = Stage::new(|_| {}).await;
    let mut server = stage.server().await;
    let order = order();
    server.ask(&order).await;
    let played = stage.opened().await;
    let request = &played.request;
    assert_eq!((request.turn, request.attempt, request.user), (order.response_id, 2, order.user_id));
    assert_eq!((request.conversation, request.in_reply_to), (order.thread_id, order.in_reply_to));
    assert_eq!((request.model.as_deref(), request.max_tokens), (Some("gpt-x"), Some(100)));
    let said: Vec<_> = request.context.iter().map(|piece| (piece.speaker, piece.content.as_str())).collect();
    assert_eq!(said, [(Speaker::System, "Be kind."), (Speaker::User, "Hello?")]);

    let usage = Usage { prompt_tokens: 7, completion_tokens: 3, estimated: false };
    let about = About { confidence: Confidence::new(0.5), content_type: Some("text/markdown".to_owned()) };
    let deltas = [
        Ok(Delta::Model("gpt-x-2".to_owned())),
        Ok(Delta::Reasoning("hm".to_owned())),
        content("Hi "),
        content("there"),
        Ok(Delta::Usage(usage)),
        Ok(Delta::About(about)),
        end(),
    ];
    played.stream(stream::iter(deltas).boxed());
    let id = json!(order.message_id);
    let chunk = |field: &str, text: &str| json!({"type": "ai_response_chunk", "message_id": id, field: text});
    assert_eq!(server.expect("ai_response_chunk").await, chunk("reasoning", "hm"));
    assert_eq!(server.expect("ai_response_chunk").await, chunk("delta", "Hi there"));
    let mut response = server.expect("ai_response").await;
    assert!(response["processing_time_ms"].take().as_f64().unwrap() >= 0.0);
    let expect = json!({"type": "ai_response", "message_id": id, "thread_id": order.thread_id, "user_id": order.user_id,
        "response_content": "", "content_type": "text/markdown", "processing_time_ms": null, "confidence_score": 0.5,
        "model_used": "gpt-x-2", "usage": {"prompt_tokens": 7, "completion_tokens": 3}, "finish_reason": "stop"});
    assert_eq!(response, expect);
}

/// Protects the first word: a piece goes out when it is there, and does not wait for the next.
#[tokio::test]
async fn a_piece_does_not_wait_for_the_next() {
    let mut stage = Stage::new(|_| {}).await;
    let mut server = stage.server().await;
    server.ask(&order()).await;
    let pen = stage.opened().await.begin();
    for word in ["a", "b"] {
        pen.send(content(word)).await.unwrap();
        assert_eq!(server.expect("ai_response_chunk").await["delta"], word);
    }
}

/// Protects failing over: the server learns at once, and exactly once, that a reply failed, why, and when to come again.
#[tokio::test]
async fn errors_are_told_with_their_status() {
    let mut stage = Stage::new(|_| {}).await;
    let mut server = stage.server().await;
    let retry_after = Some(Duration::from_millis(1_200));
    let busy = BackendError::Status { status: 429, message: "too many".to_owned(), retry_after };
    server.ask(&order()).await;
    stage.opened().await.refuse(busy.clone());
    let error = server.expect("ai_error").await;
    assert_eq!((&error["status"], &error["retry_after"]), (&json!(429), &json!(2)));
    assert_eq!(error["message"], "the backend answered 429: too many");

    server.ask(&order()).await;
    stage.opened().await.stream(stream::iter([content("a"), Err(busy)]).boxed());
    server.expect("ai_response_chunk").await;
    assert_eq!(server.expect("ai_error").await["status"], 429);

    // Neither an end nor an error: it was cut off.
    server.ask(&order()).await;
    stage.opened().await.stream(stream::iter([content("a")]).boxed());
    server.expect("ai_response_chunk").await;
    assert_eq!(server.expect("ai_error").await["status"], 502);

    server.ask(&order()).await;
    stage.opened().await.stream(stream::poll_fn(|_| panic!("a bug of a backend")).boxed());
    assert_eq!(server.expect("ai_error").await["status"], 500);
}

/// Protects the operator's money: what nobody wants any more is not made any further.
#[tokio::test]
async fn a_cancelled_reply_is_dropped() {
    let mut stage = Stage::new(|config| config.capacity = NonZeroU32::MIN).await;
    let mut server = stage.server().await;
    let (first, waiting, last) = (order(), order(), order());
    server.ask(&first).await;
    let pen = stage.opened().await.begin();
    server.ask(&waiting).await;
    for message_id in [waiting.message_id, first.message_id] {
        server.send(&OrderFrame::CancelMessage(OrderCancel { message_id })).await;
    }
    soon(pen.closed()).await;
    server.ask(&last).await;
    assert_eq!(stage.opened().await.request.turn, last.response_id, "the one that waited is gone too");
}

/// Protects the worker: it never makes more replies at once than it said, and says so to who asks for more.
#[tokio::test]
async fn what_is_too_much_waits_or_is_refused() {
    let mut stage = Stage::new(|config| {
        config.capacity = NonZeroU32::MIN;
        config.queue = 1;
    })
    .await;
    let mut server = stage.server().await;
    let (first, second, third) = (order(), order(), order());
    for order in [&first, &second, &third] {
        server.ask(order).await;
    }
    let error = server.expect("ai_error").await;
    assert_eq!((&error["message_id"], &error["status"]), (&json!(third.message_id), &json!(429)));
    let played = stage.opened().await;
    assert_eq!(played.request.turn, first.response_id);
    assert!(stage.opened.try_recv().is_err(), "the second waits");
    played.stream(stream::iter([end()]).boxed());
    assert_eq!(server.expect("ai_response").await["message_id"], json!(first.message_id));
    assert_eq!(stage.opened().await.request.turn, second.response_id);
}

/// Protects against replies that are made twice: those of a lost connection are dropped, and the next one begins anew.
#[tokio::test]
async fn a_lost_connection_is_made_again_without_its_replies() {
    let mut stage = Stage::new(|_| {}).await;
    let mut server = stage.server().await;
    server.ask(&order()).await;
    let pen = stage.opened().await.begin();
    drop(server);
    soon(pen.closed()).await;
    let mut server = stage.server().await;
    server.ask(&order()).await;
    stage.opened().await.stream(stream::iter([content("a"), end()]).boxed());
    server.expect("ai_response_chunk").await;
    server.expect("ai_response").await;
}

/// Protects the server from workers that it does not know: they do not come again and again.
#[tokio::test]
async fn a_wrong_key_ends_the_worker() {
    let mut stage = Stage::new(|_| {}).await;
    let mut server = stage.knock().await;
    server.expect("ai_auth").await;
    server.refuse(ErrorCode::InvalidServiceKey).await;
    assert!(matches!(stage.ended().await, Err(WorkerError::InvalidServiceKey)));
}

/// Protects replies under way when a worker is told to stop: they are finished, and only then it closes.
#[tokio::test]
async fn it_finishes_its_replies_before_it_stops() {
    let mut stage = Stage::new(|_| {}).await;
    let mut server = stage.server().await;
    server.ask(&order()).await;
    let pen = stage.opened().await.begin();
    pen.send(content("a")).await.unwrap();
    server.expect("ai_response_chunk").await;
    stage.stop();
    let status = server.expect("ai_status").await;
    assert_eq!((&status["status"], &status["queue_size"]), (&json!("draining"), &json!(1)));
    pen.send(end()).await.unwrap();
    server.expect("ai_response").await;
    assert_eq!(u16::from(server.closed().await.code), 1000);
    assert!(server.next().await.is_none());
    stage.ended().await.unwrap();
}

/// Protects the deadline of a drain: what is not finished then is given back to the server.
#[tokio::test]
async fn a_drain_ends_in_time() {
    let mut stage = Stage::new(|config| config.drain = Duration::from_millis(50)).await;
    let mut server = stage.server().await;
    server.ask(&order()).await;
    let pen = stage.opened().await.begin();
    stage.stop();
    server.expect("ai_status").await;
    assert_eq!(server.expect("ai_error").await["status"], 503);
    assert!(pen.is_closed());
    assert_eq!(u16::from(server.closed().await.code), 1000);
    assert!(server.next().await.is_none());
    stage.ended().await.unwrap();
}

/// Protects stopping while there is no server: nothing is waited for.
#[tokio::test]
async fn it_stops_at_once_without_a_connection() {
    let mut stage = Stage::new(|_| {}).await;
    let mut server = stage.knock().await;
    server.expect("ai_auth").await;
    drop(server);
    stage.stop();
    stage.ended().await.unwrap();
}

/// Protects routing and idle connections: a worker answers pings and tells every 15 s how it is; a server that says
/// nothing to that is left.
#[tokio::test]
async fn it_is_heard_from_time_to_time_and_notices_silence() {
    let stage = Stage::new(|_| {}).await;
    let mut server = stage.server().await;
    server.ping(b"there?").await;
    assert_eq!(server.next().await, Some(Message::Pong(b"there?".to_vec().into())));
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(14)).await;
    assert!(server.0.next().now_or_never().is_none(), "it speaks too early");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.expect("ai_status").await["uptime"], "15s");
    // Nobody reads what comes next, and so nobody answers its pings.
    let next = stage.arrival().await;
    tokio::time::resume();
    Server::open(next).await.expect("ai_auth").await;
}

/// Protects turns from versions that differ: a request that cannot be understood is answered, not ignored.
#[tokio::test]
async fn a_request_that_makes_no_sense_is_answered() {
    let stage = Stage::new(|_| {}).await;
    let mut server = stage.server().await;
    let id = order().message_id;
    server.send(&json!({"type": "something_new", "message_id": id})).await;
    server.send(&json!({"type": "process_message", "message_id": id})).await;
    let error = server.expect("ai_error").await;
    assert_eq!((&error["message_id"], &error["status"]), (&json!(id), &json!(502)));
}
