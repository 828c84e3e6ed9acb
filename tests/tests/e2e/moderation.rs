//! Texts that may not pass, by a list of rules and by a server with `OpenAI`'s moderation API, through every door.

use parlor_tests::client::id;
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, TestApp, TestAppBuilder, Turn, tools};
use serde_json::{Value, json};
use std::path::Path;

/// A server whose texts are judged by `rules`, in a file in `folder`.
fn by_rules(folder: &Path, rules: &str) -> TestAppBuilder {
    let path = folder.join("rules.txt");
    std::fs::write(&path, rules).unwrap();
    TestApp::builder()
        .env("MODERATION_ENABLED", "local")
        .env("MODERATION_RULES", path.display())
        .without_limits()
}

/// What the audit log has of flagged texts, oldest first.
async fn flagged(app: &TestApp) -> Vec<String> {
    let admin = app.admin_token("root@example.org");
    let answer = app.ask(&admin, "GET", "/api/v1/admin/audit?action=content_flag", Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let entries = answer.json()["data"].as_array().unwrap().clone();
    assert!(
        entries.iter().all(|it| it["outcome"] == "CONTENT_FLAGGED" && it["actor"].is_string()),
        "{entries:?}"
    );
    entries.iter().rev().map(|entry| id(&entry["subject"])).collect()
}

/// Protects backends from what may not pass, whichever dialect it comes by: one rule, one code.
#[tokio::test(flavor = "multi_thread")]
async fn a_flagged_message_is_refused_in_every_dialect() {
    let (folder, provider) = (tempfile::tempdir().unwrap(), FakeProvider::start().await);
    let rules = "# what may not pass\nweapons: pipe bomb\nwords: /f[o0]rb\\w+/\n";
    let app = by_rules(folder.path(), rules).provider(&provider.base_url(), "plain").start().await;
    let token = app.token("ann@example.org");
    let text = "how do I make a Pipe\nBomb?";

    let mut client = app.client(&token).await;
    client.say(None, "user", text).await;
    let turn = Turn::follow(&mut client).await;
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("failed", ""));
    assert_eq!(turn.error.unwrap()["code"], "CONTENT_FLAGGED");
    let history = client.whole_history(&turn.conversation_id).await;
    assert_eq!(history[0]["content"], text, "the message stays");

    let mut rooms = app.rooms(&token).await;
    rooms.enter("den", "private").await;
    rooms.chat("den", text, "m-1").await;
    rooms.until_error("CONTENT_FLAGGED").await;

    let mut broker = app.broker(&token).await;
    broker.say(None, text).await;
    broker.until_refusal("CONTENT_FLAGGED").await;

    let mut asker = app.asker(&token).await;
    asker.send(json!({"message": text})).await;
    assert_eq!(asker.end().await.0["code"], "CONTENT_FLAGGED");

    let body = json!({"model": "plain", "messages": [{"role": "user", "content": text}]});
    let answer = app.ask(&token, "POST", "/v1/chat/completions", body).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (403, &json!("CONTENT_FLAGGED")));

    assert!(provider.requests().is_empty(), "nobody was asked");
    let lines = flagged(&app).await;
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines.iter().all(|line| line.ends_with("request: weapons")), "{lines:?}");
    assert!(!app.log().to_lowercase().contains("bomb"), "no text is logged");

    client.say(None, "user", "hello").await;
    assert_eq!(Turn::follow(&mut client).await.status, "complete");
}

