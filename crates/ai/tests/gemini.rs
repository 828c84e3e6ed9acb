//! Whole replies of the Gemini API, what is sent to it, and how it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other test files")]
mod support;

use parlor_ai::{Kind, Provider, ProviderConfig};
use parlor_domain::ports::{Backend, BackendError, Finish};
use serde_json::json;
use std::time::Duration;
use support::stream_head;
use support::{
    Heard, Server, Step, answer, call, check_cuts, check_raw_events, check_recording, chunk, events,
    question, sent,
};

const PLAIN: &str = include_str!("streams/gemini.sse");
const TOOLS: &str = include_str!("streams/gemini-tools.sse");

const HELLO: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello\"}]}}],\
    \"usageMetadata\":{\"promptTokenCount\":3},\"modelVersion\":\"m\"}\n\n";

async fn hear_steps(steps: Vec<Step>) -> Heard {
    support::hear_steps(Kind::Gemini, steps).await
}

async fn refused(steps: Vec<Step>) -> BackendError {
    support::refused(Kind::Gemini, steps, "AIzaSecret").await
}

fn hello(end: Option<Finish>, error: Option<BackendError>) -> Heard {
    let (text, model, usage) = ("Hello".to_owned(), Some("m".to_owned()), Some((3, 0)));
    Heard { text, model, usage, end, error, ..Heard::default() }
}

fn status(status: u16, message: &str) -> BackendError {
    BackendError::Status { status, message: message.to_owned(), retry_after: None }
}

fn plain() -> Heard {
    Heard {
        text: "Grüße, world 🎉".to_owned(),
        model: Some("gemini-2.5-flash".to_owned()),
        usage: Some((8, 35)),
        end: Some(Finish::Stop),
        ..Heard::default()
    }
}

#[tokio::test]
async fn a_plain_reply() {
    check_recording(Kind::Gemini, PLAIN, &plain()).await;
}

#[tokio::test]
async fn calls_of_tools_after_thoughts() {
    let expect = Heard {
        text: "I look.".to_owned(),
        reasoning: "Two cities, and the time.".to_owned(),
        calls: vec![
            call(0, None, "get_weather", r#"{"city":"Köln","at":"noon"}"#),
            call(1, Some("f2"), "get_time", "{}"),
        ],
        model: Some("gemini-2.5-pro".to_owned()),
        usage: Some((63, 31)),
        end: Some(Finish::ToolCalls),
        error: None,
    };
    check_recording(Kind::Gemini, TOOLS, &expect).await;
}

#[tokio::test]
async fn every_end_has_its_reason() {
    for (reason, expect) in [
        ("STOP", Finish::Stop),
        ("MAX_TOKENS", Finish::Length),
        ("SAFETY", Finish::Filtered),
        ("PROHIBITED_CONTENT", Finish::Filtered),
        ("ONE_THAT_IS_NEW", Finish::Stop),
    ] {
        let last = format!("data: {{\"candidates\":[{{\"finishReason\":\"{reason}\",\"index\":0}}]}}\n\n");
        assert_eq!(hear_steps(events(&[HELLO, &last])).await, hello(Some(expect), None), "{reason}");
    }
}

/// Protects readers from half a reply that looks whole.
#[tokio::test]
async fn a_stream_that_is_cut_after_any_event_has_no_end() {
    check_cuts(Kind::Gemini, &PLAIN.replace('\r', ""), 0).await;
    check_cuts(Kind::Gemini, TOOLS, 0).await;
    let broken = hear_steps(vec![stream_head(), chunk(HELLO), Step::Close]).await;
    assert!(matches!(broken.error, Some(BackendError::Unreachable(_))), "{broken:?}");
}

#[tokio::test]
async fn a_server_that_does_not_stream() {
    let chunks: Vec<&str> = PLAIN.split("data: ").map(str::trim).filter(|it| !it.is_empty()).collect();
    let list = format!("[{}]", chunks.join(",\n"));
    let heard = hear_steps(answer("200 OK", "Content-Type: application/json\r\n", &list)).await;
    assert_eq!(heard, plain(), "all chunks in a list");
    let whole = r#"{"candidates":[{"content":{"parts":[{"text":"Hello"}]},"finishReason":"MAX_TOKENS"}],
        "usageMetadata":{"promptTokenCount":3},"modelVersion":"m"}"#;
    let heard = hear_steps(answer("200 OK", "Content-Type: application/json\r\n", whole)).await;
    assert_eq!(heard, hello(Some(Finish::Length), None), "one chunk");
}

