//! What an admin sees of a running server as it goes.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The figures of one node as they are now. All of it is in memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LiveFigures<'a> {
    /// Open sockets, authenticated or not.
    pub connections: usize,
    /// Users with an authenticated socket.
    pub users: usize,
    /// Conversations in memory.
    pub conversations_live: usize,
    /// Replies under way.
    pub turns: usize,
    /// Replies that wait for a backend.
    pub queue_turns: usize,
    /// Commands that wait for their conversation.
    pub queue_commands: usize,
    /// Messages that entered the log here since the start.
    pub messages: u64,
    /// Bytes that came over sockets since the start.
    pub bytes_received: u64,
    /// Bytes that were sent over sockets since the start.
    pub bytes_sent: u64,
    /// Seconds since the start.
    pub uptime: f64,
    /// Who answers, in the order in which they are asked.
    pub backends: Vec<LiveBackend<'a>>,
}

/// Somebody who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LiveBackend<'a> {
    /// Its name in the settings, or what a worker calls itself.
    pub name: Cow<'a, str>,
    /// `worker` or `provider`.
    pub kind: Cow<'a, str>,
    /// Replies that it makes now.
    pub turns: u32,
    /// False: its breaker is open since it failed too often, it wants to be left alone, or it is on its way out.
    pub takes_turns: bool,
}

/// Data of `live`: the answer to `subscribe_live`, and what follows it every 2 seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Live))]
pub struct Live<'a> {
    /// The figures.
    #[serde(flatten)]
    pub figures: LiveFigures<'a>,
    /// In the answer: the `request_id` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}
