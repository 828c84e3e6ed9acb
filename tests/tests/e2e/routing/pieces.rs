//! What a model says beside its text.

use super::{Configured, table};
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, TestApp};
use serde_json::{Value, json};

/// Protects: thoughts and calls of tools come as frames of their own, whole and in their order, and are no part of the
/// text, neither live nor in the log.
#[tokio::test(flavor = "multi_thread")]
async fn thoughts_and_calls_are_kept_apart() {
    let provider = FakeProvider::start_as("thinks").await;
    let mut app = Configured::start(TestApp::builder(), &table("only", &provider.base_url(), "")).await;
    let turn = app.ask(None).await;
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", words(5).as_str()));
    assert_pieces(&turn.others, "stream_reasoning", &turn.message_id);
    super::assert_stored(&mut app.client, &turn).await;

    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("r", "private").await;
    ann.chat("r", "what is the weather?", "m").await;
    let mut frames: Vec<Value> = Vec::new();
    while frames.last().is_none_or(|frame| frame["data"]["done"] != true) {
        frames.push(ann.frame().await);
    }
    let message_id = frames.last().unwrap()["data"]["message_id"].as_str().unwrap().to_owned();
    assert_pieces(&frames, "reasoning", &message_id);
    let text: String = frames
        .iter()
        .filter(|frame| frame["type"] == "chat" && frame["data"]["streaming"] == true)
        .map(|frame| frame["data"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(text, words(5));
    assert_eq!(ann.whole_history("r").await[1]["content"], words(5));
}

/// The thoughts of the script and its call, among other frames.
fn assert_pieces(frames: &[Value], reasoning: &str, message_id: &str) {
    let of = |kind: &str| -> Vec<&Value> {
        frames.iter().filter(|frame| frame["type"] == kind).map(|frame| &frame["data"]).collect()
    };
    let mut thoughts = String::new();
    for data in of(reasoning) {
        assert_eq!(
            (&data["message_id"], &data["offset"]),
            (&json!(message_id), &json!(thoughts.len())),
            "{data}"
        );
        thoughts += data["content"].as_str().unwrap();
    }
    assert_eq!(thoughts, "Hm. Well.");
    let calls = of("tool_call");
    assert!(!calls.is_empty(), "{frames:?}");
    assert_eq!((&calls[0]["id"], &calls[0]["name"]), (&json!("call-1"), &json!("weather")), "{calls:?}");
    let arguments: String = calls.iter().map(|call| call["arguments"].as_str().unwrap()).collect();
    assert_eq!(arguments, "{\"city\":\"Rome\"}");
    assert!(calls.iter().all(|call| call["index"] == 0 && call["message_id"] == message_id), "{calls:?}");
}
