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
pub(crate) fn unreachable(error: Error) -> BackendError {
    // The URL may hold a password.
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    BackendError::Unreachable(message(&text, &[]))
}

/// An answer that is not a success.
pub(crate) async fn refusal(response: Response, secrets: &[String]) -> BackendError {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    // What came until then is the best there is.
    let _ = tokio::time::timeout(BODY_TIME, read_body(response, BODY_MAX, &mut body)).await;
    let error: Option<Value> = serde_json::from_slice(&body).ok();
    let retry_after = retry_after.or_else(|| retry_delay(error.as_ref()?));
    let text =
        error.and_then(|error| told(&error)).unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    let text = if text.trim().is_empty() { status.canonical_reason().unwrap_or_default() } else { &text };
    BackendError::Status { status: status.as_u16(), message: message(text, secrets), retry_after }
}

/// An error in the middle of a stream, or under a status of success. The nearest status is the one that it names.
pub(super) fn reported(error: &Value, secrets: &[String]) -> BackendError {
    let text = told(error).unwrap_or_else(|| error.to_string());
    let retry_after = retry_delay(error);
    BackendError::Status { status: status(error), message: message(&text, secrets), retry_after }
}

/// The beginning of the body, at most `max` bytes, as far as it comes: dropping the future keeps what came.
pub(crate) async fn read_body(mut response: Response, max: usize, body: &mut Vec<u8>) {
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes[..bytes.len().min(max - body.len())]);
        if body.len() == max {
            break;
        }
    }
}

/// The message in one of the shapes that are in use: `{"error":{"message"}}`, `{"error"}`, `{"message"}`, `"…"`, and
/// the list of one of these in which Gemini answers.
fn told(error: &Value) -> Option<String> {
    match error {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => {
            ["error", "message", "detail"].iter().find_map(|key| told(fields.get(*key)?))
        }
        Value::Array(errors) => told(errors.first()?),
        _ => None,
    }
}

/// The object that says what went wrong, whatever stands around it.
fn inner(error: &Value) -> &Value {
    let error = error.get(0).unwrap_or(error);
    error.get("error").unwrap_or(error)
}

fn status(error: &Value) -> u16 {
    let inner = inner(error);
    ["status", "code", "type"].iter().find_map(|key| status_of(inner.get(*key)?)).unwrap_or(500)
}

fn status_of(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    if let Some(number) = number {
        return u16::try_from(number).ok().filter(|status| (400..600).contains(status));
    }
    match value.as_str()? {
        "context_length_exceeded" | "invalid_request_error" | "BadRequestError" => Some(400),
        "invalid_api_key" | "authentication_error" => Some(401),
        "billing_error" => Some(402),
        "permission_error" => Some(403),
        "model_not_found" | "not_found_error" => Some(404),
        "request_too_large" => Some(413),
        "rate_limit_exceeded" | "rate_limit_error" | "insufficient_quota" => Some(429),
        "service_unavailable" | "unavailable_error" => Some(503),
        "timeout_error" => Some(504),
        "overloaded_error" => Some(529),
        _ => None,
    }
}

/// `text` on one line, without what is secret, and short.
fn message(text: &str, secrets: &[String]) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        line = line.replace(secret.as_str(), "***");
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

/// How long Gemini asks to wait, which it says in the error itself: `"retryDelay":"36s"` in one of its details.
fn retry_delay(error: &Value) -> Option<Duration> {
    let details = inner(error).get("details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
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
    fn gemini_says_in_the_error_how_long_to_wait() {
        let wait = |delay: &str| {
            let info = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay});
            retry_delay(&json!({"error": {"code": 429, "details": [{"x": 1}, info]}}))
        };
        assert_eq!(wait("36s"), Some(Duration::from_secs(36)));
        assert_eq!(wait("0.5s"), Some(Duration::from_millis(500)));
        assert_eq!([wait("-1s"), wait("soon"), wait("1e300s"), wait("NaNs")], [None; 4]);
        assert_eq!(retry_delay(&json!({"error": "plain"})), None);
    }

    #[test]
    fn an_error_object_has_the_status_that_it_names() {
        let check = |error: Value, expect: u16, text: &str| {
            let BackendError::Status { status, message, .. } = reported(&error, &[]) else { panic!() };
            assert_eq!((status, message.as_str()), (expect, text), "{error}");
        };
        check(json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}), 429, "slow down");
        check(json!({"error": {"message": "gone", "code": 503}}), 503, "gone");
        check(json!({"error": {"message": "gone", "code": "404"}}), 404, "gone");
        check(json!({"error": {"message": "m", "code": null, "type": "overloaded_error"}}), 529, "m");
        check(json!([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}]), 429, "m");
        check(json!({"error": "plain"}), 500, "plain");
        check(json!({"object": "error", "message": "old", "code": 40001}), 500, "old");
        check(json!({"error": {"nothing": "known"}}), 500, r#"{"error":{"nothing":"known"}}"#);
    }

    #[test]
    fn a_message_is_one_short_line_without_the_key() {
        assert_eq!(message("bad\n  key sk-12 \t!", &["sk-12".to_owned()]), "bad key *** !");
        assert_eq!(message("x", &[String::new()]), "x");
        assert_eq!(message(&"ä".repeat(300), &[]).len(), 500);
        assert_eq!(message(&format!("x{}", "ä".repeat(300)), &[]).len(), 499);
    }
}
