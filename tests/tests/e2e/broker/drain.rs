//! SIGTERM while workers are at work.

use super::with_worker;
use parlor_tests::client::id;
use serde_json::json;
use std::time::{Duration, Instant};

/// Protects: a deployment costs no worker's reply: the turn that it has is taken to its end, then both sides are told to
/// go, and the next start has the reply.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_takes_what_workers_still_bring() {
    let (mut app, mut worker, mut ann) = with_worker().await;
    let thread = id(&ann.say(None, "before you go").await["thread_id"]);
    let task = worker.task().await;
    worker.chunk(&task, "One last ").await;
    app.terminate();
    let start = Instant::now();
    while app.get("/health/ready").await.status != 503 {
        assert!(start.elapsed() < Duration::from_secs(5), "still ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ann.send_message(Some(&thread), "one more?").await;
    let refused = ann.until_refusal("AI_UNAVAILABLE").await;
    assert!(refused["retry_after"].as_u64().is_some_and(|seconds| seconds >= 1), "{refused}");

    worker.chunk(&task, "word").await;
    assert_eq!(worker.answer(&task, "One last word").await["response_id"], task["response_id"]);
    let reply = ann.reply().await;
    assert_eq!((&reply["status"], &reply["response_content"]), (&json!("complete"), &json!("One last word")));
    ann.until_close(1001).await;
    worker.until_close(1001).await;
    assert_eq!(app.wait_exit(Duration::from_secs(10)).await.code(), Some(0));

    app.restart().await;
    let log = app.broker(&app.token("ann@example.org")).await.history(&thread).await;
    assert_eq!((log.len(), &log[1]), (2, &reply));
}

/// Protects: workers that do nothing do not hold the server up.
#[tokio::test(flavor = "multi_thread")]
async fn idle_workers_are_sent_away() {
    let (mut app, mut worker, _ann) = with_worker().await;
    let start = Instant::now();
    app.terminate();
    worker.until_close(1001).await;
    assert_eq!(app.wait_exit(Duration::from_secs(10)).await.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
