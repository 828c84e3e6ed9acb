//! How much a connection may ask in a minute.

use parlor_tests::mirror::number;
use parlor_tests::{Incoming, TestApp};
use serde_json::json;

/// Protects: the 61st message in a minute is refused by its name with a time to wait, is not stored, and the
/// connection stays for what is no message.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_messages_are_refused() {
    let app = TestApp::start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    // A place comes back each second: where the machine is slow, one or two more pass.
    let (mut sent, mut passed) = (0, 0);
    let refusal = loop {
        sent += 1;
        ann.send(json!({"type": "send_message", "thread_id": null, "content": "echo hi",
                        "client_message_id": format!("c-{sent}")}))
            .await;
        let frame = ann.until_one_of(&["message_ack", "error"]).await;
        assert_eq!(frame["client_message_id"], format!("c-{sent}"), "{frame}");
        if frame["type"] == "error" {
            break frame;
        }
        passed += 1;
    };
    assert!((60..70).contains(&passed), "{passed} messages passed");
    assert_eq!(refusal["code"], "CHAT_RATE_LIMIT_EXCEEDED");
    assert!((1..=2).contains(&number(&refusal["retry_after"])), "{refusal}");
    ann.pending().await;
    let stats = app.ask(&app.admin_token("root@example.org"), "GET", "/api/v1/ws/stats", json!(null)).await;
    assert_eq!(stats.json()["conversations"], passed, "each message made a thread, the refused one none");
}

/// Protects: the 101st frame in a minute is refused, and the connection stays; who does not listen is closed 4029.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_frames_are_refused_and_a_flood_is_closed() {
    let app = TestApp::start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    for _ in 0..1_300 {
        if ann.try_send(json!({"type": "ping"})).await.is_err() {
            break;
        }
    }
    let (mut answered, mut refused) = (0, 0);
    loop {
        match ann.recv().await {
            Incoming::Frame(frame) if frame["type"] == "pong" => answered += 1,
            Incoming::Frame(frame) => {
                assert_eq!(frame["code"], "RATE_LIMIT", "{frame}");
                assert!(number(&frame["retry_after"]) >= 1, "{frame}");
                refused += 1;
            }
            Incoming::Closed { code, .. } => {
                assert_eq!(code, 4029);
                break;
            }
            Incoming::Lost(why) => panic!("a close frame was due: {why}"),
        }
    }
    assert!((100..130).contains(&answered), "{answered} frames were served");
    assert!((990..=1_001).contains(&refused), "{refused} refusals before the close");
}
