//! From answers to frames.

use crate::dialect::metadata::citations;
use parlor_domain::message::{Message, Reply as AiReply};
use parlor_domain::{ErrorCode, Refusal, Reply, ReplyBody, UserId};
use parlor_protocol::Json;
use parlor_protocol::sessions as wire;
use parlor_protocol::sessions::ServerFrame;
use std::borrow::Cow;

/// An answer's frame; none for what only another dialect asks.
pub(super) fn frame(reply: &Reply) -> Option<ServerFrame<'_>> {
    Some(match &reply.body {
        ReplyBody::Answered { message, user, kind, refusal } => {
            answered(reply, message, *user, kind, refusal.as_ref())
        }
        ReplyBody::Heads(_) => ServerFrame::Pong(wire::Pong { request_id: request_id(reply) }),
        ReplyBody::Refused { refusal, conversation } => {
            ServerFrame::Error(wire::Error { session_id: *conversation, ..error(reply, refusal) })
        }
        ReplyBody::Joined { .. }
        | ReplyBody::Left { .. }
        | ReplyBody::RoomJoined(_)
        | ReplyBody::RoomLeft { .. }
        | ReplyBody::RoomDeleted { .. }
        | ReplyBody::Member { .. }
        | ReplyBody::Upload(_)
        | ReplyBody::Changed { .. }
        | ReplyBody::Sent { .. }
        | ReplyBody::Stopped { .. }
        | ReplyBody::History { .. }
        | ReplyBody::Missed { .. }
        | ReplyBody::Replayed { .. }
        | ReplyBody::Synced { .. }
        | ReplyBody::Resumed { .. }
        | ReplyBody::NothingToStop => return None,
    })
}

fn request_id(reply: &Reply) -> Option<Cow<'_, str>> {
    reply.correlation.request_id.as_deref().map(Cow::Borrowed)
}

fn client_id(reply: &Reply) -> Option<Cow<'_, str>> {
    reply.correlation.client_id.as_deref().map(Cow::Borrowed)
}

static UNAVAILABLE: Refusal = Refusal::of(ErrorCode::AiUnavailable);
static UNEXPECTED: Refusal = Refusal::of(ErrorCode::Internal);

/// The reply, or why there is none: one that was cut off before its first word is none either.
fn answered<'a>(
    to: &'a Reply,
    message: &'a Message,
    user: UserId,
    kind: &'a str,
    refusal: Option<&'a Refusal>,
) -> ServerFrame<'a> {
    let Some(reply) = &message.reply else {
        // `Answered` holds what a turn became by its contract.
        return ServerFrame::Error(error(to, &UNEXPECTED));
    };
    if !message.is_answer() {
        return ServerFrame::Error(wire::Error {
            session_id: Some(message.conversation),
            message_id: Some(message.id),
            in_reply_to: Some(reply.in_reply_to),
            ..error(to, refusal.unwrap_or(&UNAVAILABLE))
        });
    }
    ServerFrame::Message(Box::new(wire::Message {
        message: (&message.content).into(),
        session_id: message.conversation,
        user_id: user,
        timestamp: message.created_at,
        message_type: kind.into(),
        data: data(message, reply),
        client_message_id: client_id(to),
        request_id: request_id(to),
    }))
}

fn data<'a>(message: &'a Message, reply: &'a AiReply) -> wire::Data<'a> {
    let attached = message.attached.as_deref();
    let raw_events =
        attached.map(|it| it.raw_events.iter().map(|it| Json::new(&**it)).collect()).unwrap_or_default();
    let usage = reply.usage;
    wire::Data {
        raw_events,
        response_time_ms: u64::try_from(reply.elapsed.as_millis()).unwrap_or(u64::MAX),
        status: reply.status.as_str().into(),
        message_id: message.id,
        in_reply_to: reply.in_reply_to,
        model: reply.model.as_deref().map(Cow::Borrowed),
        assistant: message.author_name.as_deref().map(Cow::Borrowed),
        usage: wire::Usage {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.total_tokens(),
        },
        raw_events_omitted: attached.map(|it| it.raw_omitted).filter(|omitted| *omitted > 0),
        citations: citations(message),
    }
}

/// A refusal with the request's names.
fn error<'a>(reply: &'a Reply, refusal: &'a Refusal) -> wire::Error<'a> {
    wire::Error {
        code: refusal.code,
        message: (&*refusal.message).into(),
        retry_after: refusal.retry_after,
        incident: refusal.incident.map(|incident| incident.to_string().into()),
        session_id: None,
        message_id: None,
        in_reply_to: None,
        client_message_id: client_id(reply),
        request_id: request_id(reply),
    }
}
