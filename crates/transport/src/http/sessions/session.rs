//! A session as it stands in lists.

use parlor_domain::ports::ConversationEntry;
use parlor_domain::{Caller, ConversationId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// A session.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(in crate::http) struct Session {
    session_id: ConversationId,
    /// The caller.
    user_id: UserId,
    /// The beginning of its first message.
    title: String,
    /// When it was made.
    created_at: Timestamp,
    /// When its newest entry was made.
    updated_at: Timestamp,
    /// Whether it was not deleted.
    is_active: bool,
    /// How many messages it has, of both sides.
    message_count: u64,
    /// When it was deleted, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
}

impl Session {
    /// As the caller finds it.
    pub(super) fn of(entry: ConversationEntry, caller: &Caller) -> Self {
        let ConversationEntry { summary, created_at, deleted_at, .. } = entry;
        Self {
            session_id: summary.id,
            user_id: caller.identity.user,
            title: summary.title,
            created_at,
            updated_at: summary.updated_at,
            is_active: deleted_at.is_none(),
            message_count: summary.message_count,
            deleted_at,
        }
    }
}