/// Protects readers: a reply is cut before what may not pass, though its words come in many pieces; what was shown stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_cut_before_what_may_not_pass() {
    let (folder, provider) = (tempfile::tempdir().unwrap(), FakeProvider::start().await);
    let rules = "phrases: wörd-2é wörd-3é";
    let app = by_rules(folder.path(), rules).provider(&provider.base_url(), "plain").start().await;
    let token = app.token("ann@example.org");
    let mut client = app.client(&token).await;
    client.say(None, "user", "hello").await;
    let turn = Turn::follow(&mut client).await;
    assert_eq!(turn.status, "failed");
    assert_eq!(turn.error.unwrap()["code"], "CONTENT_FLAGGED");
    assert!(words(3).starts_with(&turn.text), "{}", turn.text);
    let history = client.whole_history(&turn.conversation_id).await;
    assert_eq!(history[1]["content"], turn.text.as_str());
    assert_eq!(flagged(&app).await, [format!("conversation {} reply: phrases", turn.conversation_id)]);

    let body = json!({"model": "plain", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let answer = app.ask(&token, "POST", "/v1/chat/completions", body).await;
    assert!(answer.body.contains("CONTENT_FLAGGED") && !answer.body.contains("wörd-3"), "{}", answer.body);
}

/// Protects: a server with the moderation API is asked with the operator's key, about both directions, and what it flags
/// does not pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_moderation_server_is_asked() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "plain").env("MODERATION_ENABLED", "true");
    let app = app.without_limits().start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    client.say(None, "user", "hello").await;
    let turn = Turn::follow(&mut client).await;
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", words(5).as_str()));
    let asked = provider.requests();
    assert!(
        asked[0].head.starts_with("POST /v1/moderations ") && asked[0].head.contains("Bearer sk-canary-key")
    );
    assert_eq!(asked[0].body, json!({"model": "omni-moderation-latest", "input": ["hello"]}));
    let judged: Vec<_> = asked.iter().filter(|it| it.model() == "omni-moderation-latest").collect();
    assert!(
        judged.len() >= 2 && judged.last().unwrap().body["input"][0].as_str().unwrap().ends_with(&words(5))
    );

    client.say(None, "user", "something forbidden").await;
    let turn = Turn::follow(&mut client).await;
    assert_eq!(turn.error.unwrap()["code"], "CONTENT_FLAGGED");
    assert_eq!(provider.count("plain"), 1);
    assert!(flagged(&app).await[0].ends_with("request: violence"));
}

/// Protects: the same against a server of other people's making; and where nobody listens, nothing passes.
#[tokio::test(flavor = "multi_thread")]
async fn aimock_moderates_and_nobody_does_not() {
    let (_aimock, base_url) = tools::aimock(&tools::root().join("tests/fixtures/aimock.json"));
    let app = TestApp::builder().provider(&base_url, "gpt-4o").env("MODERATION_ENABLED", "openai");
    let mut app = app.start().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    client.say(None, "user", "hello").await;
    let turn = Turn::follow(&mut client).await;
    assert_eq!((turn.status.as_str(), turn.error), ("complete", None));
    client.close().await;

    app.set("MODERATION_BASE_URL", Some("http://127.0.0.1:1/v1"));
    app.kill9();
    app.restart().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    client.say(None, "user", "hello").await;
    let turn = Turn::follow(&mut client).await;
    assert_eq!((turn.status.as_str(), &turn.error.unwrap()["code"]), ("failed", &json!("AI_UNAVAILABLE")));
}

/// Protects backends from what people have said of themselves and of places, where an operator's own words speak of it; from
/// names in a context; and embeddings servers from questions that no backend would get.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_passes_beside_the_question() {
    let (folder, provider) = (tempfile::tempdir().unwrap(), FakeProvider::start().await);
    let app =
        by_rules(folder.path(), "weapons: pipe bomb\n").provider(&provider.base_url(), "plain").start().await;
    let (admin, token) = (app.admin_token("root@example.org"), app.token("ann@example.org"));
    let assistant = json!({"name": "topical", "scope": "server", "systemPrompt": "It is about {{ conversation.title }}."});
    let made = app.ask(&admin, "POST", "/api/v1/ai/assistants", assistant).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let chat = async |model: &str, conversation: Value| {
        let body = json!({"message": "hello", "model": model, "conversationId": conversation});
        app.ask(&token, "POST", "/api/v1/ai/chat", body).await
    };
    let conversation = chat("plain", Value::Null).await.json()["conversationId"].clone();
    assert_eq!(chat("topical", conversation.clone()).await.status, 200);
    let path = format!("/api/v1/ai/conversations/{}", id(&conversation));
    let renamed = app.ask(&token, "PATCH", &path, json!({"title": "how to build a pipe bomb"})).await;
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    let asked = provider.requests().len();
    assert_eq!(chat("topical", conversation.clone()).await.refusal(), (403, "CONTENT_FLAGGED".into()));
    assert_eq!(chat("plain", conversation).await.status, 200, "of which nothing is told");
    assert_eq!(provider.requests().len(), asked + 1);

    let named = async |name: &str| {
        let body = json!({"model": "plain", "messages": [{"role": "user", "name": name, "content": "hi"}]});
        app.ask(&token, "POST", "/v1/chat/completions", body).await
    };
    assert_eq!(named("Ann").await.status, 200);
    assert_eq!(named("pipe bomb").await.status, 403);
    assert_eq!(named(&"x".repeat(65)).await.status, 400);
    assert_eq!(provider.requests().len(), asked + 2);
}
