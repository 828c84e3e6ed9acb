//! The way of the dialect's own client: authenticate, talk, read the reply, open a second tab.

use parlor_tests::client::id;
use parlor_tests::mirror::number;
use parlor_tests::{Client, Credential, FakeProvider, LiveTurn, Postgres, TestApp, Turn};
use serde_json::json;
use std::time::Duration;

/// Protects: the whole flow that a client's author tries first works with no setting at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_conversation_on_sqlite() {
    a_first_conversation(&TestApp::start().await).await;
}

/// Protects: the same on the other database.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_conversation_on_postgresql() {
    let postgres = Postgres::start();
    a_first_conversation(&TestApp::builder().env("DATABASE_URL", postgres.url()).start().await).await;
}

async fn a_first_conversation(app: &TestApp) {
    let token = app.token("ann@example.org");
    let mut client = Client::connect(app.address(), Credential::None).await;
    client.send(json!({"type": "auth", "token": token})).await;
    let user = id(&client.expect("auth_success").await["user_id"]);

    let data = json!({"conversation_id": null, "content": "echo hello there", "message_type": "user",
                      "client_message_id": "c-1"});
    client.ask("send_message", data).await;
    let message = client.until("message_received").await["data"]["message"].clone();
    assert_eq!(message["content"], "echo hello there");
    assert_eq!(message["message_type"], "user");
    assert_eq!(message["sender_id"], user.as_str());
    assert_eq!(message["client_message_id"], "c-1");
    assert_eq!(message["seq"], 1);
    assert_rfc3339_millis(message["created_at"].as_str().unwrap());

    let turn = Turn::follow(&mut client).await;
    assert_eq!(turn.conversation_id, id(&message["conversation_id"]));
    assert_eq!(turn.in_reply_to, id(&message["id"]));
    assert!(turn.text.contains("hello there"), "the demo echoes: {}", turn.text);
    assert!(turn.chunks > 1, "it is streamed: {} chunk", turn.chunks);
    assert_eq!((turn.status.as_str(), turn.seq), ("complete", 2));
    assert_eq!(turn.end["model"], "parlor-demo");
    let usage = &turn.end["usage"];
    let sum = number(&usage["prompt_tokens"]) + number(&usage["completion_tokens"]);
    assert_eq!(number(&usage["total_tokens"]), sum);
    assert!(number(&usage["completion_tokens"]) > 0);
    let typing = |frame: &&serde_json::Value| {
        frame["type"] == "typing_indicator"
            && frame["data"]["user_id"] == "assistant"
            && frame["data"]["is_typing"] == true
    };
    assert!(turn.others.iter().any(|frame| typing(&frame)), "the assistant types first: {:?}", turn.others);

    let history = client.whole_history(&turn.conversation_id).await;
    assert_eq!(history.len(), 2);
    assert_eq!(history[0], message);
    assert_eq!(history[1]["id"], turn.message_id.as_str());
    assert_eq!(history[1]["content"], turn.text.as_str());
    assert_eq!(history[1]["message_type"], "assistant");
    assert_eq!(history[1]["sender_id"], "assistant");
    assert_eq!(history[1]["status"], "complete");
    assert_eq!(history[1]["in_reply_to"], message["id"]);
    client.close().await;
}

fn assert_rfc3339_millis(text: &str) {
    let pattern = "dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = text.len() == pattern.len()
        && text.chars().zip(pattern.chars()).all(|(c, p)| if p == 'd' { c.is_ascii_digit() } else { c == p });
    assert!(fits, "RFC 3339 in UTC with milliseconds: {text}");
}

