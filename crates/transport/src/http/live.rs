//! The running server as it goes, for its operators' page.

use super::auth::Bearer;
use super::problem::Problem;
use crate::server::State;
use axum::Json;
use parlor_domain::{BackendState, Live};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A look at this node. All of it is in memory: to be asked for every few seconds.
#[derive(Serialize, ToSchema)]
#[schema(as = LiveFigures)]
pub(super) struct Look {
    /// Open sockets, authenticated or not.
    connections: usize,
    /// Users with an authenticated socket.
    users: usize,
    /// Conversations in memory.
    conversations_live: usize,
    /// Replies under way.
    turns: usize,
    /// Replies that wait for a backend.
    queue_turns: usize,
    /// Commands that wait for their conversation.
    queue_commands: usize,
    /// Messages that entered the log here since the start.
    messages: u64,
    /// Bytes that came over sockets since the start.
    bytes_received: u64,
    /// Bytes that were sent over sockets since the start.
    bytes_sent: u64,
    /// Seconds since the start.
    uptime: f64,
    /// Who answers, in the order in which they are asked.
    backends: Vec<Backend>,
}

/// Somebody who answers.
#[derive(Serialize, ToSchema)]
struct Backend {
    name: String,
    /// `worker` or `provider`.
    kind: &'static str,
    /// Replies that it makes now.
    turns: u32,
    /// False: its breaker is open since it failed too often, it wants to be left alone, or it is on its way out.
    takes_turns: bool,
}

impl From<BackendState> for Backend {
    fn from(BackendState { name, is_worker, turns, takes_turns }: BackendState) -> Self {
        Self { name, kind: if is_worker { "worker" } else { "provider" }, turns, takes_turns }
    }
}

/// Figures of this node and its backends as they are now. An admin may have them.
///
/// Who watches is written into the audit log once an hour.
#[utoipa::path(
    get,
    path = "/api/v1/admin/live",
    tag = "operation",
    operation_id = "get_live",
    responses(
        (status = OK, description = "The figures", body = Look),
        (status = FORBIDDEN, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn live(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
) -> Result<Json<Look>, Problem> {
    let Live { figures, messages, backends, uptime } = state.hub.live(&caller).await?;
    let (bytes_received, bytes_sent) = state.traffic.totals();
    Ok(Json(Look {
        connections: state.sockets.len(),
        users: figures.users,
        conversations_live: figures.conversations,
        turns: figures.turns,
        queue_turns: figures.turns_waiting,
        queue_commands: figures.commands_waiting,
        messages,
        bytes_received,
        bytes_sent,
        uptime: uptime.as_secs_f64(),
        backends: backends.into_iter().map(Backend::from).collect(),
    }))
}
