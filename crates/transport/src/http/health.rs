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

/// How many backends are named.
const NAMED: usize = 20;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `healthy`, `degraded` (no AI takes turns, or the virus scanner does not answer) or `unhealthy` (the database does not answer).
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
    /// The backends that take turns, in the order in which they are asked, each name once; `unavailable` where there
    /// are none.
    ai: String,
    /// `ok` or `unreachable`; `off` where files are not scanned.
    scanner: &'static str,
}

/// How the server is, for people.
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    responses(
        (status = OK, description = "Healthy, or degraded", body = Health),
        (status = SERVICE_UNAVAILABLE, description = "Unhealthy: the database does not answer", body = Health),
    )
)]
pub(crate) async fn health(state: axum::extract::State<Arc<State>>) -> Response {
    let database = state.hub.health().await;
    if let Err(error) = &database {
        tracing::warn!(%error, "the database does not answer");
    }
    let (ai, scanner) = (ai(&state), state.hub.scanner_health().await);
    let (code, status) = match &database {
        Ok(()) if ai.is_none() || scanner == Some(false) => (StatusCode::OK, "degraded"),
        Ok(()) => (StatusCode::OK, "healthy"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
    };
    let checks = Checks {
        database: if database.is_ok() { "ok" } else { "unreachable" },
        bus: "off",
        ai: ai.unwrap_or_else(|| "unavailable".to_owned()),
        scanner: match scanner {
            None => "off",
            Some(true) => "ok",
            Some(false) => "unreachable",
        },
    };
    let body = Health { status, agent: "Parlor", version: env!("CARGO_PKG_VERSION"), checks };
    (code, Json(body)).into_response()
}

/// The names of the backends that take turns; none where there are none.
fn ai(state: &State) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for backend in state.hub.backend_states() {
        if backend.takes_turns && names.len() < NAMED && !names.contains(&backend.name) {
            names.push(backend.name);
        }
    }
    (!names.is_empty()).then(|| names.join(", "))
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
pub(crate) fn draining() -> Problem {
    Problem::with_status(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::AiUnavailable, "the server is draining")
}
