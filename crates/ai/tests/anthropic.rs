//! Whole replies of Anthropic's Messages API, what is sent to it, and how it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other test files")]
mod support;

use parlor_ai::{Kind, Provider, ProviderConfig};
use parlor_domain::ports::{Backend, BackendError, Finish};
use serde_json::json;
use std::time::Duration;
use support::{
    Heard, Server, Step, answer, call, check_cuts, check_raw_events, check_recording, chunk, events,
    question, sent,
};
use support::{head, stream_head};

const PLAIN: &str = include_str!("streams/anthropic.sse");
const TOOLS: &str = include_str!("streams/anthropic-tools.sse");

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\
    \"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
const HELLO: &str = "data: {\"type\":\"content_block_delta\",\"index\":0,\
    \"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n";

async fn hear_steps(steps: Vec<Step>) -> Heard {
    support::hear_steps(Kind::Anthropic, steps).await
}

async fn refused(steps: Vec<Step>) -> BackendError {
    support::refused(Kind::Anthropic, steps, "sk-ant-secret").await
}

fn hello(end: Option<Finish>, error: Option<BackendError>) -> Heard {
    let (text, model, usage) = ("Hello".to_owned(), Some("m".to_owned()), Some((3, 1)));
    Heard { text, model, usage, end, error, ..Heard::default() }
}

fn status(status: u16, message: &str) -> BackendError {
    BackendError::Status { status, message: message.to_owned(), retry_after: None }
}

#[tokio::test]
async fn a_plain_reply() {
    let expect = Heard {
        text: "Grüße, world 🎉".to_owned(),
        model: Some("claude-sonnet-4-5-20250929".to_owned()),
        usage: Some((1125, 15)),
        end: Some(Finish::Stop),
        ..Heard::default()
    };
    check_recording(Kind::Anthropic, PLAIN, &expect).await;
}

