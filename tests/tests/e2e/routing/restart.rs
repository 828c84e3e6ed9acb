//! Who wants the whole reply rather than its beginning gets it, in place of what was shown.

use super::failover::{MIDDLE, two_providers};
use parlor_tests::provider::words;
use parlor_tests::{Client, FakeProvider};
use serde_json::{Value, json};

/// Protects: a provider that breaks in the middle costs a client that may begin anew nothing but what was shown.
#[tokio::test(flavor = "multi_thread")]
async fn another_begins_anew_where_that_is_wanted() {
    let (mut app, first, second) = two_providers().await;
    for model in MIDDLE {
        let data = json!({"conversation_id": null, "content": "tell me all", "message_type": "user",
                          "assistant_id": model, "restart": true});
        app.client.ask("send_message", data).await;
        let frames = up_to(&mut app.client, |frame| frame["type"] == "stream_complete").await;
        let end = assert_anew(model, &frames, |frame| frame["type"] == "stream_content");
        let history = app.client.whole_history(end["conversation_id"].as_str().unwrap()).await;
        assert_kept(model, &history, &first, &second);
    }
}

/// Protects: the same in a room, for everybody who is there.
#[tokio::test(flavor = "multi_thread")]
async fn another_begins_anew_in_a_room() {
    let (app, first, second) = two_providers().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let mut bob = app.rooms(&app.token("bob@example.org")).await;
    for model in MIDDLE {
        for client in [&mut ann, &mut bob] {
            client.enter(model, "shared").await;
        }
        let data = json!({"message": "tell me all", "model_preference": model, "restart": true});
        ann.send(json!({"type": "chat", "data": data, "room_id": model, "message_id": model})).await;
        for client in [&mut ann, &mut bob] {
            let frames =
                up_to(client, |frame| frame["type"] == "chat" && frame["data"]["done"] == true).await;
            let end = assert_anew(model, &frames, |frame| {
                frame["type"] == "chat" && frame["data"]["streaming"] == true
            });
            assert_eq!((&end["room_id"], &end["role"]), (&json!(model), &json!("assistant")), "{model}");
            assert_kept(model, &client.whole_history(model).await, &first, &second);
        }
    }
}

/// What comes up to the end of a reply, the end included.
async fn up_to(client: &mut Client, ends: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame| !ends(frame)) {
        frames.push(client.frame().await);
    }
    frames
}

/// Three words were shown, counted no more, and then the whole reply came from its beginning. Gives the data of the end.
fn assert_anew<'a>(model: &str, frames: &'a [Value], is_piece: impl Fn(&Value) -> bool) -> &'a Value {
    let restart = frames.iter().position(|frame| frame["type"] == "stream_restart");
    let restart = restart.unwrap_or_else(|| panic!("{model}: {frames:?}"));
    let end = &frames.last().unwrap()["data"];
    let data = &frames[restart]["data"];
    assert_eq!((&data["attempt"], &data["message_id"]), (&json!(2), &end["message_id"]), "{model}");
    for (frames, expect) in [(&frames[..restart], words(3)), (&frames[restart + 1..], words(5))] {
        let mut text = String::new();
        for data in frames.iter().filter(|frame| is_piece(frame)).map(|frame| &frame["data"]) {
            assert_eq!(data["offset"], text.len(), "{model}: {data}");
            text += data["content"].as_str().unwrap();
        }
        assert_eq!(text, expect, "{model}");
    }
    assert_eq!(end["status"], "complete", "{model}: {end}");
    end
}

/// The log has the second reply, and each provider was asked once.
fn assert_kept(model: &str, history: &[Value], first: &FakeProvider, second: &FakeProvider) {
    assert_eq!((history.len(), &history[1]["content"]), (2, &json!(words(5))), "{model}");
    assert_eq!((first.count(model), second.count(model)), (1, 1), "{model}");
}
