//! Errors over HTTP: `application/problem+json` (RFC 9457) with our code added.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parlor_domain::{ErrorCode, Refusal};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::{ToResponse, ToSchema};

/// A refusal as an HTTP response.
pub(crate) struct Problem {
    refusal: Refusal,
    status: StatusCode,
}

/// A refusal (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Body<'a> {
    /// Always `about:blank`: the code says more.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// For a person.
    detail: &'a str,
    code: ErrorCode,
    /// Whole seconds after which the same may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// With `INTERNAL`: names the entry in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
}

/// A refusal, as the document of the routes has it.
#[derive(ToResponse)]
#[response(description = "It was refused", content_type = "application/problem+json")]
#[expect(dead_code, reason = "only described")]
pub(super) struct Refused(Body<'static>);

impl Problem {
    /// What it is made of.
    pub(crate) fn into_parts(self) -> (Refusal, StatusCode) {
        (self.refusal, self.status)
    }

    /// A problem with a status of its own.
    pub(crate) fn with_status(
        status: StatusCode,
        code: ErrorCode,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
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
        // RFC 9110 §11.6.1: a 401 says what would be accepted.
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
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
