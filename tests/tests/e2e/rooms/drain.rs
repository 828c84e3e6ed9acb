//! The server goes away: everybody is asked to come back, each at a time of their own.

use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, Reply, TestApp};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// Protects: a deployment is told before it is felt, live replies end, and the clients do not come back all at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_asks_everybody_to_come_back() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "words-60-20").start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.rooms(&token).await;
    ann.enter("r", "private").await;
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(app.rooms(&token).await);
    }
    ann.say("r", "a second, please").await;
    let mut live = Reply::begin(&mut ann).await;
    live.read(&mut ann, 5).await;
    app.terminate();
    let mut delays = BTreeSet::new();
    for client in &mut idle {
        let wish = client.until("system").await["data"].take();
        assert_eq!(wish["event"], "reconnect", "{wish}");
        let delay = wish["delay_ms"].as_u64().unwrap();
        assert!(delay <= 10_000, "{wish}");
        delays.insert(delay);
    }
    assert!(delays.len() > 1, "each has another delay: {delays:?}");
    // The wish comes in the middle of the reply, which goes on.
    let question =
        json!({"type": "chat", "data": {"message": "and now?"}, "room_id": "r", "message_id": "late"});
    idle[0].send(question).await;
    let refused = idle[0].until_error("AI_UNAVAILABLE").await;
    assert_eq!(
        (&refused["message_id"], refused["retry_after"].is_u64()),
        (&json!("late"), true),
        "{refused}"
    );
    let reply = live.finish(&mut ann).await;
    assert_eq!((reply.text, &reply.end["status"]), (words(60), &json!("complete")));
    ann.until_close(1001).await;
    for client in &mut idle {
        client.until_close(1001).await;
    }
    assert_eq!(app.wait_exit(Duration::from_secs(10)).await.code(), Some(0));
}
