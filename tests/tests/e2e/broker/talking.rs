//! A message, its acknowledgement and its reply, on every connection that is concerned.

use super::with_worker;
use parlor_tests::TestApp;
use parlor_tests::broker::fields;
use parlor_tests::client::id;
use serde_json::json;
use std::time::{Duration, Instant};

/// Protects: the acknowledgement and the reply have every field that clients of this dialect read.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_acknowledged_and_answered() {
    let (_app, mut worker, mut ann) = with_worker().await;
    ann.send(json!({"type": "send_message", "thread_id": null, "content": "Hello ünd 🦜",
                    "content_type": "text", "client_message_id": "c-1", "request_id": "r-1"}))
        .await;
    let ack = ann.expect("message_ack").await;
    assert_eq!(
        fields(&ack),
        ["client_message_id", "message_id", "request_id", "seq", "thread_id", "timestamp", "type"]
    );
    assert_eq!((&ack["client_message_id"], &ack["request_id"]), (&json!("c-1"), &json!("r-1")));
    assert_eq!(ack["seq"], 1);
    let typing =
        json!({"type": "typing", "thread_id": ack["thread_id"], "user_id": "assistant", "typing": true});
    assert_eq!(ann.expect("typing").await, typing);

    let task = worker.task().await;
    worker
        .end(
            json!({"type": "ai_response", "message_id": task["message_id"], "response_content": "Good day 🦜",
                    "content_type": "markdown", "processing_time_ms": 1_500, "confidence_score": 0.95,
                    "model_used": "llama-3", "usage": {"prompt_tokens": 15, "completion_tokens": 20}}),
        )
        .await;
    assert_eq!(ann.expect("typing").await["typing"], false);
    let reply = ann.expect("ai_response").await;
    let expected = json!({
        "type": "ai_response", "message_id": ack["message_id"], "thread_id": ack["thread_id"],
        "response_id": task["response_id"], "response_content": "Good day 🦜", "content_type": "markdown",
        "confidence_score": 0.95, "model_used": "llama-3", "status": "complete", "seq": 2,
        "usage": {"prompt_tokens": 15, "completion_tokens": 20, "total_tokens": 35},
        "generated_by": "canister-1",
        "processing_time_ms": reply["processing_time_ms"], "timestamp": reply["timestamp"],
    });
    assert_eq!(reply, expected);
    assert!(reply["processing_time_ms"].is_u64(), "{reply}");
    assert!(reply["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{reply}");

    let thread = id(&ack["thread_id"]);
    let again = ann.say(Some(&thread), "once more").await;
    assert_eq!((&again["seq"], &again["client_message_id"]), (&json!(3), &json!(null)));
    let log = ann.history(&thread).await;
    assert_eq!((log.len(), &log[1]), (3, &reply), "the log has it as it was told");
}

/// Protects: another tab of the user hears the message as it was stored, and the same reply.
#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_see_the_same() {
    let (app, mut worker, mut ann) = with_worker().await;
    let mut tab = app.broker(&app.token("ann@example.org")).await;
    let ack = ann.say(None, "to both of me").await;
    let heard = tab.expect("message").await;
    assert_eq!(
        heard,
        json!({"type": "message", "message_id": ack["message_id"], "thread_id": ack["thread_id"],
               "user_id": ann.user, "content": "to both of me", "content_type": "text", "seq": 1,
               "timestamp": ack["timestamp"]})
    );
    let task = worker.task().await;
    worker.answer(&task, "to both of you").await;
    assert_eq!(ann.reply().await, tab.reply().await);
    assert!(ann.pending().await.is_empty(), "the sender has no copy of the message");
}

/// Protects: the others of a thread hear who types and what is written; typing ends by itself after six seconds.
#[tokio::test(flavor = "multi_thread")]
async fn the_others_of_a_thread_hear_all() {
    let app = TestApp::builder().workers().start().await;
    let (ann_token, bob_token) = (app.token("ann@example.org"), app.token("bob@example.org"));
    let room = app.rooms(&ann_token).await.enter("hall", "shared").await;
    app.rooms(&bob_token).await.enter("hall", "shared").await;
    let thread = id(&room["conversation_id"]);
    let (mut ann, mut bob) = (app.broker(&ann_token).await, app.broker(&bob_token).await);
    ann.resume(&thread, 0).await;
    bob.resume(&thread, 0).await;

    ann.send(json!({"type": "typing", "thread_id": thread, "typing": true})).await;
    let start = Instant::now();
    let typing = |on: bool| json!({"type": "typing", "thread_id": thread, "user_id": ann.user, "typing": on});
    let (begun, ended) = (typing(true), typing(false));
    assert_eq!(bob.expect("typing").await, begun);
    assert_eq!(bob.expect("typing").await, ended);
    let lasted = start.elapsed();
    assert!((5.5..9.0).contains(&lasted.as_secs_f64()), "{lasted:?}");

    ann.send(json!({"type": "typing", "thread_id": thread, "typing": true})).await;
    assert_eq!(bob.expect("typing").await, begun);
    let start = Instant::now();
    ann.send(json!({"type": "typing", "thread_id": thread, "typing": false})).await;
    assert_eq!(bob.expect("typing").await, ended);
    assert!(start.elapsed() < Duration::from_secs(5), "at once where it is said");

    let ack = ann.say(Some(&thread), "who is here?").await;
    let heard = bob.expect("message").await;
    assert_eq!((&heard["message_id"], &heard["user_id"]), (&ack["message_id"], &json!(ann.user)));
    assert!(ann.pending().await.is_empty(), "nobody hears themselves type");
}
