//! Servers that cut, stall, refuse and talk nonsense: every failure has its name, and none of them hangs or grows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other test files")]
mod support;

use futures_util::StreamExt;
use parlor_ai::{Kind, Provider, ProviderConfig};
use parlor_domain::ports::{Backend, BackendError, Delta, Finish};
use std::time::Duration;
use support::{Heard, Seen, Server, Step, answer, chunk, events, hear, question, raw_deltas, stream_head};

const HELLO: &str = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";

async fn hear_steps(steps: Vec<Step>) -> Heard {
    support::hear_steps(Kind::OpenAi, steps).await
}

async fn refused(steps: Vec<Step>, key: &str) -> BackendError {
    support::refused(Kind::OpenAi, steps, key).await
}

fn hello(ended: bool, error: Option<BackendError>) -> Heard {
    let end = ended.then_some(Finish::Stop);
    Heard { text: "Hello".to_owned(), model: Some("m".to_owned()), end, error, ..Heard::default() }
}

#[tokio::test]
async fn a_stream_that_ends_too_early_has_no_end() {
    assert_eq!(hear_steps(events(&[HELLO])).await, hello(false, None));
    let half = &STOP[..STOP.len() / 2];
    assert_eq!(hear_steps(events(&[HELLO, half])).await, hello(false, None), "in the middle of an event");
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_error_after_what_came() {
    let heard = hear_steps(vec![stream_head(), chunk(HELLO), Step::Close]).await;
    assert!(matches!(heard.error, Some(BackendError::Unreachable(_))), "{heard:?}");
    assert_eq!(heard.text, "Hello");
}

#[tokio::test]
async fn once_the_reply_is_whole_nothing_spoils_it() {
    let usage = Some((1, 2));
    for last in [Step::End, Step::Close, chunk("data: nonsense\n\n"), chunk("data: {\"error\":\"late\"}\n\n")]
    {
        let heard = hear_steps(vec![stream_head(), chunk([HELLO, STOP].concat()), chunk(USAGE), last]).await;
        assert_eq!(heard, Heard { usage, ..hello(true, None) });
    }
}

#[tokio::test]
async fn figures_that_never_come_are_not_waited_for() {
    let server = Server::start(vec![stream_head(), chunk([HELLO, STOP].concat()), Step::Stall]).await;
    let hear = hear(server.client(Kind::OpenAi).open(question()).await.unwrap());
    let heard = tokio::time::timeout(Duration::from_secs(15), hear).await.expect("it waits for ever");
    assert_eq!(heard, hello(true, None));
}

#[tokio::test]
async fn a_dropped_stream_is_seen_by_the_server() {
    let mut server = Server::start(vec![stream_head(), chunk(HELLO), Step::Stall]).await;
    let client = server.client(Kind::OpenAi);
    let mut stream = client.open(question()).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Delta::Model(_)))));
    assert!(matches!(stream.next().await, Some(Ok(Delta::Content(_)))));
    assert_eq!(server.seen().await, Seen::Connected);
    assert!(matches!(server.seen().await, Seen::Request(..)));
    let silent = tokio::time::timeout(Duration::from_millis(100), server.seen()).await;
    assert!(silent.is_err(), "it is asked until the stream is dropped");
    drop(stream);
    assert_eq!(server.seen().await, Seen::Left);
}

#[tokio::test]
async fn a_dropped_opening_is_seen_by_the_server() {
    let mut server = Server::start(vec![Step::Stall]).await;
    let client = server.client(Kind::OpenAi);
    let opening = tokio::time::timeout(Duration::from_millis(300), client.open(question()));
    assert!(opening.await.is_err());
    assert_eq!(server.seen().await, Seen::Connected);
    assert!(matches!(server.seen().await, Seen::Request(..)));
    assert_eq!(server.seen().await, Seen::Left);
}

#[tokio::test]
async fn too_many_requests_tells_how_long_to_wait() {
    let body = r#"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}"#;
    let expect = BackendError::Status {
        status: 429,
        message: "Rate limit reached".to_owned(),
        retry_after: Some(Duration::from_secs(7)),
    };
    assert_eq!(refused(answer("429 Too Many Requests", "Retry-After: 7\r\n", body), "k").await, expect);
    let headers = "Date: Sun, 06 Nov 1994 08:49:30 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    assert_eq!(refused(answer("429 Too Many Requests", headers, body), "k").await, expect);
}

