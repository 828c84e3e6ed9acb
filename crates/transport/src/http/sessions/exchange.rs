//! A message with the answer to it.

use super::context::Context;
use crate::dialect::metadata;
use parlor_domain::message::Reply;
use parlor_domain::{MessageId, Timestamp, ports};
use parlor_protocol::metadata::{Attachment, Citation};
use serde::Serialize;
use utoipa::ToSchema;

/// A message and its newest reply.
#[derive(Serialize, ToSchema)]
pub(super) struct Exchange {
    message_id: MessageId,
    /// What was asked.
    message: String,
    /// What was answered; null where nothing was yet.
    #[schema(required)]
    response: Option<String>,
    message_type: String,
    /// What the client said of its request, `user_profile` and `raw_events`.
    #[schema(value_type = Object)]
    context: Context,
    created_at: Timestamp,
    /// From the turn's beginning to its end, in milliseconds; null where nothing was answered yet.
    #[schema(required)]
    response_time_ms: Option<u64>,
    /// How the turn ended: `complete`, `stopped`, `failed` or `interrupted`; null where it has not.
    #[schema(required)]
    status: Option<&'static str>,
    /// The reply's own id; null where there is none yet.
    #[schema(required)]
    response_id: Option<MessageId>,
    /// The passages of documents that the reply was made with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Citation<'static>>,
    /// The files that the message carries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'static>>,
    /// True where the message was deleted: it has no text any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

/// In milliseconds.
pub(super) fn response_time(reply: &Reply) -> u64 {
    u64::try_from(reply.elapsed.as_millis()).unwrap_or(u64::MAX)
}

impl From<ports::Exchange> for Exchange {
    fn from(ports::Exchange { message, reply }: ports::Exchange) -> Self {
        let made = reply.as_ref().and_then(|it| it.reply.as_ref());
        let (response_time_ms, status) = (made.map(response_time), made.map(|it| it.status.as_str()));
        let citations = reply.as_ref().map(metadata::owned_citations).unwrap_or_default();
        let attachments = metadata::owned_attachments(&message);
        let (response_id, response, replied) = match reply {
            Some(reply) => (Some(reply.id), Some(reply.content), reply.attached),
            None => (None, None, None),
        };
        let asked = Some(message.attached.unwrap_or_default());
        Self {
            message_id: message.id,
            message: message.content,
            response,
            message_type: message.kind,
            context: Context { asked, replied: Some(replied.unwrap_or_default()) },
            created_at: message.created_at,
            response_time_ms,
            status,
            response_id,
            citations,
            attachments,
            deleted: message.deleted_at.is_some(),
        }
    }
}
