//! The OpenAI-compatible door, by the official client in Python.

use crate::python::run_with;
use parlor_tests::broker::SERVICE_KEY;
use parlor_tests::{FakeProvider, TestApp, Worker, tools};
use serde_json::{Value, json};

/// Runs one part of the script.
async fn run(app: &TestApp, part: &str) {
    let url = format!("http://{}/v1", app.address());
    let script = tools::root().join("tests/python/openai_client.py");
    let said = run_with(app, &script, &[part], &[("PARLOR_URL", &url)]).await;
    assert!(said.trim_end().ends_with("all is well"), "{said}");
}

async fn worker(app: &TestApp) -> Worker {
    Worker::connect(app.address(), "canister-1", json!({"models": ["echo-1"]})).await
}

/// Protects: the official client lists the models, and gets a worker's replies whole and streamed, with their figures;
/// what it does wrong raises the errors that its users catch.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_talks_to_workers() {
    let app = TestApp::builder().workers().start().await;
    let _worker = worker(&app).await.echo();
    run(&app, "talk").await;
    run(&app, "refusals").await;
    assert!(!app.log().contains(SERVICE_KEY));
}

/// Protects: who has no tokens left is refused with 403 before a worker is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_used_up_refuses() {
    let app = TestApp::builder().workers().env("USER_TOKEN_BUDGET", 100).start().await;
    let mut worker = worker(&app).await;
    run(&app, "over_budget").await;
    worker.send(json!({"type": "ping"})).await;
    worker.expect("pong").await;
}

/// Protects: too many requests raise the error that says when to come back; lists of models are no completions.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_completions_are_refused() {
    let app = TestApp::builder().workers().env("COMPLETIONS_RATE_LIMIT_REQUESTS", 2).start().await;
    let _worker = worker(&app).await.echo();
    run(&app, "rate_limited").await;
}

/// Protects: calls of tools pass through both ways, with all that belongs to them.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_tools_pass_through() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "plain").start().await;
    run(&app, "tools").await;
    let requests = provider.requests();
    assert_eq!(requests[0].body["tools"][0]["function"]["name"], "weather");
    assert_eq!(requests[0].body["tool_choice"], "auto");
    let said = requests[2].body["messages"].as_array().unwrap();
    assert_eq!(said[2]["tool_calls"][0]["function"]["arguments"], r#"{"city": "Zürich"}"#);
    assert_eq!((&said[3]["role"], &said[3]["tool_call_id"]), (&json!("tool"), &json!("call-1")));
}

/// Protects: a worker gets what the client of this door asked for, and its thoughts and calls of tools come out there.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_calls_tools() {
    let app = TestApp::builder().workers().start().await;
    let mut worker = worker(&app).await;
    let token = app.token("ann@example.org");
    let body = json!({"model": "echo-1", "messages": [{"role": "user", "content": "rain?"}], "max_tokens": 50,
                      "temperature": 0.5, "tools": [{"type": "function", "function": {"name": "weather"}}]});
    let asked = async {
        let answer = app.ask(&token, "POST", "/v1/chat/completions", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let served = async {
        let task = worker.task().await;
        assert_eq!((&task["max_tokens"], &task["temperature"]), (&json!(50), &json!(0.5)));
        assert_eq!(task["options"]["tools"][0]["function"]["name"], "weather");
        let chunk = |more: Value| {
            let mut frame = json!({"type": "ai_response_chunk", "message_id": task["message_id"]});
            frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            frame
        };
        worker.send(chunk(json!({"reasoning": "They ask for rain."}))).await;
        let call = json!({"index": 0, "id": "call-1", "name": "weather", "arguments": "{"});
        worker.send(chunk(json!({"tool_call": call}))).await;
        worker.send(chunk(json!({"tool_call": {"index": 0, "arguments": "}"}}))).await;
        worker
            .end(json!({"type": "ai_response", "message_id": task["message_id"], "finish_reason": "tool_calls"}))
            .await;
    };
    let (reply, ()) = tokio::join!(asked, served);
    let choice = &reply["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    assert_eq!(choice["message"]["reasoning_content"], "They ask for rain.");
    let call =
        json!({"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": "{}"}});
    assert_eq!(choice["message"]["tool_calls"], json!([call]));
}
