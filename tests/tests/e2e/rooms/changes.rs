//! Messages are edited, deleted and reacted to: everybody is told, and who was away gets what is left of it.

use parlor_tests::client::id;
use parlor_tests::{Rooms, TestApp};
use serde_json::{Value, json};

struct Stage {
    app: TestApp,
    ann: Rooms,
    bob: Rooms,
    /// The ids of Ann's two messages.
    ids: Vec<String>,
}

async fn stage() -> Stage {
    let app = TestApp::start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let mut bob = app.rooms(&app.token("bob@example.org")).await;
    ann.enter("hall", "shared").await;
    bob.enter("hall", "shared").await;
    let mut ids = Vec::new();
    for text in ["one", "two"] {
        ids.push(id(&ann.say("hall", text).await["server_message_id"]));
        bob.message().await;
    }
    Stage { app, ann, bob, ids }
}

/// Protects: the shapes of every change, for who makes it and for the others; each has its place in the log.
#[tokio::test(flavor = "multi_thread")]
async fn changes_reach_everybody() {
    let Stage { app: _app, mut ann, mut bob, ids } = stage().await;
    let edit =
        json!({"type": "edit", "data": {"message_id": ids[0], "message": "uno"}, "message_id": "req-1"});
    ann.send(edit).await;
    let own = ann.until("message_updated").await;
    assert_eq!(own["message_id"], "req-1");
    let told = bob.until("message_updated").await;
    assert_eq!((&told["data"], &told["room_id"]), (&own["data"], &json!("hall")));
    let message = &told["data"]["message"];
    assert_eq!((&told["data"]["seq"], &message["seq"]), (&json!(3), &json!(1)));
    assert_eq!((&message["content"], message["edited_at"].is_string()), (&json!("uno"), true));

    bob.ask("react", json!({"message_id": ids[1], "emoji": "👍"})).await;
    let reacted = ann.until("message_updated").await["data"].take();
    let reactions = json!([{"emoji": "👍", "count": 1, "user_ids": [bob.user]}]);
    assert_eq!((&reacted["seq"], &reacted["message"]["reactions"]), (&json!(4), &reactions));
    bob.until("message_updated").await;
    bob.ask("react", json!({"message_id": ids[1], "emoji": "👍", "remove": true})).await;
    assert_eq!(ann.until("message_updated").await["data"]["message"].get("reactions"), None);
    bob.until("message_updated").await;

    ann.ask("delete", json!({"message_id": ids[0]})).await;
    let gone = bob.until("message_updated").await["data"].take();
    assert_eq!((&gone["seq"], &gone["message"]["deleted"]), (&json!(6), &json!(true)));
    assert_eq!(gone["message"]["content"], "");
    let history = bob.whole_history("hall").await;
    assert_eq!((&history[0]["deleted"], &history[0]["content"]), (&json!(true), &json!("")));
    assert_eq!(history.len(), 2);
}

/// Protects: what others wrote is theirs, save from who moderates.
#[tokio::test(flavor = "multi_thread")]
async fn others_messages_are_theirs() {
    let Stage { app: _app, mut ann, mut bob, ids } = stage().await;
    for (kind, data) in [
        ("edit", json!({"message_id": ids[0], "message": "mine now"})),
        ("delete", json!({"message_id": ids[0]})),
    ] {
        bob.ask(kind, data).await;
        bob.until_error("FORBIDDEN").await;
    }
    let bobs = bob.say("hall", "Bob's own").await["server_message_id"].clone();
    ann.ask("delete", json!({"message_id": bobs})).await;
    let gone = bob.until("message_updated").await["data"].take();
    assert_eq!((&gone["message"]["message_id"], &gone["message"]["deleted"]), (&bobs, &json!(true)));
    bob.ask("edit", json!({"message_id": bobs, "message": "not gone"})).await;
    bob.until_error("MESSAGE_NOT_FOUND").await;
    assert!(ann.whole_history("hall").await.iter().all(|it| it["content"] != "mine now"));
}

/// Protects: a resume brings what was changed meanwhile, each message as it is now, and what is settled comes no more.
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_resumed() {
    let Stage { app, mut ann, bob, ids } = stage().await;
    drop(bob);
    ann.ask("edit", json!({"message_id": ids[0], "message": "uno"})).await;
    ann.ask("edit", json!({"message_id": ids[0], "message": "eins"})).await;
    ann.ask("react", json!({"message_id": ids[1], "emoji": "🎉"})).await;
    ann.ask("delete", json!({"message_id": ids[1]})).await;
    ann.barrier().await;
    ann.say("hall", "three").await;
    let mut bob = app.rooms(&app.token("bob@example.org")).await;
    let resumed = async |bob: &mut Rooms, seq: u64, epoch: &Value| {
        bob.ask("resume", json!({"positions": [{"room_id": "hall", "seq": seq, "epoch": epoch}]})).await;
        let mut missed = Vec::new();
        loop {
            let frame = bob.frame().await;
            let data = &frame["data"];
            match frame["type"].as_str().unwrap() {
                "resumed" => return (missed, data.clone()),
                "chat" => missed.push(json!([data["seq"], data["content"]])),
                "message_updated" => {
                    assert!(data.get("replayed").is_none(), "{frame}");
                    missed.push(json!([data["seq"], data["message"]["seq"], data["message"]["content"]]));
                }
                _ => {}
            }
        }
    };
    let (missed, end) = resumed(&mut bob, 2, &Value::Null).await;
    assert_eq!(missed, [json!([4, 1, "eins"]), json!([6, 2, ""]), json!([7, "three"])]);
    assert_eq!((&end["from_seq"], &end["last_seq"], &end["recovered"]), (&json!(2), &json!(7), &json!(true)));
    let (missed, again) = resumed(&mut bob, 7, &end["epoch"]).await;
    assert_eq!((missed, &again["recovered"]), (vec![], &json!(true)));
    for (seq, epoch) in [(8, end["epoch"].clone()), (7, json!("another log"))] {
        let (missed, refused) = resumed(&mut bob, seq, &epoch).await;
        assert_eq!((missed, &refused["recovered"]), (vec![], &json!(false)));
    }
}
