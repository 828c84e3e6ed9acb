//! Programs in another language on both sides: the worker of the documentation, and a user.

use crate::python::{command, run_with};
use parlor_tests::broker::SERVICE_KEY;
use parlor_tests::{TestApp, tools};
use std::time::{Duration, Instant};

/// Waits until so many workers are there.
async fn wait_for_workers(app: &TestApp, expected: u64) {
    let admin = app.admin_token("root@example.org");
    let start = Instant::now();
    loop {
        let stats = app.ask(&admin, "GET", "/api/v1/ws/stats", serde_json::Value::Null).await.json();
        if stats["workers"] == expected {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{expected} workers were due: {stats}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Protects: the worker that the documentation tells people to start from works as it stands there: it answers a
/// Python user, stops when told, and comes back by itself after the server was away.
#[tokio::test(flavor = "multi_thread")]
async fn the_documentations_worker_works() {
    let mut app = TestApp::builder().workers().start().await;
    let url = format!("ws://{}/ws", app.address());
    let script = tools::root().join("docs/examples/worker.py");
    let worker = command(&app, &script).env("PARLOR_URL", &url).env("AI_SERVICE_KEY", SERVICE_KEY).spawn();
    let _worker = worker.unwrap();
    wait_for_workers(&app, 1).await;
    let user = tools::root().join("tests/python/broker.py");
    let said = run_with(&app, &user, &[], &[("PARLOR_URL", &url)]).await;
    assert!(said.trim_end().ends_with("all is well"), "{said}");

    app.kill9();
    app.restart_in_place().await;
    wait_for_workers(&app, 1).await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    ann.say(None, "are you back?").await;
    assert_eq!(ann.reply().await["response_content"], "You said: are you back?");
}

/// Protects: with a bad key it says so and ends, instead of trying for ever.
#[tokio::test(flavor = "multi_thread")]
async fn the_documentations_worker_gives_up_on_a_bad_key() {
    let app = TestApp::builder().workers().start().await;
    let mut worker = command(&app, &tools::root().join("docs/examples/worker.py"));
    worker.env("PARLOR_URL", format!("ws://{}/ws", app.address())).env("AI_SERVICE_KEY", "not the key");
    let output =
        tokio::time::timeout(Duration::from_secs(30), worker.output()).await.expect("it ends").unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && complained.contains("key"), "{complained}");
    assert!(!complained.contains("Traceback"), "{complained}");
}
