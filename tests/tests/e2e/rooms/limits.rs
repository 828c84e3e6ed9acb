//! Limits on messages and frames, as they are unless an operator changes them.

use parlor_tests::mirror::number;
use parlor_tests::{Incoming, Rooms, TestApp};
use serde_json::json;

/// Protects: the 61st message in a minute is refused by its name with a time to wait, is not stored, and the
/// connection stays for what is no message.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_messages_are_refused() {
    let app = TestApp::start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("hall", "shared").await;
    // A place comes back each second: where the machine is slow, one or two more pass.
    let (mut sent, mut passed) = (0, 0);
    let refusal = loop {
        sent += 1;
        ann.chat("hall", &format!("{sent}"), &format!("m-{sent}")).await;
        let frame = ann.frame().await;
        match frame["type"].as_str().unwrap() {
            "delivery_confirmation" => passed += 1,
            "error" => break frame,
            other => panic!("{other}: {frame}"),
        }
    };
    assert!((60..70).contains(&passed), "{passed} messages passed");
    let data = &refusal["data"];
    assert_eq!(
        (&data["code"], &data["message_id"]),
        (&json!("CHAT_RATE_LIMIT_EXCEEDED"), &json!(format!("m-{sent}")))
    );
    assert!((1..=2).contains(&number(&data["retry_after"])), "{refusal}");
    assert_eq!(ann.whole_history("hall").await.len(), passed);
}

/// Protects: the 101st frame in a minute is refused, the connection stays; who does not listen is closed 4029.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_frames_are_refused_and_a_flood_is_closed() {
    let app = TestApp::start().await;
    let mut ann = Rooms::connect(app.address(), &app.token("ann@example.org"), "?resume=1").await;
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
                assert_eq!(frame["data"]["code"], "RATE_LIMIT", "{frame}");
                assert!(number(&frame["data"]["retry_after"]) >= 1, "{frame}");
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
