//! Messages as this dialect writes them, wherever they stand.

use crate::dialect::metadata::{attachments, citations};
use crate::dialect::reactions;
use parlor_domain::message::{Author, KIND_ASSISTANT, KIND_USER, Message, Reply};
use parlor_domain::{Refusal, RoomId};
use parlor_protocol::rooms as wire;
use parlor_protocol::rooms::ASSISTANT;
use std::borrow::Cow;

/// A message of the log.
pub(super) fn message<'a>(message: &'a Message, room: Option<&RoomId>) -> wire::ChatMessage<'a> {
    let user = match message.author {
        Author::User(user) => Some(user),
        Author::Assistant => None,
    };
    wire::ChatMessage {
        role: if user.is_some() { "user" } else { ASSISTANT }.into(),
        content: (&message.content).into(),
        streaming: false,
        conversation_id: message.conversation,
        room_id: room.cloned(),
        message_id: message.id,
        seq: message.seq,
        timestamp: message.created_at,
        user_id: user,
        username: user.map(|_| name(message.author, message.author_name.as_deref())),
        client_message_id: message.client_id.as_deref().map(Cow::Borrowed),
        message_type: Some(&*message.kind)
            .filter(|kind| ![KIND_USER, KIND_ASSISTANT].contains(kind))
            .map(Cow::Borrowed),
        edited_at: message.edited_at,
        deleted: message.deleted_at.is_some(),
        reactions: reactions(message),
        citations: citations(message),
        attachments: attachments(message),
        reply: message.reply.as_ref().map(|reply| figures(reply, message.author_name.as_deref())),
        replayed: false,
    }
}

fn figures<'a>(reply: &'a Reply, assistant: Option<&'a str>) -> wire::ReplyFigures<'a> {
    wire::ReplyFigures {
        done: true,
        in_reply_to: reply.in_reply_to,
        status: reply.status.as_str().into(),
        tokens_used: reply.usage.total_tokens(),
        model_used: reply.model.as_deref().map(Cow::Borrowed),
        cost_usd: reply.cost.map(parlor_domain::message::NanoDollars::as_dollars),
        response_time: std::time::Duration::from_millis(
            u64::try_from(reply.elapsed.as_millis()).unwrap_or(u64::MAX),
        )
        .as_secs_f64(),
        assistant: assistant.map(Cow::Borrowed),
    }
}

/// The message that a change left.
pub(super) fn updated<'a>(changed: &'a Message, room: Option<&RoomId>) -> Box<wire::MessageUpdated<'a>> {
    let (message, seq) = (message(changed, room), changed.changed_seq);
    Box::new(wire::MessageUpdated { message, seq, replayed: false, request_id: None })
}

/// What an author is called: by their id where nobody knows better.
pub(super) fn name(author: Author, name: Option<&str>) -> Cow<'_, str> {
    name.map_or_else(|| author.to_string().into(), Cow::Borrowed)
}

/// A refusal, before its names.
pub(super) fn error(refusal: &Refusal) -> wire::Error<'_> {
    wire::Error {
        error: (&*refusal.message).into(),
        code: refusal.code,
        retry_after: refusal.retry_after,
        message_id: None,
        request_id: None,
        incident: refusal.incident.map(|incident| incident.to_string().into()),
        conversation_id: None,
        room_id: None,
    }
}
