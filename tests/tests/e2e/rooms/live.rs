//! The figures of a node, for admins who watch.

use parlor_tests::TestApp;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks of the server's.
const TICK: Duration = Duration::from_secs(2);

/// Protects operators: figures come by themselves at their pace, to each who asked and to nobody else, and no more once
/// they are not wanted.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_watches_the_figures() {
    let app = TestApp::start().await;
    let token = app.admin_token("root@example.org");
    let (mut root, mut tab) = (app.rooms(&token).await, app.rooms(&token).await);
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.ask("subscribe_live", json!({"request_id": "r-1"})).await;
    assert_eq!(ann.until_error("FORBIDDEN").await["request_id"], "r-1");

    let begun = Instant::now();
    root.ask("subscribe_live", json!({"request_id": "r-2"})).await;
    let first = root.until("live").await["data"].take();
    assert_eq!(
        (&first["request_id"], &first["connections"], &first["users"]),
        (&json!("r-2"), &json!(3), &json!(2))
    );
    assert_eq!(first["backends"][0]["name"], "demo");
    tab.ask("subscribe_live", json!({})).await;
    tab.until("live").await;
    drop(ann);
    for client in [&mut root, &mut tab] {
        let next = client.until("live").await["data"].take();
        assert_eq!(
            (&next["request_id"], next["uptime"].as_f64() > first["uptime"].as_f64()),
            (&Value::Null, true)
        );
    }
    assert!(begun.elapsed() + Duration::from_millis(500) > TICK, "it has its pace: {:?}", begun.elapsed());
    loop {
        if root.until("live").await["data"]["connections"] == 2 {
            break;
        }
    }
    assert_eq!(live(&app, &token).await["connections"], 2, "the route says the same");

    root.ask("unsubscribe_live", json!({})).await;
    root.barrier().await;
    tab.until("live").await;
    tab.until("live").await;
    assert!(root.pending("live").await.is_empty(), "nothing came meanwhile");
    let log = app.ask(&token, "GET", "/api/v1/admin/audit?action=stats_read", Value::Null).await.json();
    let outcomes: Vec<_> = log["data"].as_array().unwrap().iter().map(|it| it["outcome"].clone()).collect();
    assert_eq!(outcomes, ["done", "FORBIDDEN"], "who watched, and who wanted to, is written down once");
}

async fn live(app: &TestApp, token: &str) -> Value {
    app.ask(token, "GET", "/api/v1/admin/live", Value::Null).await.json()
}

/// Protects what only admins may see: who is none any more sees it no longer, though their connection goes on.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_admin_any_more_watches_no_longer() {
    let app = TestApp::start().await;
    let mut root = app.rooms(&app.admin_token("root@example.org")).await;
    root.ask("subscribe_live", json!({})).await;
    root.until("live").await;
    app.user_token("root@example.org");
    root.until_error("FORBIDDEN").await;
    sleep(TICK * 2).await;
    assert!(root.pending("live").await.is_empty(), "nothing comes behind it");
}
