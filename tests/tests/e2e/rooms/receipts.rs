//! What was read, and what is proved to have been delivered.

use parlor_tests::mirror::number;
use parlor_tests::raw::{Frame, RawSocket, Received, opcode};
use parlor_tests::rooms::PATH;
use parlor_tests::{PATIENCE, Rooms, TestApp};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The watermark `name` of a member.
async fn mark(app: &TestApp, token: &str, user: &str, name: &str) -> u64 {
    let room = app.room(token, "hall").await;
    let members = room["members"].as_array().unwrap();
    number(&members.iter().find(|it| it["user_id"] == user).unwrap()[name])
}

async fn wait_for_mark(app: &TestApp, token: &str, user: &str, name: &str, expect: u64) {
    let start = Instant::now();
    loop {
        let mark = mark(app, token, user, name).await;
        if mark == expect {
            return;
        }
        assert!(mark < expect && start.elapsed() < PATIENCE, "{name} is {mark}, not {expect}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ann has said something in a room that Bob is a member of. Gives her token and connection, and Bob's token and id.
async fn ann_says(app: &TestApp, count: u64) -> (String, Rooms, String, String) {
    let (token, bobs) = (app.token("ann@example.org"), app.token("bob@example.org"));
    let mut ann = app.rooms(&token).await;
    ann.enter("hall", "shared").await;
    let mut bob = app.rooms(&bobs).await;
    bob.enter("hall", "shared").await;
    for number in 1..=count {
        ann.say("hall", &number.to_string()).await;
    }
    (token, ann, bobs, bob.user.clone())
}

/// Protects: the author hears on every tab who has read up to where, by the author's own id, once for each step; a
/// mark moves up only.
#[tokio::test(flavor = "multi_thread")]
async fn an_author_hears_who_has_read() {
    let app = TestApp::start().await;
    let (token, mut ann, bobs, _) = ann_says(&app, 3).await;
    let mut tab = app.rooms(&token).await;
    let (mut bob, mut bobs_tab) = (app.rooms(&bobs).await, app.rooms(&bobs).await);
    bob.enter("hall", "shared").await;
    bob.ask("read", json!({"room_id": "hall", "seq": 2})).await;
    for client in [&mut ann, &mut tab] {
        let receipt = client.until("delivery_confirmation").await["data"].take();
        assert_eq!((&receipt["status"], &receipt["message_id"]), (&json!("read"), &json!("id of 2")));
        assert_eq!((&receipt["seq"], &receipt["user_id"]), (&json!(2), &json!(bob.user)));
        assert_eq!(receipt["room_id"], "hall");
    }
    // So do the reader's other connections, of which one may show how much is unread.
    let read = bobs_tab.until("read").await["data"].take();
    assert_eq!((&read["seq"], &read["room_id"]), (&json!(2), &json!("hall")));
    assert!(bob.pending("read").await.is_empty(), "not the one that said so");
    for seq in [1, 2, 99] {
        bob.ask("read", json!({"room_id": "hall", "seq": seq})).await;
    }
    bob.barrier().await;
    let receipts = ann.pending("delivery_confirmation").await;
    let seqs: Vec<&Value> = receipts.iter().map(|it| &it["data"]["seq"]).collect();
    assert_eq!(seqs, [3], "only what is newly read is told, and no more than there is");
    assert_eq!(mark(&app, &token, &bob.user, "read_seq").await, 3);
    assert_eq!(mark(&app, &token, &bob.user, "delivered_seq").await, 3, "what was read was delivered");
}

/// Protects: a frame that was written proves nothing: where no pong comes back, all of it comes again.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_pong_nothing_is_delivered() {
    let app = TestApp::builder().env("WEBSOCKET_HEARTBEAT_INTERVAL", "100ms").start().await;
    let (ann, _, token, user) = ann_says(&app, 3).await;
    let mut deaf = RawSocket::upgrade_at(app.address(), &format!("{PATH}?token={token}"), None).await;
    let mut got = 0;
    loop {
        let Received::Frame(_, payload) = deaf.receive().await else { panic!("it ended early") };
        let Ok(frame) = serde_json::from_slice::<Value>(&payload) else { continue };
        got += u64::from(frame["type"] == "chat");
        if frame["data"]["event"] == "sync_complete" {
            break;
        }
    }
    assert_eq!(got, 3);
    assert_eq!(deaf.close_code().await, Some(4008), "who does not answer is closed");
    assert_eq!(mark(&app, &ann, &user, "delivered_seq").await, 0);

    let mut back = Rooms::connect(app.address(), &token, "").await;
    assert_eq!(back.replay().await.0.len(), 3, "nothing was proved, so all comes again");
    // A client that reads answers pings by itself.
    let marked = wait_for_mark(&app, &ann, &user, "delivered_seq", 3);
    let reading = async { while back.frame().await["data"]["heartbeat"] == true {} };
    tokio::select! {
        () = marked => {}
        () = reading => panic!("heartbeats and nothing else were due"),
    }
    let mut next = Rooms::connect(app.address(), &token, "").await;
    assert_eq!(next.replay().await.0, Vec::<Value>::new());
}

/// Protects: a resume's position and a polite goodbye are proofs; a goodbye with a complaint and a lost connection
/// are none.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_and_a_clean_close_are_proofs() {
    // No pings, which would be answered.
    let app = TestApp::builder().env("WEBSOCKET_HEARTBEAT_INTERVAL", 0).start().await;
    let (ann, mut ann_socket, token, user) = ann_says(&app, 4).await;
    let mut bob = app.rooms(&token).await;
    bob.does("resume", json!({"positions": [{"room_id": "hall", "seq": 2}]}), "resumed").await;
    wait_for_mark(&app, &ann, &user, "delivered_seq", 2).await;
    drop(bob);

    let target = format!("{PATH}?token={token}");
    for (code, proves) in [(Some(1002_u16), false), (None, false), (Some(1000), true)] {
        let mut raw = RawSocket::upgrade_at(app.address(), &target, None).await;
        let mut seqs = Vec::new();
        loop {
            let Received::Frame(_, payload) = raw.receive().await else { panic!("it ended early") };
            let frame: Value = serde_json::from_slice(&payload).unwrap();
            if frame["type"] == "chat" {
                seqs.push(number(&frame["data"]["seq"]));
            } else if frame["data"]["event"] == "sync_complete" {
                break;
            }
        }
        assert_eq!(seqs, [3, 4], "{code:?}");
        if let Some(code) = code {
            let close = Frame::new(opcode::CLOSE, &code.to_be_bytes()).encode();
            raw.write(&close).await;
            assert_eq!(raw.close_code().await, Some(code));
        }
        drop(raw);
        if proves {
            wait_for_mark(&app, &ann, &user, "delivered_seq", 4).await;
        } else {
            assert_eq!(mark(&app, &ann, &user, "delivered_seq").await, 2, "{code:?}");
        }
    }
    ann_socket.say("hall", "five").await;
    let mut bob = Rooms::connect(app.address(), &token, "").await;
    let (replay, _) = bob.replay().await;
    assert_eq!(replay.iter().map(|it| number(&it["data"]["seq"])).collect::<Vec<_>>(), [5]);
}
