//! A user who does not want a reply any more, and what others change.

use super::with_worker;
use parlor_tests::LiveTurn;
use parlor_tests::client::id;
use serde_json::json;

/// What a cancelled reply's user is told, in either order.
const ENDS: [&str; 2] = ["message_cancelled", "ai_response"];

/// Protects: a reply that is cancelled ends at once, keeps what was produced, and its worker is told; what that says
/// later changes nothing, and a cancel that comes too late is harmless.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_reply_keeps_what_it_has() {
    let (app, mut worker, mut ann) = with_worker().await;
    let thread = id(&ann.say(None, "tell me everything").await["thread_id"]);
    let task = worker.task().await;
    let mut reader = app.client(&app.token("ann@example.org")).await;
    reader.join(&thread).await;
    let mut turn = LiveTurn::begin(&mut reader).await;
    worker.chunk(&task, "In the beginning ").await;
    turn.read(&mut reader, 17).await;

    let cancel = json!({"type": "cancel_message", "thread_id": thread, "response_id": task["response_id"]});
    ann.send(cancel.clone()).await;
    let told = [ann.until_one_of(&ENDS).await, ann.until_one_of(&ENDS).await];
    let [cancelled, reply] = ENDS.map(|kind| told.iter().find(|frame| frame["type"] == kind).unwrap());
    assert_eq!((&cancelled["response_id"], &cancelled["status"]), (&task["response_id"], &json!("stopped")));
    assert_eq!(
        (&reply["status"], &reply["response_content"]),
        (&json!("stopped"), &json!("In the beginning "))
    );
    let order = worker.until("cancel_message").await;
    assert_eq!(order["message_id"], task["message_id"]);
    assert_eq!(worker.answer(&task, "In the beginning was the word").await["response_id"], json!(null));
    assert_eq!(turn.finish(&mut reader).await.text, "In the beginning ");

    ann.send(cancel).await;
    let late = ann.expect("message_cancelled").await;
    assert_eq!((&late["response_id"], &late["status"]), (&task["response_id"], &json!("stopped")));
    assert_eq!(ann.history(&thread).await[1], *reply);
}

/// Protects: what another dialect edits or deletes is told here too, with a place of its own in the log.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_other_dialects_are_told() {
    let (app, mut worker, mut ann) = with_worker().await;
    let ack = ann.say(None, "speling").await;
    let task = worker.task().await;
    worker.answer(&task, "what?").await;
    ann.reply().await;
    let mut rooms = app.rooms(&app.token("ann@example.org")).await;
    rooms.ask("edit", json!({"message_id": ack["message_id"], "message": "spelling"})).await;
    let changed = ann.until("message_updated").await;
    assert_eq!((&changed["seq"], &changed["thread_id"]), (&json!(3), &ack["thread_id"]));
    let message = &changed["message"];
    assert_eq!((&message["content"], &message["seq"]), (&json!("spelling"), &json!(1)));
    assert!(message["edited_at"].is_string(), "{message}");
    rooms.ask("delete", json!({"message_id": ack["message_id"]})).await;
    let changed = ann.until("message_updated").await;
    assert_eq!((&changed["seq"], &changed["message"]["deleted"]), (&json!(4), &json!(true)));
    assert_eq!(changed["message"]["content"], "");
}
