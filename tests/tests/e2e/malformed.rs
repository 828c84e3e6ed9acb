//! Frames whose content is wrong: each is refused with the right code, the connection stays, and nothing that was
//! said gets into the log.

use parlor_tests::client::id;
use parlor_tests::{Client, Incoming, TestApp};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// Stands in every text of this file, so that it can be looked for in the log.
const CANARY: &str = "canary-7f3a";

async fn refused(client: &mut Client, text: String) -> Value {
    let shown: String = text.chars().take(80).collect();
    client.send_message(Message::text(text)).await.unwrap();
    match client.recv().await {
        Incoming::Frame(frame) if frame["type"] == "error" => frame["data"].clone(),
        other => panic!("an error was due for {shown}, not {other:?}"),
    }
}

/// Protects: whatever JSON a client makes up, it is told what is wrong, and the connection and the process go on.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_content_is_refused_and_the_connection_stays() {
    let mut app = TestApp::builder().without_limits().env("LOG_LEVEL", "trace").start().await;
    let token = app.token("ann@example.org");
    let mut client = app.client(&token).await;
    let conversation = client.new_conversation().await;
    client.join(&conversation).await;
    let mut wrong = Vec::new();
    for (text, code) in cases(&conversation) {
        let error = refused(&mut client, text.clone()).await;
        if error["code"] != code {
            let shown: String = text.chars().take(100).collect();
            wrong.push(format!("{code} was due for {shown}, not {error}"));
        }
        client.send(json!({"type": "ping"})).await;
        client.expect("pong").await;
    }
    assert_eq!(client.whole_history(&conversation).await.len(), 1, "nothing of it was stored");
    assert!(app.is_running());
    let log = app.log();
    assert!(!log.contains(CANARY), "a text is in the log: {}", line_with(&log, CANARY));
    assert!(!log.contains(&token), "a token is in the log: {}", line_with(&log, &token));
    assert!(!log.contains("panicked"), "{}", line_with(&log, "panicked"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn line_with<'a>(log: &'a str, what: &str) -> &'a str {
    log.lines().find(|line| line.contains(what)).unwrap_or_default()
}

