//! Turns that wait for a worker: nobody is starved, and nobody waits for ever.

use super::until_figure;
use parlor_tests::provider::words;
use parlor_tests::{Client, FakeProvider, TestApp, Turn, Workers};
use serde_json::json;
use std::time::Instant;

/// Protects: who asks one question beside somebody who asks fifty is answered among the first.
#[tokio::test(flavor = "multi_thread")]
async fn one_users_fifty_messages_do_not_starve_anothers_first() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().workers().without_limits().start().await;
    let admin = app.admin_token("root@example.org");
    let mut workers = Workers::new(app.address(), &provider.base_url(), "words-2-25", 1);
    workers.add();
    until_figure(&app, &admin, "workers", |count| count == 1).await;
    let mut ann = app.client(&app.token("ann@example.org")).await;
    let mut bob = app.client(&app.token("bob@example.org")).await;
    flood(&mut ann).await;
    until_figure(&app, &admin, "queue_turns", |waiting| waiting >= 30).await;

    let before = provider.requests().len();
    bob.say(None, "user", "just one thing").await;
    let turn = Turn::follow(&mut bob).await;
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", words(2).as_str()));
    let place =
        provider.requests().iter().position(|request| request.body.to_string().contains("just one thing"));
    let ahead = place.unwrap() - before;
    assert!(ahead <= 3, "{ahead} others were answered first");
    until_figure(&app, &admin, "turns", |turns| turns == 0).await;
    assert_eq!(provider.requests().len(), 51, "everybody was answered, once");
}

/// Fifty questions in ten conversations.
async fn flood(client: &mut Client) {
    let mut conversations = Vec::new();
    for _ in 0..10 {
        conversations.push(client.new_conversation().await);
    }
    for question in 0..5 {
        for conversation in &conversations {
            let content = format!("question {question}");
            let data = json!({"conversation_id": conversation, "content": content, "message_type": "user"});
            client.ask("send_message", data).await;
        }
    }
}

/// Protects: with the last worker gone a question waits as long as the setting says, fails for that reason, and is kept;
/// a worker that comes in time answers it.
#[tokio::test(flavor = "multi_thread")]
async fn with_no_worker_left_a_question_waits_and_is_kept() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().workers().env("AI_QUEUE_WAIT", 3).start().await;
    let admin = app.admin_token("root@example.org");
    let mut client = app.client(&app.token("ann@example.org")).await;
    let mut workers = Workers::new(app.address(), &provider.base_url(), "plain", 4);
    workers.add();
    assert_eq!(super::ask(&mut client, json!({})).await.text, words(5));
    workers.kill9(0);
    until_figure(&app, &admin, "workers", |count| count == 0).await;
    assert_eq!(app.get("/health").await.json()["status"], "degraded");

    let start = Instant::now();
    let turn = super::ask(&mut client, json!({})).await;
    assert!((3.0..7.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("failed", ""));
    assert_eq!(turn.error.as_ref().unwrap()["code"], "AI_CANISTER_UNAVAILABLE");
    super::assert_stored(&mut client, &turn).await;

    client.say(None, "user", "anybody?").await;
    until_figure(&app, &admin, "queue_turns", |waiting| waiting == 1).await;
    workers.add();
    let turn = Turn::follow(&mut client).await;
    assert_eq!((turn.status.as_str(), turn.text.as_str()), ("complete", words(5).as_str()));
    assert_eq!(app.get("/health").await.json()["status"], "healthy");
}
