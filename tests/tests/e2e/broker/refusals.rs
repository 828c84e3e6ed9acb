//! What a user may not say or read.

use parlor_tests::TestApp;
use parlor_tests::client::id;
use serde_json::{Value, json};

/// The dialect's longest text, in bytes.
const MAX_TEXT: usize = 10 * 1024;

/// Protects: another's thread and one that is not there are refused alike, by every frame that names one.
#[tokio::test(flavor = "multi_thread")]
async fn a_strange_thread_is_denied() {
    let app = TestApp::start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let mut eve = app.broker(&app.token("eve@example.org")).await;
    let hers = id(&ann.say(None, "for my eyes only").await["thread_id"]);
    ann.reply().await;
    let log = ann.history(&hers).await;
    let mut answers = Vec::new();
    for thread in [&*hers, "0195a6a4-7b5e-7cc3-8f10-0123456789ab"] {
        let frames = [
            json!({"type": "send_message", "thread_id": thread, "content": "hi", "client_message_id": "c"}),
            json!({"type": "typing", "thread_id": thread, "typing": true}),
            json!({"type": "cancel_message", "thread_id": thread}),
            json!({"type": "history", "thread_id": thread}),
            json!({"type": "resume", "positions": [{"thread_id": thread, "seq": 0}]}),
        ];
        for frame in frames {
            let mut error = eve.refused(frame, "THREAD_ACCESS_DENIED").await;
            // The one thing in which they may differ is what the client said itself.
            error.as_object_mut().unwrap().remove("thread_id");
            assert!(!error.to_string().contains(thread), "{error}");
            answers.push(error);
        }
    }
    let (others, nobodys) = answers.split_at(answers.len() / 2);
    assert_eq!(others, nobodys, "a stranger cannot tell them apart");
    assert!(ann.pending().await.is_empty());
    assert_eq!(ann.history(&hers).await, log);
}

/// Protects: the longest text is counted in bytes of UTF-8, to the byte; an empty one is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_has_its_measure() {
    let app = TestApp::start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let full = "é".repeat(MAX_TEXT / 2);
    for content in ["x".repeat(MAX_TEXT), full.clone()] {
        let thread = id(&ann.say(None, &content).await["thread_id"]);
        ann.reply().await;
        assert_eq!(ann.history(&thread).await[0]["content"], content.as_str());
    }
    let too_much = ["x".repeat(MAX_TEXT + 1), full + "x", String::new(), "a\0b".to_owned()];
    for (number, content) in too_much.iter().enumerate() {
        let name = format!("c-{number}");
        let frame = json!({"type": "send_message", "thread_id": null, "content": content,
                           "client_message_id": name});
        let error = ann.refused(frame, "INVALID_MESSAGE_CONTENT").await;
        assert_eq!(error["client_message_id"], name.as_str(), "{error}");
    }
}

/// Protects: a frame that makes no sense is answered by what is wrong with it, and the connection stays.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered() {
    let app = TestApp::start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let cases = [
        (json!([]), "INVALID_JSON"),
        (json!({"type": "dance"}), "UNKNOWN_TYPE"),
        (json!({"type": "send_message", "thread_id": null}), "INVALID_REQUEST"),
        (json!({"type": "send_message", "thread_id": 7, "content": "hi"}), "INVALID_REQUEST"),
        (json!({"type": "history", "thread_id": "no id"}), "INVALID_REQUEST"),
        (json!({"type": "history", "thread_id": null}), "INVALID_REQUEST"),
    ];
    for (frame, code) in cases {
        ann.refused(frame, code).await;
    }
    let error = ann.refused(json!({"type": "dance", "request_id": "r-1"}), "UNKNOWN_TYPE").await;
    assert_eq!(error["request_id"], "r-1");
    assert_eq!(ann.say(None, "still here").await["seq"], 1);
}

/// Protects: a user's connection has no part in the workers' side, whatever key it knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_no_worker() {
    let app = TestApp::builder().workers().start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let key = parlor_tests::broker::SERVICE_KEY;
    let frames: [Value; 5] = [
        json!({"type": "ai_auth", "service_key": key, "canister_id": "eve"}),
        json!({"type": "ai_response", "message_id": "0195a6a4-7b5e-7cc3-8f10-0123456789ab",
               "response_content": "forged"}),
        json!({"type": "ai_response_chunk", "message_id": "0195a6a4-7b5e-7cc3-8f10-0123456789ab", "delta": "f"}),
        json!({"type": "ai_error", "message_id": "0195a6a4-7b5e-7cc3-8f10-0123456789ab"}),
        json!({"type": "ai_status", "status": "operational"}),
    ];
    for frame in frames {
        ann.refused(frame, "FORBIDDEN").await;
    }
    assert!(ann.pending().await.is_empty(), "the connection stays");
}