fn cases(conversation: &str) -> Vec<(String, &'static str)> {
    let send = |content: Value| {
        json!({"type": "send_message",
               "data": {"conversation_id": conversation, "content": content, "message_type": "note"}})
        .to_string()
    };
    let data = |kind: &str, data: Value| json!({"type": kind, "data": data}).to_string();
    let uuid = "01890000-0000-7000-8000-000000000000";
    let mut cases = vec![
        (String::new(), "INVALID_JSON"),
        (CANARY.to_owned(), "INVALID_JSON"),
        (format!("{{\"type\":\"ping\",\"x\":\"{CANARY}"), "INVALID_JSON"),
        (format!("[\"{CANARY}\"]"), "INVALID_JSON"),
        (format!("\"{CANARY}\""), "INVALID_JSON"),
        ("null".to_owned(), "INVALID_JSON"),
        ("7".to_owned(), "INVALID_JSON"),
        ("{}{}".to_owned(), "INVALID_JSON"),
        (format!("{{}} {CANARY}"), "INVALID_JSON"),
        ("{\"type\":\"ping\",\"data\":NaN}".to_owned(), "INVALID_JSON"),
        ("{\"type\":\"send_message\",\"data\":{\"content\":\"\\ud800\"}}".to_owned(), "INVALID_REQUEST"),
        ("{}".to_owned(), "INVALID_REQUEST"),
        (json!({"type": 7}).to_string(), "INVALID_REQUEST"),
        (json!({"type": null}).to_string(), "INVALID_REQUEST"),
        (json!({"type": "send_messages", "data": {"content": CANARY}}).to_string(), "UNKNOWN_TYPE"),
        (json!({"type": ""}).to_string(), "UNKNOWN_TYPE"),
        (json!({"type": "x".repeat(100_000)}).to_string(), "UNKNOWN_TYPE"),
        (
            data("send_message", json!({"conversation_id": conversation, "message_type": "note"})),
            "INVALID_REQUEST",
        ),
        (data("send_message", json!({"conversation_id": 123, "content": CANARY})), "INVALID_REQUEST"),
        (data("send_message", json!({"conversation_id": CANARY, "content": "x"})), "INVALID_REQUEST"),
        (data("send_message", json!(CANARY)), "INVALID_REQUEST"),
        (data("send_message", json!([1, 2, 3])), "INVALID_REQUEST"),
        (json!({"type": "send_message"}).to_string(), "INVALID_REQUEST"),
        (send(json!(7)), "INVALID_REQUEST"),
        (send(json!(null)), "INVALID_REQUEST"),
        (send(json!([CANARY])), "INVALID_REQUEST"),
        (send(json!("")), "INVALID_MESSAGE_CONTENT"),
        (send(json!(" \n\t ")), "INVALID_MESSAGE_CONTENT"),
        (send(json!(format!("{CANARY}\u{0}"))), "INVALID_MESSAGE_CONTENT"),
        (send(json!(CANARY.repeat(64 * 1024 / CANARY.len()) + "and more than that")), "MESSAGE_TOO_LONG"),
        (send(json!("x".repeat(64 * 1024 + 1))), "MESSAGE_TOO_LONG"),
        (send(json!("é".repeat(32 * 1024) + "x")), "MESSAGE_TOO_LONG"),
        (send(json!("x".repeat(2_000_000))), "MESSAGE_TOO_LONG"),
        (data("send_message", json!({"conversation_id": uuid, "content": CANARY})), "CONVERSATION_NOT_FOUND"),
        (
            data("stop_response", json!({"conversation_id": conversation, "message_id": CANARY})),
            "INVALID_REQUEST",
        ),
        (
            data("stream_response", json!({"conversation_id": conversation, "message_id": uuid})),
            "MESSAGE_NOT_FOUND",
        ),
        (data("stream_response", json!({"conversation_id": conversation})), "INVALID_REQUEST"),
        (data("typing", json!({"conversation_id": conversation, "is_typing": "yes"})), "INVALID_REQUEST"),
        (data("history", json!({"conversation_id": conversation, "before_seq": -1})), "INVALID_REQUEST"),
        (data("history", json!({"conversation_id": conversation, "limit": 1e30})), "INVALID_REQUEST"),
        (data("history", json!({"conversation_id": conversation, "limit": "many"})), "INVALID_REQUEST"),
        (data("resume", json!({"positions": {}})), "INVALID_REQUEST"),
        (data("resume", json!({"positions": [{"conversation_id": conversation}]})), "INVALID_REQUEST"),
        (
            data("resume", json!({"positions": vec![json!({"conversation_id": uuid, "seq": 0}); 1_001]})),
            "INVALID_REQUEST",
        ),
        (data("history", json!({"conversation_id": conversation, "limit": 0})), "INVALID_REQUEST"),
        (data("history", json!({"conversation_id": conversation, "limit": 201})), "INVALID_REQUEST"),
        (json!({"type": "auth", "token": 7}).to_string(), "INVALID_REQUEST"),
    ];
    // Nesting deeper than any parser's stack, in a place that is read and in one that is not.
    for depth in [1_000, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        cases.push((
            format!("{{\"type\":\"send_message\",\"data\":{{\"content\":{deep}}}}}"),
            "INVALID_REQUEST",
        ));
    }
    for kind in
        ["join_conversation", "leave_conversation", "typing_start", "typing_stop", "history", "stop_response"]
    {
        cases.push((json!({"type": kind}).to_string(), "INVALID_REQUEST"));
        cases.push((data(kind, json!({"conversation_id": null})), "INVALID_REQUEST"));
        cases.push((data(kind, json!({"conversation_id": "' OR 1=1 --"})), "INVALID_REQUEST"));
    }
    cases
}

/// Protects: what is allowed is taken: the longest text, every odd character, unknown fields, and each comes back as
/// it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn odd_but_right_content_is_kept_as_it_is() {
    let app = TestApp::builder().without_limits().start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    let texts = [
        "x".repeat(64 * 1024),
        "é".repeat(32 * 1024),
        "\u{1}\u{7f}\u{80}\u{feff}\u{fffe}\u{10ffff}\u{2028}\u{202e}".to_owned(),
        "line\r\nbreaks\tand \"quotes\" \\ / </script>".to_owned(),
        "👩‍👩‍👧‍👦 e\u{301} \u{1f1e9}\u{1f1ea}".to_owned(),
        " x ".to_owned(),
    ];
    let first = client.new_conversation().await;
    for text in &texts {
        let data =
            json!({"conversation_id": first, "content": text, "message_type": "note", "unheard_of": [{}]});
        client.send(json!({"type": "send_message", "data": data, "more": {"and": "more"}})).await;
        assert_eq!(client.until("message_received").await["data"]["message"]["content"], text.as_str());
    }
    let stored: Vec<String> =
        client.whole_history(&first).await.iter().skip(1).map(|message| id(&message["content"])).collect();
    assert_eq!(stored, texts);
}
