//! People talk: the same messages in the same order for everybody.

use parlor_tests::client::id;
use parlor_tests::mirror::number;
use parlor_tests::{Rooms, TestApp};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinSet;

const EACH: u64 = 20;

/// Takes in entries until the log is whole: each message's text by its place, as this connection came to know it.
async fn speak_and_listen(mut client: Rooms, name: &'static str, total: u64) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    for count in 0..EACH {
        let text = format!("{name} {count}");
        client.chat("hall", &text, &text).await;
    }
    while seen.len() < usize::try_from(total).unwrap() {
        let frame = client.frame().await;
        let data = &frame["data"];
        match frame["type"].as_str().unwrap() {
            "chat" => {
                assert_ne!(data["client_message_id"].as_str().unwrap().split(' ').next(), Some(name));
                seen.push((number(&data["seq"]), id(&data["content"])));
            }
            // A confirmation stands in the place of the message in its sender's order.
            "delivery_confirmation" => seen.push((number(&data["seq"]), id(&data["message_id"]))),
            "presence" => {}
            other => panic!("{other}: {frame}"),
        }
    }
    seen
}

/// Protects: three people and two tabs of one of them, all talking at once, have one order.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_has_the_same_order() {
    let app = TestApp::builder().without_limits().start().await;
    let ann = app.token("ann@example.org");
    let names = [
        ("ann-1", ann.clone()),
        ("ann-2", ann),
        ("bob", app.token("bob@example.org")),
        ("cid", app.token("cid@example.org")),
    ];
    let mut clients = Vec::new();
    for (name, token) in &names {
        let mut client = app.rooms(token).await;
        client.enter("hall", "shared").await;
        clients.push((*name, client));
    }
    let total = EACH * names.len() as u64;
    let mut tasks = JoinSet::new();
    for (name, client) in clients {
        tasks.spawn(speak_and_listen(client, name, total));
    }
    let orders = tasks.join_all().await;
    for order in &orders {
        assert_eq!(order, &orders[0]);
        assert!(order.iter().map(|(seq, _)| *seq).eq(1..=total), "{order:?}");
    }
}

/// Protects: the shapes of a message and of its confirmation, by the client's own names.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_and_its_confirmation() {
    let app = TestApp::start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let mut bob = app.rooms(&app.token("bob@example.org")).await;
    let conversation = ann.enter("hall", "shared").await["conversation_id"].clone();
    bob.enter("hall", "shared").await;
    let confirmed = ann.say("hall", "héllo").await;
    assert_eq!((&confirmed["status"], &confirmed["seq"]), (&json!("delivered"), &json!(1)));
    assert_eq!((&confirmed["conversation_id"], &confirmed["room_id"]), (&conversation, &json!("hall")));
    let frame = bob.until("chat").await;
    assert_eq!((&frame["room_id"], &frame["data"]["room_id"]), (&json!("hall"), &json!("hall")));
    for (name, expect) in [
        ("role", json!("user")),
        ("content", json!("héllo")),
        ("streaming", json!(false)),
        ("user_id", json!(ann.user)),
        ("username", json!("ann")),
        ("seq", json!(1)),
        ("message_id", confirmed["server_message_id"].clone()),
        ("client_message_id", json!("id of héllo")),
        ("timestamp", confirmed["timestamp"].clone()),
    ] {
        assert_eq!(frame["data"][name], expect, "{name}");
    }
    assert_eq!(bob.whole_history("hall").await, [frame["data"].clone()], "history has the same shape");
}

/// Protects: who sends again with the same name and text gets the first answer, and nobody is told twice; another
/// text by the same name is another message.
#[tokio::test(flavor = "multi_thread")]
async fn a_resend_is_answered_and_not_repeated() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.rooms(&token).await;
    let mut bob = app.rooms(&app.token("bob@example.org")).await;
    ann.enter("hall", "shared").await;
    bob.enter("hall", "shared").await;
    ann.chat("hall", "once", "msg-1").await;
    let first = ann.confirmation("msg-1").await;
    let mut tab = app.rooms(&token).await;
    tab.chat("hall", "once", "msg-1").await;
    let again = tab.confirmation("msg-1").await;
    assert_eq!(again["duplicate"], true);
    for name in ["server_message_id", "seq", "timestamp", "conversation_id"] {
        assert_eq!(again[name], first[name], "{name}");
    }
    ann.chat("hall", "another", "msg-1").await;
    assert_eq!(ann.confirmation("msg-1").await["seq"], 2);
    let seen: Vec<Value> = bob.pending("chat").await.iter().map(|it| it["data"]["content"].clone()).collect();
    assert_eq!(seen, ["once", "another"]);
}

/// Protects: members get a room's messages whether or not they joined it on this connection, but typing only where
/// they did; it ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn members_elsewhere_get_messages_and_no_typing() {
    let app = TestApp::start().await;
    let token = app.token("bob@example.org");
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let mut bob = app.rooms(&token).await;
    ann.enter("hall", "shared").await;
    bob.enter("hall", "shared").await;
    let mut tab = app.rooms(&token).await;
    ann.ask("typing", json!({"is_typing": true, "room_id": "hall"})).await;
    let typing = bob.until("typing").await["data"].take();
    assert_eq!((&typing["user_id"], &typing["username"]), (&json!(ann.user), &json!("ann")));
    assert_eq!(typing["is_typing"], true);
    let started = tokio::time::Instant::now();
    assert_eq!(bob.until("typing").await["data"]["is_typing"], false, "it ends by itself");
    let took = started.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(12)).contains(&took), "{took:?}");
    ann.say("hall", "to every tab").await;
    assert_eq!(tab.expect("chat").await["data"]["content"], "to every tab");
    assert_eq!(bob.message().await["content"], "to every tab");
}

/// Protects: history is read page by page, in order and whole.
#[tokio::test(flavor = "multi_thread")]
async fn history_comes_in_pages() {
    let app = TestApp::builder().without_limits().start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("hall", "shared").await;
    for count in 1..=120 {
        ann.chat("hall", &count.to_string(), &count.to_string()).await;
    }
    ann.confirmation("120").await;
    let page =
        ann.does("history", json!({"room_id": "hall", "before_seq": 41, "limit": 20}), "history").await;
    let seqs: Vec<u64> = page["messages"].as_array().unwrap().iter().map(|it| number(&it["seq"])).collect();
    assert!(seqs.iter().copied().eq(21..=40), "{seqs:?}");
    assert_eq!((&page["has_more"], &page["room_id"]), (&json!(true), &json!("hall")));
    let usual = ann.does("history", json!({"room_id": "hall"}), "history").await;
    assert_eq!(usual["messages"].as_array().unwrap().len(), 50);
    let whole = ann.whole_history("hall").await;
    assert!(whole.iter().map(|it| number(&it["seq"])).eq(1..=120));
    for limit in [0, 201] {
        ann.ask("history", json!({"room_id": "hall", "limit": limit})).await;
        ann.until_error("INVALID_REQUEST").await;
    }
}
