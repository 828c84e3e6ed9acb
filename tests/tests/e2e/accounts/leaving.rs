//! What is written down of those who do not wait for the answer, and of those whom a crash keeps from it.

use parlor_tests::client::id;
use parlor_tests::raw::RawSocket;
use parlor_tests::{PATIENCE, Person, Postgres, TestApp, TestAppBuilder, http};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What somebody asks who does not wait for the answer.
struct Asked<'a> {
    method: &'a str,
    path: String,
    token: Option<&'a str>,
    body: Value,
}

/// Asks, and goes away after `wait`: the server has taken the request then, and finds that nobody is there any more while
/// it works on it.
async fn ask_and_leave(app: &TestApp, asked: &Asked<'_>, wait: Duration) {
    let Asked { method, path, token, body } = asked;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{bearer}content-length: {length}\r\n\r\n{body}");
    let mut socket = RawSocket::connect(app.address()).await;
    socket.write(request.as_bytes()).await;
    sleep(wait).await;
}

/// The subjects, or else the accounts, of what the log says of an action with this outcome.
async fn written(app: &TestApp, action: &str, outcome: &str) -> BTreeSet<String> {
    let admin = app.admin_token("admin@example.org");
    let path = format!("/api/v1/admin/audit?limit=200&action={action}");
    let log = app.ask(&admin, "GET", &path, Value::Null).await.json();
    let entries = log["data"].as_array().unwrap().iter().filter(|it| it["outcome"] == outcome);
    entries.map(|it| id(if it["subject"].is_null() { &it["account"] } else { &it["subject"] })).collect()
}

/// Asks and leaves until it is written down. Where the server was too busy to take a request before its asker left, it was
/// not asked: then once more, and later.
async fn until_written(app: &TestApp, action: &str, outcome: &str, asked: &[(&String, Asked<'_>)]) {
    let end = Instant::now() + PATIENCE;
    let mut wait = Duration::from_millis(50);
    loop {
        let written = written(app, action, outcome).await;
        let missing: Vec<_> = asked.iter().filter(|(subject, _)| !written.contains(*subject)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "{action}: only {written:?}");
        for (_, asked) in missing {
            ask_and_leave(app, asked, wait).await;
        }
        // The work of the last one takes its time.
        sleep(FLOOR).await;
        wait = (wait * 2).min(FLOOR / 3);
    }
}

/// How long an answer takes at least that could tell whether an address is known.
const FLOOR: Duration = Duration::from_secs(2);

/// Protects the audit log from who goes away before the answer: whoever guesses passwords, deletes or signs out is in it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_keeps_out_of_the_log_by_going_away() {
    let builder = TestApp::builder().without_limits().env("AUTH_RATE_LIMIT_REQUESTS", 0);
    let app = builder.env("AUTH_MINIMUM_TIME", "2s").start().await;
    let emails: Vec<String> = (0..3).map(|number| format!("user{number}@example.org")).collect();
    let guess = |email: &String| Asked {
        method: "POST",
        path: "/auth/signin".to_owned(),
        token: None,
        body: json!({"email": email, "password": "wrong horse"}),
    };
    let guesses: Vec<_> = emails.iter().map(|email| (email, guess(email))).collect();
    until_written(&app, "sign_in", "INVALID_CREDENTIALS", &guesses).await;

    let tokens = Person::new("ann@example.org").sign_up(&app).await;
    let mut asker = app.asker(&tokens.access).await;
    let mut sessions = Vec::new();
    for number in 0..3 {
        sessions.push(asker.new_session(&format!("echo {number}")).await);
    }
    let with_token = |method, path| Asked { method, path, token: Some(&tokens.access), body: Value::Null };
    let deletions: Vec<_> =
        sessions.iter().map(|it| (it, with_token("DELETE", format!("/chat/sessions/{it}")))).collect();
    until_written(&app, "conversation_delete", "done", &deletions).await;

    let end = Instant::now() + PATIENCE;
    while written(&app, "sign_out", "done").await.is_empty() {
        assert!(Instant::now() < end, "the sign-out is not written down");
        ask_and_leave(&app, &with_token("POST", "/auth/signout".to_owned()), FLOOR / 10).await;
    }
    let refused = app.ask(&tokens.access, "GET", "/api/v1/users/me", Value::Null).await;
    assert_eq!(refused.refusal(), (401, "INVALID_TOKEN".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_parts_no_deletion_from_its_entry_on_sqlite() {
    a_crash_parts_no_deletion_from_its_entry(TestApp::builder()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_parts_no_deletion_from_its_entry_on_postgres() {
    let postgres = Postgres::start();
    let builder = TestApp::builder().env("DATABASE_URL", postgres.url());
    a_crash_parts_no_deletion_from_its_entry(builder).await;
}

/// Protects the audit log from a crash between what is done and the answer: what was deleted is in the log as done, and
/// what is in it was deleted, however far the answers had got.
async fn a_crash_parts_no_deletion_from_its_entry(builder: TestAppBuilder) {
    let mut app = builder.without_limits().start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.asker(&token).await;
    let mut sessions = Vec::new();
    for number in 0..24 {
        sessions.push(ann.new_session(&format!("echo {number}")).await);
    }
    for round in sessions.chunks(8) {
        let requests = round.iter().map(async |session| {
            let path = format!("/chat/sessions/{session}");
            http::try_ask(app.address(), "DELETE", &path, Some(&token), &Value::Null).await
        });
        let mut requests: futures_util::stream::FuturesUnordered<_> = requests.collect();
        // The first answer, and then no more.
        futures_util::StreamExt::next(&mut requests).await;
        drop(requests);
        app.kill9();
        app.restart().await;
        let deleted = app.history(&token).list("?deleted=true&limit=200").await;
        let deleted: BTreeSet<String> = deleted.iter().map(|it| id(&it["session_id"])).collect();
        assert!(!deleted.is_empty(), "one was answered");
        assert_eq!(written(&app, "conversation_delete", "done").await, deleted);
    }
}
