//! A provider that fails too often is left alone for a while.

use super::{Configured, table};
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, TestApp};
use std::time::Duration;

const COOLDOWN: Duration = Duration::from_secs(3);

/// Protects: a dead provider costs a turn its attempt only as often as it takes to find out, then once a cooldown;
/// and one that is well again gets its turns back.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_left_alone_and_then_tried_once() {
    let (first, second) = (FakeProvider::start_as("status-500-times-4").await, FakeProvider::start().await);
    let toml = table("first", &first.base_url(), "") + &table("second", &second.base_url(), "");
    let builder =
        TestApp::builder().env("AI_BREAKER_MINIMUM", 3).env("AI_BREAKER_COOLDOWN", COOLDOWN.as_secs());
    let mut app = Configured::start(builder, &toml).await;
    for turn in 1..=8 {
        assert_eq!(app.ask(None).await.text, words(5), "turn {turn}");
        let asked = first.requests();
        let rested = asked.get(2).is_some_and(|third| third.at.elapsed() >= COOLDOWN);
        assert!(rested || asked.len() == turn.min(3), "{} requests in turn {turn}", asked.len());
    }
    // The probe fails, and a second cooldown later the next one is well.
    while first.requests().len() < 5 {
        assert_eq!(app.ask(None).await.text, words(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let at: Vec<_> = first.requests().iter().map(|request| request.at).collect();
    for probe in [3, 4] {
        let rest = at[probe] - at[probe - 1];
        assert!(rest >= COOLDOWN, "probe {probe} came after {rest:?}");
    }
    let before = second.requests().len();
    for _ in 0..5 {
        assert_eq!(app.ask(None).await.text, words(5));
    }
    assert_eq!((first.requests().len(), second.requests().len()), (10, before), "it has its turns back");
}

/// Protects: with nobody else there, who asks is told how long to wait, and the provider has its rest.
#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_else_the_rest_is_told() {
    let provider = FakeProvider::start_as("status-500").await;
    let toml = table("only", &provider.base_url(), "");
    let builder = TestApp::builder().env("AI_BREAKER_MINIMUM", 3).env("AI_BREAKER_COOLDOWN", 60);
    let mut app = Configured::start(builder, &toml).await;
    assert_eq!(app.ask(None).await.status, "failed");
    assert_eq!(provider.requests().len(), 3);
    for _ in 0..5 {
        let turn = app.ask(None).await;
        let error = turn.error.unwrap();
        assert_eq!((turn.status.as_str(), &error["code"]), ("failed", &"AI_UNAVAILABLE".into()));
        assert!((40..=60).contains(&error["retry_after"].as_u64().unwrap()), "{error}");
    }
    assert_eq!(provider.requests().len(), 3, "left alone");
    assert_eq!(app.get("/health").await.json()["status"], "degraded");
}
