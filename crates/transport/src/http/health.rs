//! How the server is, for people and load balancers.

use super::problem::Problem;
use crate::server::State;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use parlor_domain::ErrorCode;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    agent: &'static str,
    version: &'static str,
    checks: Checks,
}

#[derive(Serialize)]
struct Checks {
    database: &'static str,
    /// One node needs none.
    bus: &'static str,
    /// The backends, in the order in which they are asked.
    ai: String,
    /// There are no files to scan yet.
    scanner: &'static str,
}

/// `GET /health`: 200 and `healthy`, or 503 and `unhealthy` where the database does not answer.
pub(crate) async fn health(state: axum::extract::State<Arc<State>>) -> Response {
    let database = state.hub.health().await;
    if let Err(error) = &database {
        tracing::warn!(%error, "the database does not answer");
    }
    let (code, status) = match &database {
        Ok(()) => (StatusCode::OK, "healthy"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
    };
    let checks = Checks {
        database: if database.is_ok() { "ok" } else { "unreachable" },
        bus: "off",
        ai: state.hub.backends().join(", "),
        scanner: "off",
    };
    let body = Health { status, agent: "Parlor", version: env!("CARGO_PKG_VERSION"), checks };
    (code, Json(body)).into_response()
}

/// `GET /health/live`: 200 while the process serves at all.
pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /health/ready`: 200 while new work is welcome, 503 while the server drains or its database is away.
pub(crate) async fn ready(state: axum::extract::State<Arc<State>>) -> Result<StatusCode, Problem> {
    if state.hub.is_draining() {
        return Err(draining());
    }
    match state.hub.health().await {
        Ok(()) => Ok(StatusCode::OK),
        Err(_) => Err(Problem::with_status(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Internal,
            "the database does not answer",
        )),
    }
}

/// What is answered while the server goes away.
pub(super) fn draining() -> Problem {
    Problem::with_status(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::AiUnavailable, "the server is draining")
}
