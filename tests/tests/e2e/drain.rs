//! SIGTERM: nothing new comes in, what is live ends, and the process says goodbye in time.

use parlor_tests::provider::words;
use parlor_tests::{Client, Credential, FakeProvider, LiveTurn, TestApp, http};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Error;

/// Protects: a deployment costs no reply: a live turn ends whole, its reader is told to go, exit 0.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_live_turns_end() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "words-100-20").start().await;
    let token = app.token("ann@example.org");
    let mut client = app.client(&token).await;
    let mut idle = app.client(&token).await;
    client.say(None, "user", "two seconds, please").await;
    let mut live = LiveTurn::begin(&mut client).await;
    live.read(&mut client, 30).await;
    let start = Instant::now();
    app.terminate();

    wait_until_not_ready(&app).await;
    let refused = Client::try_connect(app.address(), Credential::Query(&token), &[]).await;
    let Err(Error::Http(response)) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 503);
    assert_eq!(app.get("/health/live").await.status, 200, "alive, though not ready");

    let conversation = live.conversation_id.clone();
    let turn = live.finish(&mut client).await;
    assert_eq!((turn.status.as_str(), turn.text), ("complete", words(100)));
    client.until_close(1001).await;
    idle.until_close(1001).await;
    let status = app.wait_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert!(http::try_get(app.address(), "/health/live").await.is_err());

    app.restart().await;
    let history = app.client(&token).await.whole_history(&conversation).await;
    assert_eq!(history[1]["status"], "complete");
    assert_eq!(history[1]["content"], words(100).as_str());
}

/// Protects: a socket that has not said who it is does not hold a drain up, and is told to go like the others.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_sent_away_too() {
    let mut app = TestApp::start().await;
    let mut stranger = Client::connect(app.address(), Credential::None).await;
    let start = Instant::now();
    app.terminate();
    stranger.until_close(1001).await;
    assert_eq!(app.wait_exit(Duration::from_secs(10)).await.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

/// Protects: with nothing to wait for, a drain takes no time.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_ends_soon() {
    let mut app = TestApp::start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    let start = Instant::now();
    app.terminate();
    client.until_close(1001).await;
    assert_eq!(app.wait_exit(Duration::from_secs(10)).await.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// Protects: a reply that would take longer than the deadline ends interrupted, with its text kept.
#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_interrupts_what_is_too_long() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder()
        .provider(&provider.base_url(), "words-1000-20")
        .env("DRAIN_TIMEOUT", 1)
        .start()
        .await;
    let token = app.token("ann@example.org");
    let mut client = app.client(&token).await;
    client.say(None, "user", "twenty seconds, please").await;
    let mut live = LiveTurn::begin(&mut client).await;
    live.read(&mut client, 30).await;
    let conversation = live.conversation_id.clone();
    let start = Instant::now();
    app.terminate();
    let turn = live.finish(&mut client).await;
    assert_eq!(turn.status, "interrupted");
    client.until_close(1001).await;
    let status = app.wait_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    let took = start.elapsed();
    assert!((1.0..8.0).contains(&took.as_secs_f64()), "{took:?}");

    app.restart().await;
    let history = app.client(&token).await.whole_history(&conversation).await;
    assert_eq!(history[1]["status"], "interrupted");
    assert_eq!(history[1]["content"], turn.text.as_str(), "what was shown is what was kept");
    assert!(words(1_000).starts_with(&turn.text) && turn.text.len() > 300, "{}", turn.text);
}

/// Protects: a second signal ends the process at once; the next start ends what it left.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().provider(&provider.base_url(), "words-1000-20").start().await;
    let token = app.token("ann@example.org");
    let mut client = app.client(&token).await;
    let message = client.say(None, "user", "twenty seconds, please").await;
    LiveTurn::begin(&mut client).await.read(&mut client, 30).await;
    app.terminate();
    wait_until_not_ready(&app).await;
    assert!(app.is_running());
    let start = Instant::now();
    app.terminate();
    app.wait_exit(Duration::from_secs(5)).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());

    app.restart().await;
    let mut client = app.client(&token).await;
    let position = json!({"conversation_id": message["conversation_id"], "seq": 1});
    client.ask("resume", json!({"positions": [position]})).await;
    let left = client.until("message_received").await["data"]["message"].clone();
    assert_eq!((&left["seq"], &left["status"]), (&json!(2), &json!("interrupted")));
}

/// Protects: while it drains, a question is refused in words that tell to come back, instead of being lost; a note
/// is still stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_during_a_drain_is_refused() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-100-20").start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    client.say(None, "user", "two seconds, please").await;
    let live = LiveTurn::begin(&mut client).await;
    app.terminate();
    wait_until_not_ready(&app).await;
    let data =
        json!({"conversation_id": live.conversation_id, "content": "and now?", "message_type": "user"});
    client.ask("send_message", data).await;
    let error = client.until_error("AI_UNAVAILABLE").await;
    assert!(error["retry_after"].as_u64().is_some_and(|seconds| seconds >= 1), "{error}");
    let note = client.say(Some(&live.conversation_id), "note", "a word before you go").await;
    assert_eq!(note["seq"], 2);
}

async fn wait_until_not_ready(app: &TestApp) {
    let start = Instant::now();
    while app.get("/health/ready").await.status != 503 {
        assert!(start.elapsed() < Duration::from_secs(5), "still ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
