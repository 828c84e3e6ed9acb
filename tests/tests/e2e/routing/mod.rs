//! Who answers a turn, and what becomes of it when workers, providers and servers die: the hard promises, from outside.

mod alone;
mod books;
mod budgets;
mod choice;
mod failover;
mod health;
mod pieces;
mod queue;
mod restart;
mod secured;
mod storm;
mod storm_user;

use parlor_tests::{Client, FakeProvider, PATIENCE, TestApp, TestAppBuilder, Turn};
use serde_json::{Value, json};
use std::ops::Deref;
use std::time::Instant;
use tempfile::TempDir;

/// A server with a `parlor.toml`, and one user of it.
struct Configured {
    app: TestApp,
    client: Client,
    _data: TempDir,
}

impl Deref for Configured {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Configured {
    async fn start(builder: TestAppBuilder, toml: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("parlor.toml"), toml).unwrap();
        let app = builder.env("PARLOR_DATA_DIR", data.path().display()).without_limits().start().await;
        let client = app.client(&app.token("ann@example.org")).await;
        Self { app, client, _data: data }
    }

    /// Asks in a new conversation and follows the reply.
    async fn ask(&mut self, model: Option<&str>) -> Turn {
        ask(&mut self.client, json!({"assistant_id": model})).await
    }
}

/// A turn may fail as often as it likes: no backend is left alone for it.
fn unbroken() -> TestAppBuilder {
    TestApp::builder()
        .env("AI_BREAKER_MINIMUM", 1_000)
        .env("AI_FIRST_TOKEN_TIMEOUT", 1)
        .env("AI_TURN_TIMEOUT", 1)
}

/// One `[[providers]]` table, with `more` lines.
fn table(name: &str, base_url: &str, more: &str) -> String {
    format!(
        "[[providers]]\nname = \"{name}\"\nkind = \"openai\"\nbase_url = \"{base_url}\"\nmodel = \"plain\"\n{more}\n"
    )
}

/// An address where nobody listens.
async fn nobody() -> String {
    FakeProvider::start().await.base_url()
}

/// Asks in a new conversation, with `options` beside the question, and follows the reply.
async fn ask(client: &mut Client, options: Value) -> Turn {
    let mut data = json!({"conversation_id": null, "content": "what is new?", "message_type": "user"});
    for (name, value) in options.as_object().unwrap() {
        data[name] = value.clone();
    }
    client.ask("send_message", data).await;
    Turn::follow(client).await
}

/// Protects: what the log has of a turn is what was shown of it, once.
async fn assert_stored(client: &mut Client, turn: &Turn) {
    let history = client.whole_history(&turn.conversation_id).await;
    assert_eq!(history.len(), 2, "{history:?}");
    let stored = &history[1];
    assert_eq!((&stored["content"], &stored["status"]), (&json!(turn.text), &json!(turn.status)));
    assert_eq!((&stored["seq"], &stored["id"]), (&json!(turn.seq), &json!(turn.message_id)));
}

/// Waits until the figure `name` of the server is as `wanted`.
async fn until_figure(app: &TestApp, admin: &str, name: &str, wanted: impl Fn(u64) -> bool) {
    let start = Instant::now();
    loop {
        let figures = app.ask(admin, "GET", "/api/v1/ws/stats", Value::Null).await.json();
        let figure = figures[name].as_u64().unwrap_or_else(|| panic!("no figure {name}: {figures}"));
        if wanted(figure) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{name} is still {figure}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
