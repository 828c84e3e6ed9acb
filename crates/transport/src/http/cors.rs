//! Which web pages of other origins may call the HTTP routes (the Fetch standard, CORS protocol).

use axum::http::{HeaderValue, Method, header};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// For how long a browser may remember the answer to a preflight.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Answers preflights and marks answers, for pages of `origins`; `*` among them is every one. Tokens stand in a header
/// and never in cookies, so credentials are not allowed.
pub(super) fn layer(origins: &[String]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(allowed(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::CONTENT_DISPOSITION, header::RETRY_AFTER])
        .max_age(REMEMBERED)
}

fn allowed(origins: &[String]) -> AllowOrigin {
    if origins.iter().any(|origin| origin == "*") {
        return AllowOrigin::any();
    }
    AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
}
