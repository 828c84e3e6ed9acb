//! Tokens that open sockets alone: what a browser puts into a URL, since it can send no header with a handshake.

use super::auth::Bearer;
use super::problem::Problem;
use crate::server::State;
use axum::Json;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A token for sockets.
#[derive(Serialize, ToSchema)]
pub(super) struct SocketToken {
    /// Stands in `?token=`, in an `Authorization` header, or in an `auth` frame.
    token: String,
    /// For how many seconds from now it is good.
    #[schema(example = 86400)]
    expires_in: u64,
}

/// A token that opens sockets and nothing else.
#[utoipa::path(
    post,
    path = "/api/v1/ws/token",
    tag = "tokens",
    operation_id = "issue_socket_token",
    responses((status = OK, description = "The token", body = SocketToken)),
    security(("token" = []))
)]
pub(super) async fn issue(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
) -> Result<([(HeaderName, &'static str); 1], Json<SocketToken>), Problem> {
    let issued = state.hub.issue_socket_token(&caller).await?;
    let body = SocketToken { token: issued.token, expires_in: issued.expires_in.as_secs() };
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)))
}