#[tokio::test]
async fn a_failing_server_is_quoted_in_short_and_without_the_key() {
    let body = format!("<html>key sk-secret\n is wrong {}</html>", "x".repeat(100_000));
    let error = refused(answer("500 Internal Server Error", "", &body), "sk-secret").await;
    let BackendError::Status { status: 500, message, retry_after: None } = error else { panic!("{error:?}") };
    assert!(message.starts_with("<html>key *** is wrong x") && message.len() == 500, "{message}");
    let error = refused(answer("503 Service Unavailable", "", ""), "k").await;
    assert_eq!(error.to_string(), "the backend answered 503: Service Unavailable");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error =
        refused(answer("307 Temporary Redirect", "Location: http://127.0.0.1:9/v1\r\n", ""), "k").await;
    assert!(matches!(error, BackendError::Status { status: 307, .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_the_url_stays_secret() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let base_url = format!("http://user:password@127.0.0.1:{port}/v1");
    let config = ProviderConfig { base_url, ..ProviderConfig::new(Kind::OpenAi) };
    let Err(error) = Provider::new(config).unwrap().open(question()).await else {
        panic!("somebody was there")
    };
    assert!(matches!(error, BackendError::Unreachable(_)), "{error:?}");
    assert!(!error.to_string().contains("password"), "{error}");
}

#[tokio::test]
async fn an_error_inside_of_the_stream_is_its_status() {
    let error = |status, message: &str| {
        Some(BackendError::Status { status, message: message.to_owned(), retry_after: None })
    };
    let quota = "data: {\"error\":{\"message\":\"No quota\",\"code\":\"insufficient_quota\"}}\n\n";
    assert_eq!(hear_steps(events(&[HELLO, quota])).await, hello(false, error(429, "No quota")));
    let named = "event: error\ndata: it broke\n\n";
    assert_eq!(hear_steps(events(&[HELLO, named])).await, hello(false, error(500, "it broke")));
    let old = "data: {\"object\":\"error\",\"message\":\"too long\",\"code\":400}\n\n";
    assert_eq!(hear_steps(events(&[HELLO, old])).await, hello(false, error(400, "too long")));
    let unended = quota.trim_end();
    assert_eq!(hear_steps(events(&[HELLO, unended])).await, hello(false, error(429, "No quota")));
}

#[tokio::test]
async fn an_error_under_a_status_of_success_is_an_error() {
    let body = r#"{"error":{"message":"No such model","code":404}}"#;
    let heard = hear_steps(answer("200 OK", "Content-Type: application/json; charset=utf-8\r\n", body)).await;
    let message = "No such model".to_owned();
    let error = BackendError::Status { status: 404, message, retry_after: None };
    assert_eq!(heard, Heard { error: Some(error), ..Heard::default() });
}

#[tokio::test]
async fn nonsense_is_malformed_and_not_quoted() {
    for nonsense in ["data: secret words\n\n", "data: {\"choices\":\"secret\"}\n\n", "data: [1\n\n"] {
        let heard = hear_steps(events(&[HELLO, nonsense])).await;
        let Some(BackendError::Malformed(message)) = &heard.error else { panic!("{heard:?}") };
        assert!(!message.contains("secret"), "{message}");
        assert_eq!(heard.text, "Hello");
    }
}

/// Protects the key, which some gateways repeat in their errors, and whoever parses the events: what is none is left out.
#[tokio::test]
async fn events_that_repeat_a_secret_or_are_no_json_are_not_told() {
    let error = "data: {\"error\":{\"message\":\"no such key: sk-secret\"}}\n\n";
    for last in [error, "data: nonsense\n\n", "event: error\ndata: it broke\n\n", "data: [DONE]\n\n"] {
        let server = Server::start(events(&[HELLO, last])).await;
        let config = ProviderConfig { api_key: Some("sk-secret".to_owned()), ..server.config(Kind::OpenAi) };
        let said = raw_deltas(&Provider::new(config).unwrap()).await;
        let told: Vec<_> = said.iter().filter(|delta| matches!(delta, Ok(Delta::Raw(_)))).collect();
        assert_eq!(told, [&Ok(Delta::Raw(HELLO["data: ".len()..].trim().into()))], "{last}");
    }
}

#[tokio::test]
async fn ten_megabytes_in_a_line_are_malformed_long_before_their_end() {
    let mut steps = vec![stream_head(), chunk(HELLO), chunk("data: ")];
    steps.extend(std::iter::repeat_n(chunk("x".repeat(64 * 1024)), 160));
    steps.push(Step::Stall);
    let heard = hear_steps(steps).await;
    assert!(matches!(heard.error, Some(BackendError::Malformed(_))), "{heard:?}");
    assert_eq!(heard.text, "Hello");
}

#[tokio::test]
async fn bytes_that_are_no_utf8_cost_a_character_and_not_the_reply() {
    let bad =
        b"data: {\"choices\":[{\"delta\":{\"content\":\"a\xFF\xC3b\"},\"finish_reason\":\"stop\"}]}\n\n";
    let heard = hear_steps(vec![stream_head(), chunk(bad), Step::End]).await;
    assert_eq!((heard.text.as_str(), heard.end), ("a\u{FFFD}\u{FFFD}b", Some(Finish::Stop)));
}
