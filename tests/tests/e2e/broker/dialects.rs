//! A worker's reply in the words of the other dialects.

use super::with_worker;
use parlor_tests::client::id;
use parlor_tests::{LiveTurn, Reply, TestApp};
use serde_json::json;

/// Protects: users of every dialect see a worker's reply, streamed where the dialect streams: the same text, of the
/// same message.
#[tokio::test(flavor = "multi_thread")]
async fn a_workers_reply_streams_to_every_dialect() {
    let app = TestApp::builder().workers().start().await;
    let mut worker = app.worker("canister-1").await;
    let token = app.token("ann@example.org");
    let mut rooms = app.rooms(&token).await;
    let thread = id(&rooms.enter("desk", "private").await["conversation_id"]);
    let mut reader = app.client(&token).await;
    reader.join(&thread).await;
    let mut ann = app.broker(&token).await;

    let ack = ann.say(Some(&thread), "tell us").await;
    let task = worker.task().await;
    assert_eq!(rooms.message().await["message_id"], ack["message_id"]);
    let mut reply = Reply::begin(&mut rooms).await;
    let mut turn = LiveTurn::begin(&mut reader).await;
    assert_eq!((&turn.message_id, &turn.in_reply_to), (&id(&task["response_id"]), &id(&ack["message_id"])));
    worker.chunk(&task, "Once upon ").await;
    reply.read(&mut rooms, 1).await;
    turn.read(&mut reader, 10).await;
    assert_eq!((reply.text.as_str(), turn.text.as_str()), ("Once upon ", "Once upon "), "before it ends");
    worker.chunk(&task, "a time").await;
    worker.answer(&task, "Once upon a time").await;

    let (reply, turn) = (reply.finish(&mut rooms).await, turn.finish(&mut reader).await);
    let whole = ann.reply().await;
    assert_eq!(whole["response_content"], "Once upon a time");
    assert_eq!((reply.text.as_str(), turn.text.as_str()), ("Once upon a time", "Once upon a time"));
    assert_eq!((&whole["response_id"], &whole["seq"]), (&json!(turn.message_id), &json!(turn.seq)));
    assert_eq!(reply.message_id, turn.message_id);
    assert_eq!(turn.status, "complete");
}

/// Protects: a question in another dialect reaches a worker too, with the model that it names.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_serves_every_dialect() {
    let (app, mut worker, _) = with_worker().await;
    let mut bob = app.client(&app.token("bob@example.org")).await;
    let data = json!({"conversation_id": null, "content": "and me?", "message_type": "user",
                      "assistant_id": "llama-3"});
    bob.ask("send_message", data).await;
    let task = worker.task().await;
    assert_eq!((&task["content"], &task["model"]), (&json!("and me?"), &json!("llama-3")));
    let turn = LiveTurn::begin(&mut bob).await;
    worker.answer(&task, "you too").await;
    let turn = turn.finish(&mut bob).await;
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", "you too"));
}
