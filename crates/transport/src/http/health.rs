//! How the server is, for people and load balancers.

use super::problem::Problem;
use crate::server::State;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use parlor_domain::ErrorCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `healthy` or `unhealthy`.
    status: &'static str,
    agent: &'static str,
    version: &'static str,
    checks: Checks,
}

/// How the parts are that the server needs.
#[derive(Serialize, ToSchema)]
pub(super) struct Checks {
    /// `ok` or `unreachable`.
    database: &'static str,
    /// One node needs none.
    bus: &'static str,
    /// The backends, in the order in which they are asked.
    ai: String,
    /// There are no files to scan yet.
    scanner: &'static str,
}

/// How the server is, for people.
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    responses(
        (status = OK, description = "Healthy", body = Health),
        (status = SERVICE_UNAVAILABLE, description = "Unhealthy: the database does not answer", body = Health),
    )
)]
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

/// Whether the process serves at all.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "health",
    responses((status = OK, description = "It does"))
)]
pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

/// Whether new work is welcome, for load balancers.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    responses(
        (status = OK, description = "It is"),
        (
            status = SERVICE_UNAVAILABLE,
            description = "The server drains, or its database is away",
            body = super::problem::Body,
            content_type = "application/problem+json"
        ),
    )
)]
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