/// Protects: other tabs of the same person see what happens, shortly where they have not joined and wholly where
/// they have.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_tab_keeps_up() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut first = app.client(&token).await;
    let mut second = app.client(&token).await;

    let message = first.say(None, "note", "a title for everybody").await;
    let conversation = id(&message["conversation_id"]);
    let mut seen = [second.frame().await, second.frame().await];
    seen.sort_by_key(|frame| frame["type"].to_string());
    assert_eq!(seen[0]["type"], "conversation_updated");
    let summary = &seen[0]["data"]["conversation"];
    assert_eq!(summary["id"], conversation.as_str());
    assert_eq!(summary["title"], "a title for everybody");
    assert_eq!((&summary["message_count"], &summary["last_seq"]), (&json!(1), &json!(1)));
    assert_rfc3339_millis(summary["updated_at"].as_str().unwrap());
    assert_eq!(seen[1]["type"], "message_added");
    assert_eq!(seen[1]["data"]["message"], message);

    let joined = second.join(&conversation).await;
    assert_eq!((&joined["last_seq"], &joined["title"]), (&json!(1), &json!("a title for everybody")));
    let data = json!({"conversation_id": conversation, "content": "count to 5", "message_type": "user"});
    first.ask("send_message", data).await;
    let received = second.until("message_received").await;
    assert_eq!(received["data"]["message"]["content"], "count to 5");
    let (there, here) = tokio::join!(Turn::follow(&mut first), Turn::follow(&mut second));
    assert_eq!((&here.text, &here.message_id, here.seq), (&there.text, &there.message_id, 3));
    assert!(here.others.iter().all(|frame| frame["type"] != "message_added"), "{:?}", here.others);

    second.ask("leave_conversation", json!({"conversation_id": conversation})).await;
    let left = second.until("conversation_left").await;
    assert_eq!(left["data"]["conversation_id"], conversation.as_str());
    first.say(Some(&conversation), "note", "not joined any more").await;
    let added = second.until("message_added").await;
    assert_eq!(added["data"]["message"]["content"], "not joined any more");
}

/// Protects: who joins in the middle of a reply sees it whole.
#[tokio::test(flavor = "multi_thread")]
async fn joining_shows_a_live_turn_from_its_beginning() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-60-20").start().await;
    let token = app.token("ann@example.org");
    let mut first = app.client(&token).await;
    let mut second = app.client(&token).await;

    let message = first.say(None, "user", "talk to me").await;
    let mut there = LiveTurn::begin(&mut first).await;
    there.read(&mut first, 50).await;
    second.join(&id(&message["conversation_id"])).await;
    let (there, here) = tokio::join!(there.finish(&mut first), Turn::follow(&mut second));
    assert_eq!(here.text, parlor_tests::provider::words(60));
    assert_eq!(here.text, there.text);
    assert!(here.chunks < there.chunks, "the beginning came as one chunk");
}

/// Protects: nobody sees or touches a conversation that is not theirs, nor learns that it exists.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_told_that_there_is_nothing() {
    let app = TestApp::start().await;
    let mut ann = app.client(&app.token("ann@example.org")).await;
    let mut eve = app.client(&app.token("eve@example.org")).await;
    let message = ann.say(None, "note", "between us").await;
    let conversation = id(&message["conversation_id"]);

    let nowhere = "01890000-0000-7000-8000-000000000000";
    let mut answers = Vec::new();
    for target in [conversation.as_str(), nowhere] {
        let asks = [
            ("join_conversation", json!({"conversation_id": target})),
            ("send_message", json!({"conversation_id": target, "content": "hi", "message_type": "note"})),
            ("stream_response", json!({"conversation_id": target, "message_id": message["id"]})),
            ("stop_response", json!({"conversation_id": target})),
            ("history", json!({"conversation_id": target})),
            ("typing", json!({"conversation_id": target, "is_typing": true})),
            ("resume", json!({"positions": [{"conversation_id": target, "seq": 0}]})),
        ];
        let mut told = Vec::new();
        for (kind, data) in asks {
            eprintln!("{kind} {target}"); // shown where it is not answered
            eve.ask(kind, data).await;
            let mut error = eve.expect_error("CONVERSATION_NOT_FOUND").await;
            error.as_object_mut().unwrap().remove("conversation_id");
            told.push((kind, error));
        }
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1], "a foreign conversation and none at all look the same");
    eve.expect_silence(Duration::from_millis(200)).await;
    assert_eq!(ann.whole_history(&conversation).await.len(), 1);
}
