//! Turns from outside: stop, follow again, another answer, many at once.

use parlor_tests::client::id;
use parlor_tests::provider::words;
use parlor_tests::{Client, FakeProvider, LiveTurn, TestApp, Turn};
use serde_json::{Value, json};
use std::time::Duration;

struct Scene {
    provider: FakeProvider,
    app: TestApp,
    client: Client,
}

/// A server whose replies come at a word each 20 ms for 12 seconds, unless a message names another model.
async fn scene() -> Scene {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-600-20").start().await;
    let client = app.client(&app.token("ann@example.org")).await;
    Scene { provider, app, client }
}

impl Scene {
    /// Sends a user's message and waits until its reply has some text.
    async fn live_turn(&mut self, conversation: Option<&str>) -> LiveTurn {
        self.client.say(conversation, "user", "go on").await;
        let mut turn = LiveTurn::begin(&mut self.client).await;
        turn.read(&mut self.client, 20).await;
        turn
    }

    async fn stop(&mut self, conversation: &str, message_id: Option<&str>) {
        let data = json!({"conversation_id": conversation, "message_id": message_id, "request_id": "stop-1"});
        self.client.ask("stop_response", data).await;
    }
}

fn of_type<'a>(frames: &'a [Value], kind: &str) -> Option<&'a Value> {
    frames.iter().find(|frame| frame["type"] == kind)
}

/// Protects: stop ends the reply soon, keeps what was produced, and reaches the provider.
#[tokio::test(flavor = "multi_thread")]
async fn stop_keeps_what_was_produced() {
    for named in [false, true] {
        let mut scene = scene().await;
        let live = scene.live_turn(None).await;
        let conversation = live.conversation_id.clone();
        let message_id = live.message_id.clone();
        scene.stop(&conversation, named.then_some(message_id.as_str())).await;
        let turn = live.finish(&mut scene.client).await;
        assert_eq!(turn.status, "stopped");
        assert!(words(600).starts_with(&turn.text) && turn.text.len() < 3_000, "{}", turn.text);
        let stopped = match of_type(&turn.others, "response_stopped") {
            Some(frame) => frame["data"].clone(),
            None => scene.client.until("response_stopped").await["data"].clone(),
        };
        assert_eq!(stopped["message_id"], message_id.as_str());
        assert_eq!(stopped["status"], "stopped");
        assert_eq!(stopped["request_id"], "stop-1");

        let history = scene.client.whole_history(&conversation).await;
        assert_eq!(history[1]["content"], turn.text.as_str());
        assert_eq!(history[1]["status"], "stopped");
        scene.provider.until_hangups(1).await;
    }
}

/// Protects: a stop that comes late names a turn that has ended, is answered, and does not kill the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_stop_is_harmless() {
    let mut scene = scene().await;
    let data =
        json!({"conversation_id": null, "content": "short", "message_type": "user", "assistant_id": "plain"});
    scene.client.ask("send_message", data).await;
    let ended = Turn::follow(&mut scene.client).await;
    let conversation = ended.conversation_id.clone();
    assert_eq!(ended.text, words(5));

    let mut live = scene.live_turn(Some(&conversation)).await;
    scene.stop(&conversation, Some(&ended.message_id)).await;
    let goal = live.text.len() + 200;
    live.read(&mut scene.client, goal).await;
    scene.stop(&conversation, None).await;
    let turn = live.finish(&mut scene.client).await;
    assert_eq!(turn.status, "stopped", "it was still live for the second stop");
    let late =
        of_type(&turn.others, "response_stopped").expect("the late stop is answered while the next is live");
    assert_eq!(late["data"]["message_id"], ended.message_id.as_str());
    assert_eq!(late["data"]["status"], "complete", "how it had ended");
}

/// Protects: stop where there is nothing to stop is answered, and never a crash or a silence.
#[tokio::test(flavor = "multi_thread")]
async fn stop_without_a_turn_is_answered() {
    let mut scene = scene().await;
    let conversation = scene.client.new_conversation().await;
    scene.stop(&conversation, None).await;
    let stopped = scene.client.until("response_stopped").await["data"].clone();
    assert_eq!((&stopped["message_id"], &stopped["status"]), (&Value::Null, &Value::Null));

    scene.stop(&conversation, Some("01890000-0000-7000-8000-000000000000")).await;
    let frame = scene.client.frame().await;
    assert_eq!(frame["data"]["request_id"], "stop-1", "{frame}");
    assert_eq!(frame["data"]["code"], "MESSAGE_NOT_FOUND", "{frame}");
    assert!(scene.app.is_running());
}

