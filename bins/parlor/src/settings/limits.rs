//! How many may come, and how fast they may ask.

use super::{Key, Problem, Values};
use std::time::Duration;

/// Limits on connections, frames and messages; none is no limit.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) connections: Option<usize>,
    pub(crate) unauthenticated: Option<usize>,
    pub(crate) connections_per_user: Option<usize>,
    pub(crate) frames: Option<u32>,
    pub(crate) user_frames: Option<u32>,
    /// In which so many frames may come. Not zero.
    pub(crate) window: Duration,
    /// Messages alone, of one connection.
    pub(crate) chats: Option<u32>,
    /// In which so many messages may come. Not zero.
    pub(crate) chat_window: Duration,
    /// Completions of one user.
    pub(crate) completions: Option<u32>,
    /// In which so many completions may come. Not zero.
    pub(crate) completion_window: Duration,
    /// Messages of one user by the AI API.
    pub(crate) ai_chats: Option<u32>,
    /// In which so many of these may come. Not zero.
    pub(crate) ai_chat_window: Duration,
    /// Embeddings of one user.
    pub(crate) embeddings: Option<u32>,
    /// In which so many embeddings may come. Not zero.
    pub(crate) embedding_window: Duration,
    /// Refused frames in one window that are flooding.
    pub(crate) flooding: Option<u32>,
}

impl Limits {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            connections: values.limit(Key::WebsocketMaxConnections)?,
            unauthenticated: values.limit(Key::WebsocketMaxUnauthenticated)?,
            connections_per_user: values.limit(Key::WsMaxConnectionsPerUser)?,
            frames: values.limit(Key::WsRateLimitRequests)?,
            user_frames: values.limit(Key::WsUserRateLimitRequests)?,
            window: values.above_zero(Key::WsRateLimitWindow)?,
            chats: values.limit(Key::WsChatRateLimitRequests)?,
            chat_window: values.above_zero(Key::WsChatRateLimitWindow)?,
            completions: values.limit(Key::CompletionsRateLimitRequests)?,
            completion_window: values.above_zero(Key::CompletionsRateLimitWindow)?,
            ai_chats: values.limit(Key::AiChatRateLimitRequests)?,
            ai_chat_window: values.above_zero(Key::AiChatRateLimitWindow)?,
            embeddings: values.limit(Key::EmbeddingsRateLimitRequests)?,
            embedding_window: values.above_zero(Key::EmbeddingsRateLimitWindow)?,
            flooding: values.limit(Key::WsFloodingRefusals)?,
        })
    }
}
