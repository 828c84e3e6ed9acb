//! Figures of the running server, for its operators.

use super::auth::Bearer;
use super::problem::Problem;
use crate::server::State;
use axum::Json;
use parlor_domain::Stats;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How much there is of everything. What is said of connections, users and turns is of this node.
#[derive(Serialize, ToSchema)]
pub(super) struct Figures {
    /// Open sockets, authenticated or not.
    connections: usize,
    /// Users with an authenticated socket.
    users: usize,
    /// Accounts.
    users_total: u64,
    /// Rooms.
    rooms: u64,
    /// Conversations that were not deleted, rooms among them.
    conversations: u64,
    /// Messages in those conversations.
    messages: u64,
    /// Conversations in memory.
    conversations_live: usize,
    /// Replies under way.
    turns: usize,
    /// AI workers that are connected.
    workers: usize,
    /// Replies that wait for a backend.
    queue_turns: usize,
    /// Commands that wait for their conversation.
    queue_commands: usize,
    /// Receipts that wait to be written.
    queue_receipts: usize,
    /// Jobs that wait for a runner, on any node.
    queue_jobs: u64,
    /// Jobs that run on this node.
    jobs: usize,
    /// Jobs that failed and are still kept: `GET /api/v1/admin/jobs` lists them.
    jobs_failed: u64,
    /// Bytes that came over sockets since the start.
    bytes_received: u64,
    /// Bytes that were sent over sockets since the start.
    bytes_sent: u64,
    /// Seconds since the start.
    uptime: u64,
}

/// Figures of the running server. An admin may have them, and the audit log says who had.
#[utoipa::path(
    get,
    path = "/api/v1/ws/stats",
    tag = "operation",
    responses(
        (status = OK, description = "The figures", body = Figures),
        (status = FORBIDDEN, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn stats(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
) -> Result<Json<Figures>, Problem> {
    let Stats { figures, totals, jobs, uptime } = state.hub.stats(&caller).await?;
    let (bytes_received, bytes_sent) = state.traffic.totals();
    Ok(Json(Figures {
        connections: state.sockets.len(),
        users: figures.users,
        users_total: totals.users,
        rooms: totals.rooms,
        conversations: totals.conversations,
        messages: totals.messages,
        conversations_live: figures.conversations,
        turns: figures.turns,
        workers: figures.workers,
        queue_turns: figures.turns_waiting,
        queue_commands: figures.commands_waiting,
        queue_receipts: figures.receipts_waiting,
        queue_jobs: jobs.waiting,
        jobs: figures.jobs_running,
        jobs_failed: jobs.failed,
        bytes_received,
        bytes_sent,
        uptime: uptime.as_secs(),
    }))
}
