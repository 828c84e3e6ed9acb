//! Whole replies of the servers that people use, and what is sent to them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other test files")]
mod support;

use parlor_ai::{Kind, Provider, ProviderConfig};
use parlor_domain::ports::{Backend, Finish};
use serde_json::json;
use support::{
    Heard, Seen, Server, answer, call, check_cuts, check_raw_events, check_recording, events, hear, question,
    sent,
};

fn expect(model: &str, usage: Option<(u64, u64)>) -> Heard {
    Heard {
        text: "Grüße, world 🎉".to_owned(),
        model: Some(model.to_owned()),
        usage,
        end: Some(Finish::Stop),
        ..Heard::default()
    }
}

async fn check(recording: &str, expect: Heard) {
    check_recording(Kind::OpenAi, recording, &expect).await;
}

#[tokio::test]
async fn openai() {
    check(include_str!("streams/openai.sse"), expect("gpt-4o-mini-2024-07-18", Some((9, 12)))).await;
}

#[tokio::test]
async fn ollama() {
    let reasoning = "The user says hi.".to_owned();
    let expect = Heard { reasoning, ..expect("qwen3:0.6b", Some((17, 163))) };
    check(include_str!("streams/ollama.sse"), expect).await;
}

#[tokio::test]
async fn vllm() {
    let expect = Heard { reasoning: "Hm".to_owned(), ..expect("Qwen/Qwen3-8B", Some((11, 5))) };
    check(include_str!("streams/vllm.sse"), expect).await;
}

#[tokio::test]
async fn llama_cpp() {
    check(include_str!("streams/llama-cpp.sse"), expect("gpt-4o-mini", Some((13, 6)))).await;
}

#[tokio::test]
async fn a_gateway_that_leaves_out_what_it_can() {
    let calls = vec![call(0, Some("call_1"), "weather", "{\"ci")];
    let end = Some(Finish::ToolCalls);
    check(include_str!("streams/gateway.sse"), Heard { calls, end, ..expect("a-model", None) }).await;
}

#[tokio::test]
async fn calls_of_tools_after_thoughts() {
    let expect = Heard {
        reasoning: "The user wants two cities.".to_owned(),
        calls: vec![
            call(0, Some("call_a"), "get_weather", r#"{"city":"Köln"}"#),
            call(1, Some("call_b"), "get_weather", r#"{"city":"Zürich"}"#),
        ],
        model: Some("deepseek-reasoner".to_owned()),
        usage: Some((155, 61)),
        end: Some(Finish::ToolCalls),
        ..Heard::default()
    };
    check(include_str!("streams/openai-tools.sse"), expect).await;
}

#[tokio::test]
async fn every_end_has_its_reason() {
    for (reason, expect) in [
        ("stop", Finish::Stop),
        ("length", Finish::Length),
        ("tool_calls", Finish::ToolCalls),
        ("content_filter", Finish::Filtered),
        ("one_that_is_new", Finish::Stop),
    ] {
        let last = format!("data: {{\"choices\":[{{\"finish_reason\":\"{reason}\"}}]}}\n\n");
        let heard = support::hear_steps(Kind::OpenAi, events(&[&last, "data: [DONE]\n\n"])).await;
        assert_eq!((heard.end, heard.error), (Some(expect), None), "{reason}");
    }
}

/// Protects readers from half a reply that looks whole.
#[tokio::test]
async fn a_stream_that_is_cut_after_any_event_has_no_end() {
    // The reason to finish, the figures and [DONE] may be missing: the first of them says that the text is whole.
    check_cuts(Kind::OpenAi, include_str!("streams/openai.sse"), 2).await;
    check_cuts(Kind::OpenAi, include_str!("streams/openai-tools.sse"), 1).await;
}

#[tokio::test]
async fn a_server_that_does_not_stream() {
    let body = r#"{"model":"m","choices":[{"message":{"content":"Hi","reasoning":"hm","tool_calls":[
                   {"id":"c1","function":{"name":"f","arguments":"{}"}},
                   {"id":"c2","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
                   "usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let steps = answer("200 OK", "Content-Type: application/json\r\n", body);
    let expect = Heard {
        text: "Hi".to_owned(),
        reasoning: "hm".to_owned(),
        calls: vec![call(0, Some("c1"), "f", "{}"), call(1, Some("c2"), "g", "{}")],
        model: Some("m".to_owned()),
        usage: Some((1, 2)),
        end: Some(Finish::ToolCalls),
        error: None,
    };
    assert_eq!(support::hear_steps(Kind::OpenAi, steps).await, expect);
}

#[tokio::test]
async fn the_request_carries_key_organisation_headers_and_body() {
    let mut server = Server::start(events(&["data: [DONE]\n\n"])).await;
    let config = ProviderConfig {
        api_key: Some("sk-secret".to_owned()),
        organization: Some("org-1".to_owned()),
        headers: vec![
            ("X-Title".to_owned(), "Parlor".to_owned()),
            ("user-agent".to_owned(), "us".to_owned()),
        ],
        ..server.config(Kind::OpenAi)
    };
    let (head, body) = sent(&mut server, &Provider::new(config).unwrap(), question()).await;
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    for line in [
        "authorization: Bearer sk-secret",
        "openai-organization: org-1",
        "accept: text/event-stream",
        "content-type: application/json",
        "x-title: Parlor",
        "user-agent: us",
    ] {
        assert!(head.lines().any(|it| it == line), "{line} is not in {head}");
    }
    let expect = json!({
        "model": "a-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap(), expect);
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let mut server = Server::start(events(&["data: [DONE]\n\n"])).await;
    let client = server.client(Kind::OpenAi);
    let (head, _) = sent(&mut server, &client, question()).await;
    assert!(!head.to_lowercase().contains("authorization"), "{head}");
}

#[tokio::test]
async fn one_connection_serves_one_turn_after_the_other() {
    let mut server = Server::start(events(&[include_str!("streams/openai.sse")])).await;
    let client = server.client(Kind::OpenAi);
    for _ in 0..3 {
        assert!(hear(client.open(question()).await.unwrap()).await.end.is_some());
        // The rest of the response is read behind the client's back.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen().await, Seen::Connected);
    for _ in 0..3 {
        assert!(matches!(server.seen().await, Seen::Request(..)));
    }
}

/// Protects what is kept of a reply for later: it is what the API sent, to the letter.
#[tokio::test]
async fn events_are_told_as_they_were_sent_where_they_are_wanted() {
    check_raw_events(Kind::OpenAi, include_str!("streams/openai.sse")).await;
    check_raw_events(Kind::OpenAi, include_str!("streams/openai-tools.sse")).await;
    check_raw_events(Kind::OpenAi, include_str!("streams/vllm.sse")).await;
}
