//! A provider that fails with nobody behind it: it is asked again where that may help, and where it does not, the turn
//! ends and says so.

use super::{Configured, assert_stored, nobody, table, unbroken};
use parlor_tests::FakeProvider;
use parlor_tests::provider::words;
use std::time::{Duration, Instant};

async fn one_provider() -> (Configured, FakeProvider) {
    let provider = FakeProvider::start().await;
    let toml = table("only", &provider.base_url(), "");
    (Configured::start(unbroken(), &toml).await, provider)
}

/// Protects: what fails in passing is tried again, and the user sees one good reply.
#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_again() {
    let (mut app, provider) = one_provider().await;
    for (model, requests) in [
        ("status-429-times-1", 2),
        ("status-500-times-2", 3),
        ("status-503-times-1", 2),
        ("status-429-once", 2),
        ("status-503-once", 2),
    ] {
        let turn = app.ask(Some(model)).await;
        let found = (turn.status.as_str(), turn.text.as_str());
        assert_eq!(found, ("complete", words(5).as_str()), "{model}: {:?}", turn.error);
        assert_eq!(provider.count(model), requests, "{model}");
        assert_stored(&mut app.client, &turn).await;
    }
}

/// Protects: a provider that says when to come again is not asked before, by no turn.
#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let (mut app, provider) = one_provider().await;
    assert_eq!(app.ask(Some("status-429-once")).await.status, "complete");
    let at: Vec<_> = provider.requests().iter().map(|request| request.at).collect();
    assert_eq!(at.len(), 2);
    let between = at[1] - at[0];
    // The second request is at least so long after the first one's answer, which is after the first one.
    assert!(between >= Duration::from_secs(1), "{between:?}");
    assert!(between < Duration::from_secs(5), "{between:?}");
}

/// Protects: a wait that is longer than a turn waits ends the turn, with the wait; and nobody asks meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_retry_after_is_passed_on() {
    let provider = FakeProvider::start().await;
    let toml = table("only", &provider.base_url(), "");
    let mut app = Configured::start(unbroken().env("AI_QUEUE_WAIT", 2), &toml).await;
    for model in ["status-429-after-60", "plain"] {
        let start = Instant::now();
        let turn = app.ask(Some(model)).await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("failed", ""), "{model}");
        let error = turn.error.unwrap();
        assert_eq!(error["code"], "AI_UNAVAILABLE", "{error}");
        assert!((50..=60).contains(&error["retry_after"].as_u64().unwrap()), "{error}");
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
    assert_eq!(provider.requests().len(), 1, "left alone");
}

/// Protects: what goes on failing fails the turn, after as many requests as the settings say, and never hangs.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_fails() {
    let (mut app, provider) = one_provider().await;
    for (model, requests) in [
        ("status-429", 3),
        ("status-500", 3),
        ("status-503", 3),
        ("cut-first", 3),
        ("status-400", 1),
        ("status-401", 1),
        ("silent", 1),
        ("stall-first", 1),
        ("garbage-first", 1),
        ("long-line-first", 1),
    ] {
        let start = Instant::now();
        let turn = app.ask(Some(model)).await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("failed", ""), "{model}");
        let error = turn.error.as_ref().unwrap_or_else(|| panic!("{model}: an error comes first"));
        assert_eq!(error["code"], "AI_UNAVAILABLE", "{model}: {error}");
        assert!(!error.to_string().contains("scripted"), "the cause is not the client's: {error}");
        assert_eq!(provider.count(model), requests, "{model}");
        assert!(start.elapsed() < Duration::from_secs(6), "{model} took {:?}", start.elapsed());
        assert_stored(&mut app.client, &turn).await;
    }
    assert_eq!(app.ask(None).await.status, "complete", "the next one works");
    assert!(!app.log().contains("panicked"));
}

/// Protects: a provider that breaks in the middle is not asked for the rest, and what it said is kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_kept() {
    let (mut app, provider) = one_provider().await;
    for model in ["stall-between", "cut", "no-end", "error-inside", "garbage", "long-line"] {
        let turn = app.ask(Some(model)).await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("interrupted", words(3).as_str()), "{model}");
        assert_eq!(provider.count(model), 1, "{model}");
        assert_stored(&mut app.client, &turn).await;
    }
}

/// Protects: with nobody there at all, the turn fails and the message is kept.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_there() {
    let toml = table("only", &nobody().await, "");
    let mut app = Configured::start(unbroken(), &toml).await;
    let turn = app.ask(None).await;
    assert_eq!(
        (turn.status.as_str(), &turn.error.as_ref().unwrap()["code"]),
        ("failed", &"AI_UNAVAILABLE".into())
    );
    assert_stored(&mut app.client, &turn).await;
}