/// Protects: asking for a live reply again shows the same one from its beginning, and a connection never gets two
/// copies at a time.
#[tokio::test(flavor = "multi_thread")]
async fn asking_again_restarts_the_same_stream() {
    let mut scene = scene().await;
    let message = {
        let data = json!({"conversation_id": null, "content": "go", "message_type": "user", "assistant_id": "words-50-20"});
        scene.client.ask("send_message", data).await;
        scene.client.until("message_received").await["data"]["message"].clone()
    };
    let mut live = LiveTurn::begin(&mut scene.client).await;
    live.read(&mut scene.client, 60).await;
    let data = json!({"conversation_id": message["conversation_id"], "message_id": message["id"]});
    scene.client.ask("stream_response", data).await;
    // Up to the new beginning the old copy goes on; then its offsets would not add up any more.
    let again = Turn::follow(&mut scene.client).await;
    assert_eq!(again.message_id, live.message_id);
    assert_eq!(again.text, words(50));
    assert_eq!(scene.provider.count("words-50-20"), 1, "nothing was asked twice");
    scene.client.expect_no_message(Duration::from_millis(200)).await;
}

/// Protects: after its end, asking again makes another reply, beside the first.
#[tokio::test(flavor = "multi_thread")]
async fn asking_after_the_end_makes_an_alternative() {
    let mut scene = scene().await;
    let data =
        json!({"conversation_id": null, "content": "go", "message_type": "user", "assistant_id": "plain"});
    scene.client.ask("send_message", data).await;
    let first = Turn::follow(&mut scene.client).await;
    let data = json!({"conversation_id": first.conversation_id, "message_id": first.in_reply_to,
                      "assistant_id": "words-8-0"});
    scene.client.ask("stream_response", data).await;
    let second = Turn::follow(&mut scene.client).await;
    assert_ne!(second.message_id, first.message_id);
    assert_eq!(second.in_reply_to, first.in_reply_to);
    assert_eq!((second.text.as_str(), second.seq), (words(8).as_str(), 3));

    let data = json!({"conversation_id": first.conversation_id, "message_id": first.message_id});
    scene.client.ask("stream_response", data).await;
    scene.client.until_error("MESSAGE_NOT_FOUND").await;
}

/// Protects: several replies at once in one conversation, each whole; one more waits for its place instead of being
/// lost.
#[tokio::test(flavor = "multi_thread")]
async fn four_turns_stream_at_once_and_a_fifth_waits() {
    let mut scene = scene().await;
    let first = scene.live_turn(None).await;
    let conversation = first.conversation_id.clone();
    let mut live = vec![first];
    for _ in 0..3 {
        live.push(scene.live_turn(Some(&conversation)).await);
    }
    let data = json!({"conversation_id": conversation, "content": "a fifth", "message_type": "user",
                      "assistant_id": "plain"});
    scene.client.ask("send_message", data).await;
    let end = tokio::time::Instant::now() + Duration::from_millis(500);
    while let Ok(frame) = tokio::time::timeout_at(end, scene.client.frame()).await {
        assert_ne!(frame["type"], "stream_start", "a fifth streams beside four: {frame}");
        assert_ne!(frame["type"], "error", "{frame}");
    }
    scene.stop(&conversation, Some(&live[0].message_id)).await;
    let mut fifth = None;
    let mut ended = Vec::new();
    while fifth.is_none() || ended.len() < 5 {
        let frame = scene.client.frame().await;
        let message_id = &frame["data"]["message_id"];
        match frame["type"].as_str().unwrap() {
            "stream_start" => {
                fifth = Some(id(message_id));
                for turn in &live[1..] {
                    scene.stop(&conversation, Some(&turn.message_id)).await;
                }
            }
            "stream_complete" => {
                let due = if fifth.as_deref() == message_id.as_str() { "complete" } else { "stopped" };
                assert_eq!(frame["data"]["status"], due, "{frame}");
                ended.push(id(message_id));
            }
            "error" => panic!("{frame}"),
            _ => {}
        }
    }
    let mut all: Vec<String> = live.iter().map(|turn| turn.message_id.clone()).chain(fifth).collect();
    all.sort();
    ended.sort();
    assert_eq!(ended, all, "each ended once");
    let history = scene.client.whole_history(&conversation).await;
    assert_eq!(history.len(), 10, "five questions and five answers");
}

/// Protects: a turn goes on when its reader goes, and is there when they come back.
#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_is_not_stopping() {
    let mut scene = scene().await;
    let data = json!({"conversation_id": null, "content": "go", "message_type": "user", "assistant_id": "words-40-20"});
    scene.client.ask("send_message", data).await;
    let live = LiveTurn::begin(&mut scene.client).await;
    let token = scene.app.token("ann@example.org");
    scene.client = scene.app.client(&token).await; // The old connection is dropped here, without a close.
    let data = json!({"positions": [{"conversation_id": live.conversation_id, "seq": 0}]});
    scene.client.ask("resume", data).await;
    scene.client.until("message_received").await;
    let turn = Turn::follow(&mut scene.client).await;
    assert_eq!((turn.text, turn.status.as_str()), (words(40), "complete"));
    assert_eq!(scene.provider.hangups(), 0);
}
