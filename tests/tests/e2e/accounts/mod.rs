//! Accounts, mail, other issuers and the audit log, through the doors that everybody has.

mod at_once;
mod audit;
mod codes;
mod existing;
mod foreign;
mod forged;
mod guests;
mod imported;
mod leaving;
mod life;
mod mail;
mod refused;
mod settings;

use parlor_tests::client::id;
use parlor_tests::http::Answer;
use parlor_tests::{Client, Credential, PATIENCE, TestApp, TestAppBuilder};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The sockets of all dialects, with the type of the first frame that says who came in.
const SOCKETS: [(&str, &str); 4] = [
    ("/api/v1/chat/ws", "auth_success"),
    ("/api/v1/ws/ws?resume=1", "connect"),
    ("/ws", "auth_success"),
    ("/chat/ws", "connected"),
];

/// A server that answers as soon as it can, and takes as many requests from one IP address as come.
fn quick() -> TestAppBuilder {
    TestApp::builder().env("AUTH_MINIMUM_TIME", 0).env("AUTH_RATE_LIMIT_REQUESTS", 0)
}

/// A connection of every dialect, each of which is let in.
async fn open_all(app: &TestApp, token: &str) -> Vec<Client> {
    let mut clients = Vec::new();
    for (path, greeting) in SOCKETS {
        let client = Client::try_open(app.address(), path, Credential::Query(token), &[]).await;
        let mut client = client.unwrap();
        client.expect(greeting).await;
        clients.push(client);
    }
    clients
}

/// Every one of them is closed with 4001.
async fn closed_all(clients: Vec<Client>) {
    for mut client in clients {
        client.until_close(4001).await;
    }
}

/// No dialect lets the token in, nor does HTTP: all of them say the same of it.
async fn refused_all(app: &TestApp, token: &str, code: &str) {
    for (path, _) in SOCKETS {
        let client = Client::try_open(app.address(), path, Credential::Query(token), &[]).await;
        let mut client = client.unwrap();
        let error = client.expect("error").await;
        // Flat, or in `data`: that is the dialect's own affair.
        assert!(error["code"] == code || error["data"]["code"] == code, "{path}: {error}");
        client.expect_close(4001).await;
    }
    assert_eq!(me(app, token).await.refusal(), (401, code.to_owned()));
}

/// Waits until HTTP does not let the token in: another node may have ended it.
async fn until_refused(app: &TestApp, token: &str) {
    let end = Instant::now() + PATIENCE;
    while me(app, token).await.status == 200 {
        assert!(Instant::now() < end, "it goes on");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(me(app, token).await.refusal(), (401, "INVALID_TOKEN".to_owned()));
}

/// What the server says to somebody of themselves.
async fn me(app: &TestApp, token: &str) -> Answer {
    app.ask(token, "GET", "/api/v1/users/me", Value::Null).await
}

/// Who somebody is.
async fn user(app: &TestApp, token: &str) -> String {
    let answer = me(app, token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    id(&answer.json()["id"])
}

/// An answer as a stranger compares it: the status, the header without the date, and the body.
fn seen(answer: &Answer) -> (u16, Vec<String>, String) {
    let lines = answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
    (answer.status, lines.map(str::to_owned).collect(), answer.body.clone())
}