#[tokio::test]
async fn calls_of_tools_after_thoughts() {
    let expect = Heard {
        text: "I look.".to_owned(),
        reasoning: "Two cities, and the time.".to_owned(),
        calls: vec![
            call(0, Some("toolu_a"), "get_weather", r#"{"city": "Köln"}"#),
            call(1, Some("toolu_b"), "get_time", "{}"),
        ],
        model: Some("claude-opus-4-1".to_owned()),
        usage: Some((472, 89)),
        end: Some(Finish::ToolCalls),
        error: None,
    };
    check_recording(Kind::Anthropic, TOOLS, &expect).await;
}

#[tokio::test]
async fn every_end_has_its_reason() {
    for (reason, expect) in [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("tool_use", Finish::ToolCalls),
        ("refusal", Finish::Filtered),
        ("one_that_is_new", Finish::Stop),
    ] {
        let last = format!(
            "data: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\"}}}}\n\n\
             data: {{\"type\":\"message_stop\"}}\n\n"
        );
        assert_eq!(hear_steps(events(&[START, HELLO, &last])).await, hello(Some(expect), None), "{reason}");
    }
}

/// Protects readers from half a reply that looks whole.
#[tokio::test]
async fn a_stream_that_is_cut_after_any_event_has_no_end() {
    // Only message_stop may be missing: the reason to stop before it says that the text is whole.
    check_cuts(Kind::Anthropic, PLAIN, 1).await;
    check_cuts(Kind::Anthropic, TOOLS, 1).await;
    let broken = hear_steps(vec![stream_head(), chunk(START), chunk(HELLO), Step::Close]).await;
    assert!(matches!(broken.error, Some(BackendError::Unreachable(_))), "{broken:?}");
}

#[tokio::test]
async fn a_server_that_does_not_stream() {
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[
        {"type":"thinking","thinking":"hm","signature":"x"},{"type":"text","text":"Hello"},
        {"type":"tool_use","id":"t1","name":"f","input":{"b":1,"a":2}},{"type":"tool_use","id":"t2","name":"g","input":{}}],
        "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}"#;
    let heard = hear_steps(answer("200 OK", "Content-Type: application/json\r\n", body)).await;
    let calls = vec![call(0, Some("t1"), "f", r#"{"b":1,"a":2}"#), call(1, Some("t2"), "g", "{}")];
    let reasoning = "hm".to_owned();
    assert_eq!(heard, Heard { reasoning, calls, ..hello(Some(Finish::ToolCalls), None) });
}

#[tokio::test]
async fn the_request_carries_key_version_and_body() {
    let mut server = Server::start(events(&[PLAIN])).await;
    let config = ProviderConfig {
        api_key: Some("sk-ant-secret".to_owned()),
        headers: vec![("anthropic-beta".to_owned(), "x-2025".to_owned())],
        max_tokens: Some(100),
        ..server.config(Kind::Anthropic)
    };
    let (head, body) = sent(&mut server, &Provider::new(config).unwrap(), question()).await;
    assert!(head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{head}");
    for line in ["x-api-key: sk-ant-secret", "anthropic-version: 2023-06-01", "anthropic-beta: x-2025"] {
        assert!(head.lines().any(|it| it == line), "{line} is not in {head}");
    }
    assert!(!head.contains("authorization"), "{head}");
    let expect = json!({
        "model": "a-model",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stream": true,
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap(), expect);
}

/// Protects a client's tools from being dropped in silence, and the provider from being asked for nothing.
#[tokio::test]
async fn tools_are_refused_before_anything_is_sent() {
    let server = Server::start(vec![Step::Close]).await;
    let mut question = question();
    question.extra = Some(r#"{"tools":[{"type":"function"}]}"#.into());
    let Err(error) = server.client(Kind::Anthropic).open(question).await else {
        panic!("it was not refused")
    };
    assert_eq!(error, status(400, "tools are passed on to OpenAI-compatible backends only"));
    assert!(!error.is_passing());
}

#[tokio::test]
async fn an_error_inside_of_the_stream_is_its_status() {
    for (kind, expect) in [
        ("invalid_request_error", 400),
        ("authentication_error", 401),
        ("billing_error", 402),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("request_too_large", 413),
        ("rate_limit_error", 429),
        ("api_error", 500),
        ("timeout_error", 504),
        ("overloaded_error", 529),
    ] {
        let error = format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"No\"}}}}\n\n"
        );
        let heard = hear_steps(events(&[START, HELLO, &error])).await;
        assert_eq!(heard, hello(None, Some(status(expect, "No"))), "{kind}");
    }
}

#[tokio::test]
async fn refusals_are_told_in_the_servers_words_without_the_key() {
    let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"sk-ant-secret is slow"},"request_id":"r"}"#;
    let limited = |retry_after: Duration| BackendError::Status {
        status: 429,
        message: "*** is slow".to_owned(),
        retry_after: Some(retry_after),
    };
    let seconds = answer("429 Too Many Requests", "Retry-After: 7\r\n", body);
    assert_eq!(refused(seconds).await, limited(Duration::from_secs(7)));
    let dates = "Date: Sun, 06 Nov 1994 08:49:30 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:41 GMT\r\n";
    let date = answer("429 Too Many Requests", dates, body);
    assert_eq!(refused(date).await, limited(Duration::from_secs(11)));
    let broken = answer("500 Internal Server Error", "", "");
    assert_eq!(refused(broken).await, status(500, "Internal Server Error"));
    assert_eq!(refused(answer("529 ", "", r#"{"error":{"message":"busy"}}"#)).await, status(529, "busy"));
}

#[tokio::test]
async fn nonsense_is_malformed_and_bad_bytes_cost_a_character() {
    for nonsense in ["data: secret\n\n", "data: {\"type\":7}\n\n", "data: [1]\n\n"] {
        let heard = hear_steps(events(&[START, HELLO, nonsense])).await;
        let Some(BackendError::Malformed(message)) = &heard.error else { panic!("{heard:?}") };
        assert!(!message.contains("secret"), "{message}");
    }
    let bad = b"data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\xFF\xC3b\"}}\n\n";
    let heard = hear_steps(vec![stream_head(), chunk(bad), Step::End]).await;
    assert_eq!(heard.text, "a\u{FFFD}\u{FFFD}b");
}

#[tokio::test]
async fn ten_megabytes_in_a_line_are_malformed_long_before_their_end() {
    let mut steps = vec![stream_head(), chunk(START), chunk(HELLO), chunk("data: ")];
    steps.extend(std::iter::repeat_n(chunk("x".repeat(64 * 1024)), 160));
    steps.push(Step::Stall);
    let heard = hear_steps(steps).await;
    assert!(matches!(heard.error, Some(BackendError::Malformed(_))), "{heard:?}");
}

#[tokio::test]
async fn an_error_under_a_status_of_success_is_an_error() {
    let body = r#"{"type":"error","error":{"type":"not_found_error","message":"No such model"}}"#;
    let length = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let heard = hear_steps(vec![head("200 OK", &length), Step::Send(body.as_bytes().to_vec())]).await;
    assert_eq!(heard, Heard { error: Some(status(404, "No such model")), ..Heard::default() });
}

/// Protects what is kept of a reply for later: it is what the API sent, to the letter.
#[tokio::test]
async fn events_are_told_as_they_were_sent_where_they_are_wanted() {
    check_raw_events(Kind::Anthropic, include_str!("streams/anthropic.sse")).await;
    check_raw_events(Kind::Anthropic, include_str!("streams/anthropic-tools.sse")).await;
}