#[tokio::test]
async fn the_request_names_the_model_in_its_url_and_the_key_in_a_header() {
    let mut server = Server::start(events(&[PLAIN])).await;
    let config = ProviderConfig {
        api_key: Some("AIzaSecret".to_owned()),
        temperature: Some(0.5),
        ..server.config(Kind::Gemini)
    };
    let (head, body) = sent(&mut server, &Provider::new(config).unwrap(), question()).await;
    let line = "POST /v1beta/models/a-model:streamGenerateContent?alt=sse HTTP/1.1\r\n";
    assert!(head.starts_with(line), "{head}");
    assert!(head.lines().any(|it| it == "x-goog-api-key: AIzaSecret"), "{head}");
    assert_eq!(head.matches("AIzaSecret").count(), 1, "{head}");
    let expect = json!({
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"temperature": 0.5},
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap(), expect);
}

/// Protects a client's tools from being dropped in silence, and the provider from being asked for nothing.
#[tokio::test]
async fn tools_are_refused_before_anything_is_sent() {
    let server = Server::start(vec![Step::Close]).await;
    let mut question = question();
    question.context[0].extra = Some(r#"{"tool_call_id":"c1"}"#.into());
    let Err(error) = server.client(Kind::Gemini).open(question).await else { panic!("it was not refused") };
    assert_eq!(error, status(400, "tools are passed on to OpenAI-compatible backends only"));
}

#[tokio::test]
async fn a_blocked_prompt_is_refused_with_its_reason() {
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\",\"safetyRatings\":[]},\
        \"usageMetadata\":{\"promptTokenCount\":3},\"modelVersion\":\"m\"}\n\n";
    let error = Some(status(400, "the prompt was blocked: PROHIBITED_CONTENT"));
    let (model, usage) = (Some("m".to_owned()), Some((3, 0)));
    assert_eq!(hear_steps(events(&[blocked])).await, Heard { model, usage, error, ..Heard::default() });
    let harmless = "data: {\"promptFeedback\":{\"safetyRatings\":[]}}\n\n";
    assert_eq!(hear_steps(events(&[HELLO, harmless])).await, hello(None, None));
}

#[tokio::test]
async fn an_error_inside_of_the_stream_is_its_status() {
    let error = "data: {\"error\":{\"code\":503,\"message\":\"Overloaded\",\"status\":\"UNAVAILABLE\"}}\n\n";
    let heard = hear_steps(events(&[HELLO, error])).await;
    assert_eq!(heard, hello(None, Some(status(503, "Overloaded"))));
}

#[tokio::test]
async fn refusals_are_told_in_the_servers_words_without_the_key() {
    let body = r#"[{"error":{"code":429,"message":"AIzaSecret has no quota","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"36s"}]}}]"#;
    let limited = |seconds| BackendError::Status {
        status: 429,
        message: "*** has no quota".to_owned(),
        retry_after: Some(Duration::from_secs(seconds)),
    };
    assert_eq!(refused(answer("429 Too Many Requests", "", body)).await, limited(36));
    assert_eq!(refused(answer("429 Too Many Requests", "Retry-After: 7\r\n", body)).await, limited(7));
    let dates = "Date: Sun, 06 Nov 1994 08:49:30 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:41 GMT\r\n";
    assert_eq!(refused(answer("429 Too Many Requests", dates, body)).await, limited(11));
    let broken = answer("500 Internal Server Error", "", "");
    assert_eq!(refused(broken).await, status(500, "Internal Server Error"));
}

#[tokio::test]
async fn nonsense_is_malformed_and_bad_bytes_cost_a_character() {
    for nonsense in ["data: secret\n\n", "data: {\"candidates\":7}\n\n", "data: [1]\n\n"] {
        let heard = hear_steps(events(&[HELLO, nonsense])).await;
        let Some(BackendError::Malformed(message)) = &heard.error else { panic!("{heard:?}") };
        assert!(!message.contains("secret"), "{message}");
    }
    let bad = b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\xFF\xC3b\"}]}}]}\n\n";
    let heard = hear_steps(vec![stream_head(), chunk(bad), Step::End]).await;
    assert_eq!(heard.text, "a\u{FFFD}\u{FFFD}b");
}

#[tokio::test]
async fn ten_megabytes_in_a_line_are_malformed_long_before_their_end() {
    let mut steps = vec![stream_head(), chunk(HELLO), chunk("data: ")];
    steps.extend(std::iter::repeat_n(chunk("x".repeat(64 * 1024)), 160));
    steps.push(Step::Stall);
    let heard = hear_steps(steps).await;
    assert!(matches!(heard.error, Some(BackendError::Malformed(_))), "{heard:?}");
}

/// Protects what is kept of a reply for later: it is what the API sent, to the letter.
#[tokio::test]
async fn events_are_told_as_they_were_sent_where_they_are_wanted() {
    check_raw_events(Kind::Gemini, include_str!("streams/gemini.sse")).await;
    check_raw_events(Kind::Gemini, include_str!("streams/gemini-tools.sse")).await;
}
