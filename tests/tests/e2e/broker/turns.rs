//! A turn as a worker sees it.

use super::with_worker;
use parlor_tests::TestApp;
use parlor_tests::broker::{expect_refusal, fields};
use parlor_tests::client::id;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// Protects: a worker is told all that it needs, in the fields that workers read: the text, who asked, and the context
/// from the system prompt to the question, in order, with roles and times.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_comes_with_its_context() {
    let app = TestApp::builder().workers().env("AI_SYSTEM_PROMPT", "Be brief.").start().await;
    let mut worker = app.worker("canister-1").await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let first = ann.say(None, "first question").await;
    let thread = id(&first["thread_id"]);
    let task = worker.task().await;
    worker.answer(&task, "first answer").await;
    ann.reply().await;
    let second = ann.say(Some(&thread), "second question").await;
    let task = worker.task().await;
    assert_eq!(
        fields(&task),
        [
            "attempt",
            "content",
            "content_type",
            "conversation_context",
            "in_reply_to",
            "max_tokens",
            "message_id",
            "priority",
            "response_id",
            "thread_id",
            "timestamp",
            "type",
            "user_id",
        ]
    );
    assert_eq!((&task["message_id"], &task["in_reply_to"]), (&second["message_id"], &second["message_id"]));
    assert_eq!((&task["thread_id"], &task["user_id"]), (&second["thread_id"], &json!(ann.user)));
    assert_eq!((&task["content"], &task["content_type"]), (&json!("second question"), &json!("text")));
    assert_eq!((&task["attempt"], &task["priority"]), (&json!(1), &json!("normal")));

    let context = task["conversation_context"].as_array().unwrap();
    let said: Vec<(&str, &str)> =
        context.iter().map(|it| (it["role"].as_str().unwrap(), it["content"].as_str().unwrap())).collect();
    let expected = [
        ("system", "Be brief."),
        ("user", "first question"),
        ("assistant", "first answer"),
        ("user", "second question"),
    ];
    assert_eq!(said, expected);
    assert_eq!(fields(&context[0]), ["content", "content_type", "role"], "instructions have no time");
    assert!(context[1..].iter().all(|it| it["timestamp"].as_str().is_some_and(|time| time.ends_with('Z'))));
    assert_eq!(context[3]["timestamp"], second["timestamp"]);
    assert_eq!(worker.answer(&task, "second answer").await["response_id"], task["response_id"]);
    assert_eq!(ann.reply().await["response_id"], task["response_id"]);
}

/// Protects: a reply may come in pieces, whole, or as pieces with an empty end; what the user gets is the same, and what
/// is odd beside the text does not cost it.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_comes_in_pieces_or_whole() {
    let (_app, mut worker, mut ann) = with_worker().await;
    let ways: [(&[&str], Value); 4] = [
        (&[], json!({"response_content": "one two three"})),
        (&["one ", "two ", "three"], json!({"response_content": "one two three"})),
        (&["one ", "two ", "three"], json!({})),
        (&["one "], json!({"response_content": "one two three", "confidence_score": 7, "unheard_of": [[]]})),
    ];
    for (number, (pieces, end)) in ways.into_iter().enumerate() {
        ann.say(None, "count").await;
        let task = worker.task().await;
        for piece in pieces {
            worker.chunk(&task, piece).await;
        }
        let mut last = json!({"type": "ai_response", "message_id": task["message_id"]});
        last.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
        assert_eq!(worker.end(last).await["response_id"], task["response_id"]);
        let reply = ann.reply().await;
        assert_eq!(reply["response_content"], "one two three", "way {number}");
        assert_eq!((&reply["status"], &reply["confidence_score"]), (&json!("complete"), &Value::Null));
        assert!(reply["usage"]["completion_tokens"].as_u64().unwrap() > 0, "an estimate: {reply}");
    }
}

/// Protects: the end of a turn is acknowledged as often as it is said and counts once; an end of a turn that nobody
/// gave out is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_counts_once() {
    let (_app, mut worker, mut ann) = with_worker().await;
    let thread = id(&ann.say(None, "once, please").await["thread_id"]);
    let task = worker.task().await;
    let ack = worker.answer(&task, "once").await;
    let expected = json!({"type": "ai_response_ack", "message_id": task["message_id"],
                          "response_id": task["response_id"]});
    assert_eq!(ack, expected);
    ann.reply().await;
    assert_eq!(worker.answer(&task, "twice").await["response_id"], Value::Null);
    assert_eq!(worker.fail(&task, 503).await["response_id"], Value::Null);
    worker.chunk(&task, "more").await;
    let stranger = "0195a6a4-7b5e-7cc3-8f10-0123456789ab";
    worker.send(json!({"type": "ai_response", "message_id": stranger, "response_content": "hi"})).await;
    assert_eq!(expect_refusal(&mut worker, "MESSAGE_NOT_FOUND").await["message_id"], stranger);
    assert!(ann.pending().await.is_empty(), "the user hears of it once");
    let log = ann.history(&thread).await;
    assert_eq!((log.len(), &log[1]["response_content"]), (2, &json!("once")));
}

/// Protects: a worker's mistake is answered by what is wrong, costs neither its connection nor its turn, and is not
/// taken for an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_workers_mistake_costs_nothing() {
    let (_app, mut worker, mut ann) = with_worker().await;
    ann.say(None, "be patient with it").await;
    let task = worker.task().await;
    for (text, code) in [
        ("no JSON at all", "INVALID_JSON"),
        ("[1, 2]", "INVALID_JSON"),
        (r#"{"type":"dance"}"#, "UNKNOWN_TYPE"),
        (r#"{"type":"ai_response"}"#, "INVALID_REQUEST"),
        (r#"{"type":"ai_response","message_id":7}"#, "INVALID_REQUEST"),
        (r#"{"type":"ai_status"}"#, "INVALID_REQUEST"),
    ] {
        worker.send_message(Message::text(text)).await.unwrap();
        expect_refusal(&mut worker, code).await;
    }
    let odd = json!({"type": "ai_error", "message_id": task["message_id"], "message": "odd", "status": 200});
    worker.send(odd).await;
    assert_eq!(expect_refusal(&mut worker, "INVALID_REQUEST").await["message_id"], task["message_id"]);
    worker.send(json!({"type": "ping"})).await;
    assert_eq!(worker.expect("pong").await, json!({"type": "pong"}));
    worker.answer(&task, "thank you").await;
    assert_eq!(ann.reply().await["response_content"], "thank you");
}
