//! What operators see of workers.

use parlor_tests::TestApp;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Waits until the server says so: a worker that goes is noticed a moment later.
async fn until(mut said: impl AsyncFnMut() -> Value, expected: Value) {
    let start = Instant::now();
    loop {
        let now = said().await;
        if now == expected {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{expected} was due, not {now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Protects: health names the workers that take turns and is degraded without any; the figures count workers, turns
/// under way and turns that wait.
#[tokio::test(flavor = "multi_thread")]
async fn health_and_figures_show_workers() {
    let app = TestApp::builder().workers().start().await;
    let admin = app.admin_token("root@example.org");
    let health = async || {
        let health = app.get("/health").await.json();
        json!([health["status"], health["checks"]["ai"]])
    };
    let figures = async || {
        let stats = app.ask(&admin, "GET", "/api/v1/ws/stats", Value::Null).await.json();
        json!([stats["workers"], stats["turns"], stats["queue_turns"]])
    };
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    until(&health, json!(["degraded", "unavailable"])).await;
    ann.say(None, "I can wait").await;
    until(&figures, json!([0, 1, 1])).await;

    let mut one = app.worker("canister-1").await;
    let task = one.task().await;
    let mut two = app.worker("canister-2").await;
    until(&figures, json!([2, 1, 0])).await;
    until(&health, json!(["healthy", "canister-1, canister-2"])).await;
    two.send(json!({"type": "ai_status", "status": "draining"})).await;
    two.barrier().await;
    until(&health, json!(["healthy", "canister-1"])).await;
    one.answer(&task, "thank you").await;
    ann.reply().await;
    until(&figures, json!([2, 0, 0])).await;
    one.close().await;
    drop(two);
    until(&figures, json!([0, 0, 0])).await;
    until(&health, json!(["degraded", "unavailable"])).await;
}
