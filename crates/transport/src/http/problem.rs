//! Errors over HTTP: `application/problem+json` (RFC 9457) with our code added.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parlor_domain::{ErrorCode, Refusal};
use serde::Serialize;

/// A refusal as an HTTP response.
pub(crate) struct Problem {
    refusal: Refusal,
    status: StatusCode,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
}

impl Problem {
    /// A problem with a status of its own.
    pub(crate) fn with_status(status: StatusCode, code: ErrorCode, detail: &'static str) -> Self {
        Self { refusal: Refusal::new(code, detail), status }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status =
            StatusCode::from_u16(refusal.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { refusal, status }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.refusal.message,
            code: self.refusal.code,
            retry_after: self.refusal.retry_after,
            incident: self.refusal.incident.map(|incident| incident.to_string()),
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.refusal.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer where there is no route.
pub(crate) async fn not_found() -> Problem {
    Refusal::of(ErrorCode::NotFound).into()
}
