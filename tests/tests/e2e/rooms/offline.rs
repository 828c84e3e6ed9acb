//! What came while nobody was there, through crashes.

use parlor_tests::client::id;
use parlor_tests::mirror::number;
use parlor_tests::{Incoming, Postgres, Rooms, TestApp, TestAppBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Protects: what was acknowledged before kill -9 comes to who was away, each once and in order; on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_for_who_was_away_on_sqlite() {
    kill_while_away(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_for_who_was_away_on_postgresql() {
    let postgres = Postgres::start();
    kill_while_away(TestApp::builder().env("DATABASE_URL", postgres.url())).await;
}

async fn kill_while_away(builder: TestAppBuilder) {
    let mut app = builder.without_limits().start().await;
    let (ann_token, bob_token) = (app.token("ann@example.org"), app.token("bob@example.org"));
    let mut ann = app.rooms(&ann_token).await;
    let mut bob = app.rooms(&bob_token).await;
    ann.enter("hall", "shared").await;
    bob.enter("hall", "shared").await;
    let first = ann.say("hall", "seen by Bob").await["server_message_id"].clone();
    bob.message().await;
    bob.does("resume", json!({"positions": [{"room_id": "hall", "seq": 1}]}), "resumed").await;
    bob.close().await;
    ann.does("edit", json!({"message_id": first, "message": "edited"}), "message_updated").await;

    let acknowledged = send_until_killed(&mut app, ann).await;
    app.restart().await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut bob = Rooms::connect(app.address(), &bob_token, "").await;
        let (replay, end) = bob.replay().await;
        assert_eq!(end.get("incomplete"), None);
        runs.push(replay);
        // Lost without a word: nothing of it is proved.
    }
    assert_eq!(runs[0], runs[1], "what is not proved comes again");
    check_replay(&runs[0], &acknowledged);

    let mut resuming = app.rooms(&bob_token).await;
    resuming.send(json!({"type": "ping"})).await;
    resuming.expect("pong").await;
    let last = number(&runs[0].last().unwrap()["data"]["seq"]);
    resuming.does("resume", json!({"positions": [{"room_id": "hall", "seq": last}]}), "resumed").await;
    resuming.close().await;
    let mut ann = Rooms::connect(app.address(), &ann_token, "").await;
    ann.replay().await;
    ann.say("hall", "one more").await;
    let start = std::time::Instant::now();
    // The proof is written in the background.
    loop {
        let mut bob = Rooms::connect(app.address(), &bob_token, "").await;
        let (replay, _) = bob.replay().await;
        if replay.len() == 1 {
            assert_eq!(replay[0]["data"]["content"], "one more");
            break;
        }
        assert!(start.elapsed() < parlor_tests::PATIENCE, "what was proved still comes");
    }
}

/// Sends without pause, kills the server in the middle, and gives the seqs of what was acknowledged by their texts.
async fn send_until_killed(app: &mut TestApp, mut ann: Rooms) -> BTreeMap<String, u64> {
    let mut acknowledged = BTreeMap::new();
    let (mut sent, mut killed) = (0, false);
    loop {
        while !killed && sent < acknowledged.len() + 20 {
            sent += 1;
            ann.chat("hall", &format!("message {sent}"), &format!("message {sent}")).await;
        }
        match ann.recv().await {
            Incoming::Frame(frame) if frame["type"] == "delivery_confirmation" => {
                let data = &frame["data"];
                acknowledged.insert(id(&data["message_id"]), number(&data["seq"]));
            }
            Incoming::Frame(_) => {}
            _ => return acknowledged,
        }
        if !killed && acknowledged.len() >= 100 {
            app.kill9();
            killed = true;
        }
    }
}

fn check_replay(replay: &[Value], acknowledged: &BTreeMap<String, u64>) {
    assert_eq!(replay[0]["type"], "message_updated");
    assert_eq!(
        (&replay[0]["data"]["seq"], &replay[0]["data"]["message"]["content"]),
        (&json!(2), &json!("edited"))
    );
    assert!(
        replay.iter().map(|it| number(&it["data"]["seq"])).eq(2..=replay.len() as u64 + 1),
        "in order, no gap"
    );
    let came: BTreeMap<String, u64> =
        replay[1..].iter().map(|it| (id(&it["data"]["content"]), number(&it["data"]["seq"]))).collect();
    assert_eq!(came.len(), replay.len() - 1, "each once");
    for (text, seq) in acknowledged {
        assert_eq!(came.get(text), Some(seq), "{text} was acknowledged");
    }
}

/// Protects: too much is named instead of sent, and its history has it.
#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_named() {
    let app = TestApp::builder().without_limits().start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let bob_token = app.token("bob@example.org");
    let mut bob = app.rooms(&bob_token).await;
    let conversation = ann.enter("hall", "shared").await["conversation_id"].clone();
    ann.enter("small", "shared").await;
    bob.enter("hall", "shared").await;
    bob.enter("small", "shared").await;
    bob.close().await;
    ann.say("small", "little").await;
    for count in 1..=1_001 {
        ann.chat("hall", &count.to_string(), &count.to_string()).await;
    }
    ann.confirmation("1001").await;
    let mut bob = Rooms::connect(app.address(), &bob_token, "").await;
    let (replay, end) = bob.replay().await;
    assert_eq!(end["incomplete"], json!([conversation]));
    assert_eq!(replay.len(), 1);
    assert_eq!(replay[0]["data"]["content"], "little");
    assert_eq!(bob.whole_history("hall").await.len(), 1_001);
}
