//! Answers that are no streams: how they become a [`BackendError`].

use parlor_domain::ports::BackendError;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Error, Response};
use serde_json::Value;
use std::time::Duration;

/// How much of a body is read, in bytes, and how long that may take.
const BODY_MAX: usize = 64 * 1024;
const BODY_TIME: Duration = Duration::from_secs(5);
/// How much of it is told, in bytes.
const MESSAGE_MAX: usize = 500;

/// A failure to connect, to send or to read.
pub(super) fn unreachable(error: Error) -> BackendError {
    // The URL may hold a password.
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    BackendError::Unreachable(message(&text, None))
}

/// An answer that is not a success.
pub(super) async fn refusal(response: Response, key: Option<&str>) -> BackendError {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    // What came until then is the best there is.
    let _ = tokio::time::timeout(BODY_TIME, read_body(response, BODY_MAX, &mut body)).await;
    let text = serde_json::from_slice(&body)
        .ok()
        .and_then(|body: Value| told(&body))
        .unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    let text = if text.trim().is_empty() { status.canonical_reason().unwrap_or_default() } else { &text };
    BackendError::Status { status: status.as_u16(), message: message(text, key), retry_after }
}

/// An error in the middle of a stream, or under a status of success. The nearest status is the one that it names.
pub(super) fn reported(error: &Value, key: Option<&str>) -> BackendError {
    let text = told(error).unwrap_or_else(|| error.to_string());
    BackendError::Status { status: status(error), message: message(&text, key), retry_after: None }
}

/// The beginning of the body, at most `max` bytes, as far as it comes: dropping the future keeps what came.
pub(super) async fn read_body(mut response: Response, max: usize, body: &mut Vec<u8>) {
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes[..bytes.len().min(max - body.len())]);
        if body.len() == max {
            break;
        }
    }
}

/// The message in one of the shapes that are in use: `{"error":{"message"}}`, `{"error"}`, `{"message"}`, `"…"`.
fn told(error: &Value) -> Option<String> {
    match error {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => {
            ["error", "message", "detail"].iter().find_map(|key| told(fields.get(*key)?))
        }
        _ => None,
    }
}

fn status(error: &Value) -> u16 {
    let inner = error.get("error").unwrap_or(error);
    ["status", "code", "type"].iter().find_map(|key| status_of(inner.get(*key)?)).unwrap_or(500)
}

fn status_of(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    if let Some(number) = number {
        return u16::try_from(number).ok().filter(|status| (400..600).contains(status));
    }
    match value.as_str()? {
        "rate_limit_exceeded" | "rate_limit_error" | "insufficient_quota" => Some(429),
        "invalid_api_key" | "authentication_error" => Some(401),
        "permission_error" => Some(403),
        "model_not_found" | "not_found_error" => Some(404),
        "context_length_exceeded" | "invalid_request_error" | "BadRequestError" => Some(400),
        "overloaded_error" | "service_unavailable" | "unavailable_error" => Some(503),
        _ => None,
    }
}

/// `text` on one line, without the key, and short.
fn message(text: &str, key: Option<&str>) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        line = line.replace(key, "***");
    }
    line.truncate(line.floor_char_boundary(MESSAGE_MAX));
    line
}

/// How long to wait: in seconds or until a date (RFC 9110 §10.2.3), or in the milliseconds that some servers add.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(millis) = text(HeaderName::from_static("retry-after-ms")).and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let wait = text(RETRY_AFTER)?;
    if let Ok(seconds) = wait.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // The server's own clock where it tells: it need not agree with ours.
    let now = text(DATE).and_then(http_date).unwrap_or_else(jiff::Timestamp::now);
    Some(http_date(wait)?.duration_since(now).try_into().unwrap_or_default())
}

fn http_date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    fn wait(headers: &[(&'static str, &str)]) -> Option<Duration> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        retry_after(&headers)
    }

    #[test]
    fn retry_after_is_seconds_a_date_or_milliseconds() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let later = "Sun, 06 Nov 1994 08:50:00 GMT";
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after", later), ("date", date)]), Some(Duration::from_secs(23)));
        assert_eq!(wait(&[("retry-after", date), ("date", later)]), Some(Duration::ZERO), "in the past");
        assert_eq!(wait(&[("retry-after", date)]), Some(Duration::ZERO), "by our clock");
        assert_eq!(
            wait(&[("retry-after-ms", "1500"), ("retry-after", "2")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "-1")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn an_error_object_has_the_status_that_it_names() {
        let check = |error: Value, expect: u16, text: &str| {
            let BackendError::Status { status, message, .. } = reported(&error, None) else { panic!() };
            assert_eq!((status, message.as_str()), (expect, text), "{error}");
        };
        check(json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}), 429, "slow down");
        check(json!({"error": {"message": "gone", "code": 503}}), 503, "gone");
        check(json!({"error": {"message": "gone", "code": "404"}}), 404, "gone");
        check(json!({"error": {"message": "m", "code": null, "type": "overloaded_error"}}), 503, "m");
        check(json!({"error": "plain"}), 500, "plain");
        check(json!({"object": "error", "message": "old", "code": 40001}), 500, "old");
        check(json!({"error": {"nothing": "known"}}), 500, r#"{"error":{"nothing":"known"}}"#);
    }

    #[test]
    fn a_message_is_one_short_line_without_the_key() {
        assert_eq!(message("bad\n  key sk-12 \t!", Some("sk-12")), "bad key *** !");
        assert_eq!(message("x", Some("")), "x");
        assert_eq!(message(&"ä".repeat(300), None).len(), 500);
        assert_eq!(message(&format!("x{}", "ä".repeat(300)), None).len(), 499);
    }
}
