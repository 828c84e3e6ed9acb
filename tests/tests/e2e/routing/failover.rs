//! A provider that fails with another one behind it: nobody notices, as long as nothing was said.

use super::{Configured, ask, assert_stored, nobody, table, unbroken};
use parlor_tests::FakeProvider;
use parlor_tests::provider::words;
use serde_json::json;

/// Breaks in the middle, after three words.
pub(super) const MIDDLE: [&str; 6] =
    ["stall-between", "cut", "no-end", "error-inside", "garbage", "long-line"];

/// A server that asks a provider which does as the model says, and then one that works.
pub(super) async fn two_providers() -> (Configured, FakeProvider, FakeProvider) {
    let (first, second) = (FakeProvider::start().await, FakeProvider::start_as("plain").await);
    let toml = table("first", &first.base_url(), "") + &table("second", &second.base_url(), "");
    (Configured::start(unbroken(), &toml).await, first, second)
}

/// Protects: whatever a provider does before its first word, the next one answers in its place, at once and once.
#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_word_the_next_provider_answers() {
    let (mut app, first, second) = two_providers().await;
    for model in [
        "status-429",
        "status-500",
        "status-503",
        "status-401",
        "silent",
        "stall-first",
        "cut-first",
        "garbage-first",
        "long-line-first",
        "status-429-after-60",
    ] {
        let turn = app.ask(Some(model)).await;
        let found = (turn.status.as_str(), turn.text.as_str());
        assert_eq!(found, ("complete", words(5).as_str()), "{model}: {:?}", turn.error);
        assert_eq!(turn.error, None, "{model}");
        assert_stored(&mut app.client, &turn).await;
        assert_eq!((first.count(model), second.count(model)), (1, 1), "{model}");
    }
    assert_eq!(app.ask(Some("odd")).await.status, "complete");
    assert_eq!((first.count("odd"), second.count("odd")), (0, 1), "the last one asked to be left alone");
}

/// Protects: what was said stays, and nobody else goes on with it in words of their own.
#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_the_turn_is_interrupted() {
    let (mut app, first, second) = two_providers().await;
    for model in MIDDLE {
        let turn = app.ask(Some(model)).await;
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("interrupted", words(3).as_str()), "{model}");
        assert_stored(&mut app.client, &turn).await;
        assert_eq!((first.count(model), second.count(model)), (1, 0), "{model}");
    }
}

/// Protects: what is merely odd is no fault: the reply is whole, and the next provider is not asked.
#[tokio::test(flavor = "multi_thread")]
async fn oddities_are_no_failures() {
    let (mut app, first, second) = two_providers().await;
    for (model, text, name) in [
        ("odd", words(5), "fake-1"),
        ("events", words(5), "fake-1"),
        ("wrong-utf8", words(3) + "\u{fffd}\u{fffd}", "fake-1"),
        ("no-done", words(3), "fake-1"),
        ("nul", "one\u{fffd}two".to_owned(), "fake\u{fffd}-1"),
    ] {
        let turn = app.ask(Some(model)).await;
        assert_eq!((turn.status.as_str(), &turn.text), ("complete", &text), "{model}");
        assert_eq!(turn.end["model"], name, "{model}");
        assert_stored(&mut app.client, &turn).await;
        assert_eq!((first.count(model), second.count(model)), (1, 0), "{model}");
    }
}

/// Protects: a provider that is not there costs nothing but the attempt.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_reached_is_passed_over() {
    let second = FakeProvider::start().await;
    let toml = table("first", &nobody().await, "") + &table("second", &second.base_url(), "");
    let mut app = Configured::start(unbroken(), &toml).await;
    let turn = ask(&mut app.client, json!({})).await;
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", words(5).as_str()));
    assert_eq!(second.requests().len(), 1);
}
