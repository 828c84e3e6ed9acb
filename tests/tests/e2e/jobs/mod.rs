//! Work in the background: over HTTP, told on sockets, and done once whatever happens to the server.

mod api;
mod events;
mod kills;
mod nodes;

use parlor_tests::{PATIENCE, TestApp};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const JOBS: &str = "/api/v1/ai/jobs";

fn completion(message: &str) -> Value {
    json!({"type": "generate-completion", "message": message})
}

/// Has a job taken in; its id.
async fn enqueue(app: &TestApp, token: &str, body: Value) -> String {
    let answer = app.ask(token, "POST", JOBS, body).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let accepted = answer.json();
    assert_eq!(accepted["status"], "queued");
    parlor_tests::client::id(&accepted["jobId"])
}

async fn job(app: &TestApp, token: &str, id: &str) -> Value {
    let answer = app.ask(token, "GET", &format!("{JOBS}/{id}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Waits until a job is in this state.
async fn until(app: &TestApp, token: &str, id: &str, state: &str) -> Value {
    let begin = Instant::now();
    loop {
        let job = job(app, token, id).await;
        if job["state"] == state {
            return job;
        }
        assert!(begin.elapsed() < PATIENCE, "not {state}: {job}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A page of all of a user's jobs, or of those in one state.
async fn list(app: &TestApp, token: &str, query: &str) -> Value {
    let answer = app.ask(token, "GET", &format!("{JOBS}?{query}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}
