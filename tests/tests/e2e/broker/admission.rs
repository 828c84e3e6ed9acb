//! Who may come in as a worker, and what that gives.

use super::with_worker;
use parlor_tests::broker::{SERVICE_KEY, expect_refusal, fields};
use parlor_tests::{TestApp, Worker};
use serde_json::{Value, json};

const KEYS: [&str; 2] = ["the-new-key-of-two-that-both-work", "the-old-key-of-two-that-both-work"];

async fn assert_refused(app: &TestApp, key: &str) {
    let mut client = Worker::knock(app.address(), key, "eve", Value::Null).await;
    expect_refusal(&mut client, "INVALID_SERVICE_KEY").await;
    client.expect_close(4001).await;
}

/// Protects: while keys are rotated both let workers in, and nothing else does, whatever it looks like.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_needs_one_of_the_keys() {
    let [new, old] = KEYS;
    let app = TestApp::builder().env("AI_SERVICE_KEY", format!("{new}, {old}")).start().await;
    for key in KEYS {
        let worker = Worker::with_key(app.address(), key, "canister-1", Value::Null).await;
        let welcome = &worker.welcome;
        assert_eq!(fields(welcome), ["canister_id", "capabilities", "status", "timestamp", "type"]);
        assert_eq!(
            (&welcome["canister_id"], &welcome["status"]),
            (&json!("canister-1"), &json!("authenticated"))
        );
        assert!(welcome["capabilities"].as_array().unwrap().contains(&json!("streaming")), "{welcome}");
    }
    let both = KEYS.join(", ");
    for key in ["", "the-new-key", &new[1..], &format!("{new} "), &both, SERVICE_KEY] {
        assert_refused(&app, key).await;
    }
    assert_refused(&app, &app.token("ann@example.org")).await;
    let log = app.log();
    assert!(KEYS.iter().all(|key| !log.contains(key)), "no key is in the log");
}

/// Protects: where no key is set there is none that works, least of all an empty one.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_every_worker_is_refused() {
    let app = TestApp::start().await;
    for key in ["", " ", "default", SERVICE_KEY] {
        assert_refused(&app, key).await;
    }
}

/// Protects: a key gives no user's rights: a worker can neither say nor read anything of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_no_user() {
    let (app, mut worker, mut ann) = with_worker().await;
    let ack = ann.say(None, "for my eyes only").await;
    let thread = &ack["thread_id"];
    let task = worker.task().await;
    let frames = [
        json!({"type": "auth", "token": app.token("ann@example.org")}),
        json!({"type": "send_message", "thread_id": null, "content": "hi"}),
        json!({"type": "typing", "thread_id": thread, "typing": true}),
        json!({"type": "history", "thread_id": thread}),
        json!({"type": "resume", "positions": [{"thread_id": thread, "seq": 0}]}),
        json!({"type": "ai_auth", "service_key": SERVICE_KEY, "canister_id": "another"}),
    ];
    for frame in frames {
        worker.send(frame).await;
        expect_refusal(&mut worker, "FORBIDDEN").await;
    }
    assert_eq!(worker.answer(&task, "still here").await["response_id"], task["response_id"]);
    assert_eq!(ann.reply().await["response_content"], "still here");
}
