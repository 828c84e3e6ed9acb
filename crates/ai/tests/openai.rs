//! Whole replies of the servers that people use, and what is sent to them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other test files")]
mod support;

use parlor_ai::OpenAiConfig;
use parlor_domain::ports::Backend;
use support::{
    Heard, Seen, Server, Step, answer, chunk, client, events, hear, hear_steps, question, stream_head,
};

async fn check(recording: &str, model: &str, usage: Option<(u64, u64)>) {
    let expect = Heard {
        text: "Grüße, world 🎉".to_owned(),
        model: Some(model.to_owned()),
        usage,
        ended: true,
        error: None,
    };
    assert_eq!(hear_steps(events(&[recording])).await, expect, "in one piece");
    // Seven bytes at a time cut every line, and characters too.
    let pieces = recording.as_bytes().chunks(7).map(chunk);
    let steps = std::iter::once(stream_head()).chain(pieces).chain([Step::End]).collect();
    assert_eq!(hear_steps(steps).await, expect, "in many pieces");
}

#[tokio::test]
async fn openai() {
    check(include_str!("streams/openai.sse"), "gpt-4o-mini-2024-07-18", Some((9, 12))).await;
}

#[tokio::test]
async fn ollama() {
    check(include_str!("streams/ollama.sse"), "qwen3:0.6b", Some((17, 163))).await;
}

#[tokio::test]
async fn vllm() {
    check(include_str!("streams/vllm.sse"), "Qwen/Qwen3-8B", Some((11, 5))).await;
}

#[tokio::test]
async fn llama_cpp() {
    check(include_str!("streams/llama-cpp.sse"), "gpt-4o-mini", Some((13, 6))).await;
}

#[tokio::test]
async fn a_gateway_that_leaves_out_what_it_can() {
    check(include_str!("streams/gateway.sse"), "a-model", None).await;
}

#[tokio::test]
async fn a_server_that_does_not_stream() {
    let body = r#"{"model":"m","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],
                   "usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let heard = hear_steps(answer("200 OK", "Content-Type: application/json\r\n", body)).await;
    let (text, model) = ("Hi".to_owned(), Some("m".to_owned()));
    assert_eq!(heard, Heard { text, model, usage: Some((1, 2)), ended: true, error: None });
}

#[tokio::test]
async fn the_request_carries_key_organisation_and_body() {
    let mut server = Server::start(events(&["data: [DONE]\n\n"])).await;
    let client = client(&OpenAiConfig {
        base_url: server.base_url.clone(),
        api_key: Some("sk-secret".to_owned()),
        organization: Some("org-1".to_owned()),
        ..OpenAiConfig::default()
    });
    assert!(hear(client.open(question()).await.unwrap()).await.ended);
    assert_eq!(server.seen().await, Seen::Connected);
    let Seen::Request(head, body) = server.seen().await else { panic!() };
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    for line in ["authorization: Bearer sk-secret", "openai-organization: org-1", "accept: text/event-stream"]
    {
        assert!(head.lines().any(|it| it == line), "{line} is not in {head}");
    }
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["model"], "a-model");
    assert_eq!(body["messages"][0]["content"], "Hi");
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let mut server = Server::start(events(&["data: [DONE]\n\n"])).await;
    hear(server.client().open(question()).await.unwrap()).await;
    assert_eq!(server.seen().await, Seen::Connected);
    let Seen::Request(head, _) = server.seen().await else { panic!() };
    assert!(!head.to_lowercase().contains("authorization"), "{head}");
}

#[tokio::test]
async fn one_connection_serves_one_turn_after_the_other() {
    let mut server = Server::start(events(&[include_str!("streams/openai.sse")])).await;
    let client = server.client();
    for _ in 0..3 {
        assert!(hear(client.open(question()).await.unwrap()).await.ended);
        // The rest of the response is read behind the client's back.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen().await, Seen::Connected);
    for _ in 0..3 {
        assert!(matches!(server.seen().await, Seen::Request(..)));
    }
}
