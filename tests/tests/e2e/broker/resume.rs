//! Sending again, coming back, and reading what was.

use super::with_worker;
use parlor_tests::broker::fields;
use parlor_tests::client::id;
use parlor_tests::{BrokerUser, TestApp, Worker};
use serde_json::{Value, json};

/// Sends a message and has it answered; gives the acknowledgement.
async fn exchange(user: &mut BrokerUser, worker: &mut Worker, thread: Option<&str>, text: &str) -> Value {
    let ack = user.say(thread, text).await;
    let task = worker.task().await;
    worker.answer(&task, &format!("about {text}")).await;
    user.reply().await;
    ack
}

fn seqs(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
}

/// Protects: a message that is sent again gets the first acknowledgement, is stored once and answered once; also the
/// one that made its thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_sent_again_is_one_message() {
    let (app, mut worker, mut ann) = with_worker().await;
    let token = app.token("ann@example.org");
    let frame = json!({"type": "send_message", "thread_id": null, "content": "only once",
                       "client_message_id": "c-1"});
    ann.send(frame.clone()).await;
    let first = ann.until("message_ack").await;
    let task = worker.task().await;
    worker.answer(&task, "once").await;
    ann.reply().await;
    let mut ann = app.broker(&token).await;
    for _ in 0..2 {
        ann.send(frame.clone()).await;
        let mut again = ann.expect("message_ack").await;
        assert_eq!(again["duplicate"], true);
        again.as_object_mut().unwrap().remove("duplicate");
        assert_eq!(again, first);
    }
    worker.send(json!({"type": "ping"})).await;
    worker.expect("pong").await;
    assert_eq!(ann.history(&id(&first["thread_id"])).await.len(), 2);
}

/// Protects: who comes back with a position gets what was said since, in order, each entry once, and then what is
/// said from now on.
#[tokio::test(flavor = "multi_thread")]
async fn a_reconnect_has_no_gap_and_no_repeat() {
    let (app, mut worker, mut ann) = with_worker().await;
    let token = app.token("ann@example.org");
    let mut tab = app.broker(&token).await;
    let thread = id(&exchange(&mut ann, &mut worker, None, "one").await["thread_id"]);
    ann.close().await;
    exchange(&mut tab, &mut worker, Some(&thread), "two").await;
    exchange(&mut tab, &mut worker, Some(&thread), "three").await;
    // A reply that is being made while the client comes back.
    tab.say(Some(&thread), "four").await;
    let task = worker.task().await;

    let mut ann = app.broker(&token).await;
    let (missed, resumed) = ann.resume(&thread, 2).await;
    assert_eq!(seqs(&missed), [3, 4, 5, 6, 7]);
    let kinds: Vec<&Value> = missed.iter().map(|entry| &entry["type"]).collect();
    assert_eq!(kinds, ["message", "ai_response", "message", "ai_response", "message"]);
    assert_eq!(missed[3]["response_content"], "about three");
    assert_eq!(
        fields(&resumed),
        ["epoch", "from_seq", "last_seq", "recovered", "thread_id", "type"],
        "{resumed}"
    );
    assert_eq!((&resumed["from_seq"], &resumed["last_seq"]), (&json!(2), &json!(7)));
    assert_eq!(resumed["recovered"], true);
    assert_eq!(ann.expect("typing").await["typing"], true, "a reply is under way");
    worker.answer(&task, "about four").await;
    assert_eq!(ann.expect("typing").await["typing"], false);
    assert_eq!(ann.expect("ai_response").await["seq"], 8);
    assert!(ann.pending().await.is_empty(), "nothing comes twice");

    let (missed, ahead) = ann.resume(&thread, 99).await;
    assert_eq!((missed.len(), &ahead["recovered"]), (0, &json!(false)), "a position that cannot be");
}

/// Protects: the log is read page by page backwards, both kinds of entries, and `heads` name the newest.
#[tokio::test(flavor = "multi_thread")]
async fn history_comes_in_pages() {
    let app = TestApp::builder().workers().start().await;
    let mut worker = app.worker("canister-1").await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let thread = id(&exchange(&mut ann, &mut worker, None, "one").await["thread_id"]);
    exchange(&mut ann, &mut worker, Some(&thread), "two").await;
    let whole = ann.history(&thread).await;
    assert_eq!(seqs(&whole), [1, 2, 3, 4]);
    let ask =
        json!({"type": "history", "thread_id": thread, "before_seq": 4, "limit": 2, "request_id": "r-1"});
    ann.send(ask).await;
    let page = ann.expect("history").await;
    assert_eq!(page["messages"], json!(whole[1..3]));
    assert_eq!((&page["has_more"], &page["request_id"]), (&json!(true), &json!("r-1")));
    ann.send(json!({"type": "ping"})).await;
    assert_eq!(ann.expect("pong").await["heads"][&thread], 4);
    for limit in [0, 201] {
        let frame = json!({"type": "history", "thread_id": thread, "limit": limit});
        ann.refused(frame, "INVALID_REQUEST").await;
    }
}
