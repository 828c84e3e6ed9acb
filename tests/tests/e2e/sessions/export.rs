//! A session as one file.

use super::on;
use crate::python::run_with;
use parlor_tests::client::id;
use parlor_tests::{FakeProvider, History, Postgres, TestApp, TestAppBuilder, tools};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Texts that mean something to whoever shows them.
const EVIL: &[&str] = &[
    "<script>document.title='pwned'</script>",
    "</pre></article></body><script src=//evil.example></script>",
    "<img src=x onerror=alert(1)> &lt;b&gt; &amp; \" ' `",
    "\nthe first line is empty\n\n\tand this is indented\r\nwith a carriage return",
    "<!-- --> ]]> <![CDATA[ \u{202e}backwards\u{202c} \u{0007}\u{feff}",
    "```\n# no heading\n~~~~\n`````\n<script>alert(1)</script>\n| a | b |\n[x](javascript:alert(1))",
    "🦜 日本語 ünd \u{2028} so weiter",
];

/// Says each of `texts` as a note of its own; gives nothing before all are stored.
async fn say_all(app: &TestApp, token: &str, session: &str, texts: impl Iterator<Item = String>) {
    let mut client = app.client(token).await;
    client.join(session).await;
    let mut waiting = 0;
    for text in texts {
        let data = json!({"conversation_id": session, "content": text, "message_type": "note"});
        client.ask("send_message", data).await;
        waiting += 1;
        if waiting >= 100 {
            client.until("message_received").await;
            waiting -= 1;
        }
    }
    for _ in 0..waiting {
        client.until("message_received").await;
    }
}

fn contents(exported: &Value) -> Vec<&str> {
    exported["messages"].as_array().unwrap().iter().map(|it| it["content"].as_str().unwrap()).collect()
}

/// Protects: each form is whole and says what was said, whatever that is, and what it is sent with keeps browsers from
/// doing anything with it.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_are_harmless_in_every_form() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().without_limits().provider(&provider.base_url(), "plain").start().await;
    let token = app.token("ann@example.org");
    app.ask(&token, "PATCH", "/api/v1/users/me", json!({"username": "<b>Ann</b> `# _x_"})).await;
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let session = ann.new_session(EVIL[0]).await;
    say_all(&app, &token, &session, EVIL[1..].iter().map(ToString::to_string)).await;
    let mut rooms = app.rooms(&token).await;
    let exchanges = history.exchanges(&session).await;
    rooms.ask("delete", json!({"message_id": exchanges.last().unwrap()["message_id"]})).await;
    rooms.until("message_updated").await;

    let expect: Vec<&str> = {
        let mut texts = vec![EVIL[0], exchanges[0]["response"].as_str().unwrap()];
        texts.extend(&EVIL[1..EVIL.len() - 1]);
        texts
    };
    let exported = history.exported(&session).await;
    assert_eq!(contents(&exported)[..expect.len()], expect);
    let last = exported["messages"].as_array().unwrap().last().unwrap();
    assert!(last["content"] == "" && last["deleted_at"].is_string(), "{last}");
    let roles: Vec<_> = exported["messages"].as_array().unwrap().iter().map(|it| id(&it["role"])).collect();
    assert_eq!(roles[..3], ["user", "assistant", "user"]);
    assert_eq!(exported["messages"][1]["in_reply_to"], exported["messages"][0]["message_id"]);
    assert_eq!(exported["messages"][1]["context"]["raw_events"], exchanges[0]["context"]["raw_events"]);

    for (format, kind) in [("json", "application/json"), ("md", "text/markdown"), ("html", "text/html")] {
        let file = history.export(&session, format).await;
        assert!(file.header("content-type").is_some_and(|it| it.starts_with(kind)), "{}", file.head);
        let name = format!("attachment; filename=\"session-{session}.{format}\"");
        assert_eq!(file.header("content-disposition"), Some(&*name));
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert!(file.header("content-security-policy").is_some_and(|it| it.contains("default-src 'none'")));
        assert_eq!(file.header("cache-control"), Some("no-store"));
        std::fs::write(app.folder().join(format!("export.{format}")), &file.body).unwrap();
    }
    std::fs::write(app.folder().join("expected.json"), json!(expect).to_string()).unwrap();
    let script = tools::root().join("tests/python/exports.py");
    let said = run_with(&app, &script, &["export.html", "export.md", "expected.json"], &[]).await;
    assert!(said.trim_end().ends_with("all is well"), "{said}");
    let other = history.ask("GET", &format!("/{session}/export?format=pdf")).await;
    assert_eq!(other.refusal(), (400, "INVALID_REQUEST".to_owned()));
}

/// Protects: long sessions on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_session_is_whole_on_sqlite() {
    a_long_session_is_whole(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_session_is_whole_on_postgresql() {
    a_long_session_is_whole(on(&Postgres::start())).await;
}

async fn a_long_session_is_whole(builder: TestAppBuilder) {
    let app = builder.without_limits().start().await;
    let token = app.token("ann@example.org");
    let history = app.history(&token);
    let session = app.asker(&token).await.new_session("echo the first").await;
    say_all(&app, &token, &session, (3..=2_000).map(|number| format!("note {number} ünd"))).await;
    let exported = history.exported(&session).await;
    let messages = exported["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2_000);
    for (number, message) in (1..).zip(messages) {
        assert_eq!(message["seq"], number);
        if number > 2 {
            assert_eq!(message["content"], format!("note {number} ünd"));
        }
    }
    for format in ["md", "html"] {
        let text = history.export(&session, format).await.text();
        let mut rest = text.as_str();
        for number in 3..=2_000 {
            let (_, behind) = rest.split_once(&format!("note {number} ünd")).expect("all, in their order");
            rest = behind;
        }
        assert!(rest.contains("2000 messages"), "{format}: {rest}");
    }
    assert_eq!(history.exchanges(&session).await.len(), 1_999);
}

/// Protects: exports while others write: each is whole and of one moment, without a gap.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_whole_while_others_write_on_sqlite() {
    an_export_is_whole_while_others_write(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_whole_while_others_write_on_postgresql() {
    an_export_is_whole_while_others_write(on(&Postgres::start())).await;
}

async fn an_export_is_whole_while_others_write(builder: TestAppBuilder) {
    let app = Arc::new(builder.without_limits().start().await);
    let token = app.token("ann@example.org");
    let history: History = app.history(&token);
    let session = app.asker(&token).await.new_session("echo the first").await;
    say_all(&app, &token, &session, (0..300).map(|number| format!("early {number}"))).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (app, token, session, stop) = (app.clone(), token.clone(), session.clone(), stop.clone());
        tokio::spawn(async move {
            let mut written = 0;
            while !stop.load(Ordering::SeqCst) {
                say_all(&app, &token, &session, (0..50).map(|number| format!("late {number}"))).await;
                written += 50;
            }
            written
        })
    };
    let mut sizes = Vec::new();
    for _ in 0..8 {
        let exported = history.exported(&session).await;
        let messages = exported["messages"].as_array().unwrap();
        for (number, message) in (1..).zip(messages) {
            assert_eq!(message["seq"], number, "no gap");
        }
        sizes.push(messages.len());
    }
    stop.store(true, Ordering::SeqCst);
    let written: usize = writer.await.unwrap();
    assert!(sizes.is_sorted() && sizes[0] >= 302, "{sizes:?}");
    assert_eq!(history.exported(&session).await["messages"].as_array().unwrap().len(), 302 + written);
}
