//! Sending and reading back: pages, notes, resends, and the client's own names in the answers.

use parlor_tests::TestApp;
use parlor_tests::client::id;
use serde_json::{Value, json};
use std::time::Duration;

/// Protects: paging backwards gives every message once, in order, and says when it has reached the beginning.
#[tokio::test(flavor = "multi_thread")]
async fn history_pages_backwards() {
    let app = TestApp::start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    let conversation = client.new_conversation().await;
    for number in 2..=8 {
        client.say(Some(&conversation), "note", &format!("note {number}")).await;
    }
    let page = async |client: &mut parlor_tests::Client, before: Option<u64>, limit: u32| {
        let data = json!({"conversation_id": conversation, "before_seq": before, "limit": limit});
        client.ask("history", data).await;
        let page = client.until("history").await["data"].clone();
        let seqs: Vec<u64> =
            page["messages"].as_array().unwrap().iter().map(|m| m["seq"].as_u64().unwrap()).collect();
        (seqs, page["has_more"].as_bool().unwrap())
    };
    assert_eq!(page(&mut client, None, 3).await, (vec![6, 7, 8], true));
    assert_eq!(page(&mut client, Some(6), 3).await, (vec![3, 4, 5], true));
    assert_eq!(page(&mut client, Some(3), 3).await, (vec![1, 2], false));
    assert_eq!(page(&mut client, Some(1), 3).await, (vec![], false));
    assert_eq!(page(&mut client, None, 8).await, ((1..=8).collect(), false));
    assert_eq!(page(&mut client, Some(u64::MAX), 200).await, ((1..=8).collect(), false));
}

/// Protects: only a `user` message is answered; any other word is stored as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_note_starts_no_turn() {
    let app = TestApp::start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    let note = client.say(None, "note", "remember the milk").await;
    assert_eq!(note["message_type"], "note");
    while let Some(incoming) = client.recv_within(Duration::from_millis(500)).await {
        let parlor_tests::Incoming::Frame(frame) = incoming else { panic!("{incoming:?}") };
        assert_eq!(frame["type"], "conversation_updated", "{frame}");
    }
    assert_eq!(client.whole_history(&id(&note["conversation_id"])).await, [note]);
}

/// Protects: a resend is answered with what the first one got, and nothing is stored or told to others twice;
/// also when the first made the conversation, and after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_resend_happens_once() {
    let mut app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut client = app.client(&token).await;
    let mut tab = app.client(&token).await;
    let send = |conversation: Option<&str>, name: &str, content: &str| {
        json!({"type": "send_message", "data": {"conversation_id": conversation, "content": content,
               "message_type": "note", "client_message_id": name}})
    };
    client.send(send(None, "new", "makes a conversation")).await;
    let first = client.until("message_received").await["data"]["message"].clone();
    let conversation = id(&first["conversation_id"]);
    tab.join(&conversation).await;

    client.send(send(None, "new", "makes a conversation")).await;
    let again = client.until("message_received").await["data"].clone();
    assert_eq!((&again["message"], &again["duplicate"]), (&first, &json!(true)));

    client.send(send(Some(&conversation), "in", "in it")).await;
    let second = client.until("message_received").await["data"].clone();
    assert_eq!((&second["message"]["seq"], &second["duplicate"]), (&json!(2), &Value::Null));
    client.send(send(Some(&conversation), "in", "in it")).await;
    let again = client.until("message_received").await["data"].clone();
    assert_eq!((&again["message"], &again["duplicate"]), (&second["message"], &json!(true)));

    client.send(send(Some(&conversation), "in", "other words, as clocks may make one id twice")).await;
    let third = client.until("message_received").await["data"].clone();
    assert_eq!((&third["message"]["seq"], &third["duplicate"]), (&json!(3), &Value::Null));

    for seq in [2, 3] {
        assert_eq!(tab.until("message_received").await["data"]["message"]["seq"], seq);
    }
    tab.expect_no_message(Duration::from_millis(300)).await;

    app.kill9();
    app.restart().await;
    let mut client = app.client(&token).await;
    for (frame, stored) in [
        (send(None, "new", "makes a conversation"), &first),
        (send(Some(&conversation), "in", "in it"), &second["message"]),
    ] {
        client.send(frame).await;
        let again = client.until("message_received").await["data"].clone();
        assert_eq!((&again["message"], &again["duplicate"]), (stored, &json!(true)));
    }
    assert_eq!(client.whole_history(&conversation).await.len(), 3);
}

/// Protects: another user's message with the same client id is not mine.
#[tokio::test(flavor = "multi_thread")]
async fn client_ids_are_each_senders_own() {
    let app = TestApp::start().await;
    let mut made = Vec::new();
    for email in ["ann@example.org", "bob@example.org"] {
        let mut client = app.client(&app.token(email)).await;
        let data = json!({"conversation_id": null, "content": "the same", "message_type": "note",
                          "client_message_id": "1"});
        client.ask("send_message", data).await;
        let received = client.until("message_received").await["data"].clone();
        assert_eq!(received["duplicate"], Value::Null);
        made.push(id(&received["message"]["conversation_id"]));
    }
    assert_ne!(made[0], made[1]);
}

/// Protects: answers and refusals bear the request's own names, where the client put them.
#[tokio::test(flavor = "multi_thread")]
async fn answers_repeat_the_requests_names() {
    let app = TestApp::start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    let conversation = client.new_conversation().await;
    let there = json!({"conversation_id": conversation});
    let with = |more: Value| {
        let mut data = there.clone();
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    let cases = [
        ("join_conversation", there.clone(), "conversation_joined"),
        ("history", there.clone(), "history"),
        ("stop_response", there.clone(), "response_stopped"),
        ("send_message", with(json!({"content": "x", "message_type": "note"})), "message_received"),
        ("resume", json!({"positions": [{"conversation_id": conversation, "seq": 2}]}), "resumed"),
        ("leave_conversation", there.clone(), "conversation_left"),
        ("ping", json!({}), "pong"),
        ("nonsense", json!({}), "error"),
        ("history", json!({"conversation_id": "no id"}), "error"),
    ];
    for (kind, data, answer) in cases {
        let mut inside = data.clone();
        inside["request_id"] = json!("in-1");
        client.send(json!({"type": kind, "data": inside})).await;
        let frame = client.until_any(answer).await;
        assert_eq!(frame["data"]["request_id"], "in-1", "{kind}: {frame}");

        client.send(json!({"type": kind, "data": data, "request_id": "out-1"})).await;
        let frame = client.until_any(answer).await;
        assert_eq!(frame["request_id"], "out-1", "{kind}: {frame}");
    }
    let data = json!({"conversation_id": conversation, "content": "", "message_type": "note", "client_message_id": "c-9"});
    client.ask("send_message", data).await;
    let error = client.until_any("error").await;
    assert_eq!(
        (&error["data"]["code"], &error["data"]["client_message_id"]),
        (&json!("INVALID_MESSAGE_CONTENT"), &json!("c-9"))
    );
}
