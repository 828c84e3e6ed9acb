//! A question that no worker can take yet.

use parlor_tests::client::id;
use parlor_tests::{TestApp, Worker};
use serde_json::json;
use std::time::{Duration, Instant};

/// Protects: with no worker the user is told so after the wait, and not before; the message is kept, and so is that it
/// was not answered.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_worker_the_message_is_kept() {
    let app = TestApp::builder().workers().env("AI_QUEUE_WAIT", 1).start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let ack = ann.say(None, "is anybody there?").await;
    let start = Instant::now();
    let error = ann.until_refusal("AI_CANISTER_UNAVAILABLE").await;
    let waited = start.elapsed();
    assert!((0.9..6.0).contains(&waited.as_secs_f64()), "{waited:?}");
    assert_eq!((&error["message_id"], &error["thread_id"]), (&ack["message_id"], &ack["thread_id"]));
    let log = ann.history(&id(&ack["thread_id"])).await;
    assert_eq!(log[0]["content"], "is anybody there?");
    assert_eq!((&log[1]["status"], &log[1]["seq"]), (&json!("failed"), &error["seq"]));
    assert_eq!((&log[1]["response_id"], &log[1]["response_content"]), (&error["response_id"], &json!("")));

    let mut worker = app.worker("canister-1").await;
    ann.say(Some(&id(&ack["thread_id"])), "and now?").await;
    let task = worker.task().await;
    worker.answer(&task, "now, yes").await;
    assert_eq!(ann.reply().await["response_content"], "now, yes");
}

/// Protects: a worker that comes while a question waits answers it.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_gets_what_waits() {
    let app = TestApp::builder().workers().start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let ack = ann.say(None, "I can wait").await;
    let mut worker = app.worker("canister-1").await;
    let task = worker.task().await;
    assert_eq!(task["message_id"], ack["message_id"]);
    worker.answer(&task, "thank you for waiting").await;
    assert_eq!(ann.reply().await["response_content"], "thank you for waiting");
}

/// Protects: a model goes to the worker that has it, and one that no worker here has is refused at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_asked_of_who_has_it() {
    let app = TestApp::builder().workers().start().await;
    let mut llama = Worker::connect(app.address(), "llama", json!({"models": ["llama-*"]})).await;
    let mut gpt = Worker::connect(app.address(), "gpt", json!({"models": ["gpt-oss"]})).await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let ask =
        |model: &str| json!({"type": "send_message", "thread_id": null, "content": model, "model": model});
    for (model, worker) in [("gpt-oss", &mut gpt), ("llama-3", &mut llama)] {
        for _ in 0..2 {
            ann.send(ask(model)).await;
            let task = worker.task().await;
            assert_eq!(task["model"], model);
            worker.answer(&task, "mine").await;
            ann.reply().await;
        }
    }
    let start = Instant::now();
    ann.send(ask("gpt-oss-2")).await;
    ann.until_refusal("MODEL_NOT_FOUND").await;
    assert!(start.elapsed() < Duration::from_secs(10), "there is nothing to wait for");
}

/// Protects: workers come before providers, and providers answer where no worker is.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_answers_where_no_worker_is() {
    let provider = parlor_tests::FakeProvider::start().await;
    let app = TestApp::builder().workers().provider(&provider.base_url(), "plain").start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    ann.say(None, "who is there?").await;
    assert_eq!(ann.reply().await["generated_by"], "openai");
    let mut worker = app.worker("canister-1").await;
    ann.say(None, "and now?").await;
    let task = worker.task().await;
    worker.answer(&task, "I am").await;
    assert_eq!(ann.reply().await["generated_by"], "canister-1");
    assert_eq!(provider.requests().len(), 1);
    ann.say(None, "and if you fail?").await;
    let task = worker.task().await;
    worker.fail(&task, 400).await;
    assert_eq!(ann.reply().await["generated_by"], "openai");
}
