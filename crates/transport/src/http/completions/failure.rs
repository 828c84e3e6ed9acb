//! Refusals in the form that clients of this API read.

use crate::http::problem::Problem;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parlor_domain::Refusal;
use parlor_protocol::completions as wire;

/// A refusal with the status of its code.
pub(in crate::http) struct Failure(Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (refusal, status) = self.0.into_parts();
        let retry_after = refusal.retry_after;
        let mut response = (status, axum::Json(body(refusal, status.as_u16()))).into_response();
        // RFC 9110 §11.6.1, as every 401 of ours.
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The body of a refusal, also in the middle of a stream.
pub(super) fn body(refusal: Refusal, status: u16) -> wire::Failure {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let message = match refusal.incident {
        Some(incident) => format!("{} ({incident})", refusal.message),
        None => refusal.message.into_owned(),
    };
    wire::Failure {
        error: wire::FailureDetail { message, kind: kind.to_owned(), param: None, code: refusal.code },
    }
}
