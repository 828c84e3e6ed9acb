//! What a client has to know before anybody has signed in.

use crate::server::State;
use axum::Json;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What this server is, and what it lets everybody do.
#[derive(Serialize, ToSchema)]
#[schema(as = PublicConfig)]
pub(super) struct Config {
    agent: &'static str,
    version: &'static str,
    /// Whether people can sign up and in here.
    accounts: bool,
    /// Whether `POST /auth/guest` lets people in who have no account.
    guests: bool,
}

/// What a client has to know before anybody has signed in.
#[utoipa::path(
    get,
    path = "/api/v1/config",
    tag = "operation",
    operation_id = "get_config",
    responses((status = OK, description = "What the server lets everybody do", body = Config))
)]
pub(super) async fn config(state: axum::extract::State<Arc<State>>) -> Json<Config> {
    let hub = &state.hub;
    let (accounts, guests) = (hub.has_accounts(), hub.takes_guests());
    Json(Config { agent: "Parlor", version: env!("CARGO_PKG_VERSION"), accounts, guests })
}
