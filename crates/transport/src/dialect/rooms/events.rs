//! From what is pushed to frames.

use super::files;
use super::messages::{error, message, name, updated};
use crate::dialect::jobs;
use crate::frame::Frames;
use parlor_domain::message::{Author, Message, Seq};
use parlor_domain::ports::ToolCall;
use parlor_domain::room::MemberRole;
use parlor_domain::{
    ConversationId, EventBody, MessageId, Presence, Refusal, RoomId, Timestamp, TurnPart, TurnRef, UserId,
};
use parlor_protocol::rooms as wire;
use parlor_protocol::rooms::{ASSISTANT, Chat, ServerBody, ServerFrame};
use std::borrow::Cow;

/// Writes the frames of an event that happened in `room`.
pub(super) fn write(body: &EventBody, room: Option<&RoomId>, frames: &mut Frames) {
    let mut write = |body| write_one(body, room, frames);
    match body {
        // A member gets a room's messages on all connections alike.
        EventBody::Message(stored) | EventBody::MessageElsewhere(stored) => {
            write(ServerBody::Chat(Chat::Message(Box::new(message(stored, room)))));
        }
        EventBody::Changed(changed) => write(ServerBody::MessageUpdated(updated(changed, room))),
        EventBody::Deleted(summary) => write(ServerBody::RoomDeleted(wire::RoomNamed {
            room_id: room.cloned(),
            conversation_id: summary.id,
            request_id: None,
        })),
        EventBody::Members { conversation, user, role, by } => {
            write(members(*conversation, room, *user, *role, *by));
        }
        EventBody::File(file) => {
            let body = files::available(file);
            write(ServerBody::FileUpload(wire::FileUpload { body, request_id: None }));
        }
        EventBody::Presence { conversation, changes } => {
            presence(*conversation, room, changes).into_iter().for_each(write);
        }
        EventBody::Typing { conversation, who, name: called, is_typing } => {
            write(ServerBody::Typing(wire::Typing {
                user_id: who.to_string().into(),
                username: name(*who, called.as_deref()),
                is_typing: *is_typing,
                conversation_id: *conversation,
                room_id: room.cloned(),
                message_id: None,
                in_reply_to: None,
            }));
        }
        EventBody::Read { message, reader, seq, at } => write(read(message, room, *reader, *seq, *at)),
        EventBody::ReadElsewhere { conversation, seq } => write(ServerBody::Read(wire::ReadElsewhere {
            conversation_id: *conversation,
            room_id: room.cloned(),
            seq: *seq,
        })),
        EventBody::TurnStarted(turn) => write(assistant_types(turn, room, true)),
        EventBody::TurnDelta { turn, part: TurnPart::Text, offset, text, at } => {
            write(chunk(turn, room, *offset, text, *at));
        }
        EventBody::TurnDelta { turn, part: TurnPart::Reasoning, offset, text, .. } => {
            write(reasoning(turn, room, *offset, text));
        }
        EventBody::TurnToolCall { turn, call } => write(tool_call(turn, room, call)),
        EventBody::TurnRestarted { turn, attempt } => {
            write(ServerBody::StreamRestart(wire::StreamRestart {
                message_id: turn.id,
                attempt: *attempt,
                conversation_id: turn.conversation,
                room_id: room.cloned(),
            }));
        }
        EventBody::TurnEnded { message, refusal } => turn_ended(message, room, refusal.as_ref(), &mut write),
        EventBody::Job(news) => write(ServerBody::Job(Box::new(jobs::update(news)))),
        // Every entry is told to all of a member's connections: a summary would say it twice.
        EventBody::Updated(_) => {}
    }
}

fn write_one(body: ServerBody<'_>, room: Option<&RoomId>, frames: &mut Frames) {
    frames.json(&ServerFrame { body, room_id: room.cloned(), message_id: None, request_id: None });
}

fn members(
    conversation_id: ConversationId,
    room: Option<&RoomId>,
    user_id: UserId,
    role: Option<MemberRole>,
    by: UserId,
) -> ServerBody<'static> {
    let word = role.map(|role| role.as_str().into());
    let event = wire::MemberEvent { room_id: room.cloned(), conversation_id, user_id, role: word, by };
    if role.is_some() { ServerBody::MemberAdded(event) } else { ServerBody::MemberRemoved(event) }
}

fn presence<'a>(
    conversation_id: ConversationId,
    room: Option<&RoomId>,
    changes: &'a [Presence],
) -> Option<ServerBody<'a>> {
    let mut changes: Vec<_> = changes.iter().map(presence_change).collect();
    let first = changes.first()?.clone();
    if changes.len() == 1 {
        changes.clear();
    }
    Some(ServerBody::Presence(wire::Presence { room_id: room.cloned(), conversation_id, first, changes }))
}

fn presence_change(change: &Presence) -> wire::PresenceChange<'_> {
    wire::PresenceChange {
        user_id: change.user,
        username: (&*change.name).into(),
        status: if change.online { "online" } else { "offline" }.into(),
    }
}

fn read<'a>(
    message: &'a Message,
    room: Option<&RoomId>,
    reader: UserId,
    seq: Seq,
    at: Timestamp,
) -> ServerBody<'a> {
    let theirs = message.client_id.as_deref().map(Cow::Borrowed);
    ServerBody::DeliveryConfirmation(wire::DeliveryConfirmation {
        message_id: theirs.unwrap_or_else(|| message.id.to_string().into()),
        status: "read".into(),
        timestamp: at,
        server_message_id: message.id,
        seq,
        conversation_id: message.conversation,
        room_id: room.cloned(),
        user_id: Some(reader),
        duplicate: false,
        request_id: None,
    })
}

fn assistant_types(turn: &TurnRef, room: Option<&RoomId>, is_typing: bool) -> ServerBody<'static> {
    ServerBody::Typing(wire::Typing {
        user_id: ASSISTANT.into(),
        username: name(Author::Assistant, None),
        is_typing,
        conversation_id: turn.conversation,
        room_id: room.cloned(),
        message_id: Some(turn.id),
        in_reply_to: Some(turn.in_reply_to),
    })
}

fn chunk<'a>(
    turn: &TurnRef,
    room: Option<&RoomId>,
    offset: u64,
    text: &'a str,
    at: Timestamp,
) -> ServerBody<'a> {
    ServerBody::Chat(Chat::Chunk(wire::ChatChunk {
        role: ASSISTANT.into(),
        content: text.into(),
        streaming: true,
        conversation_id: turn.conversation,
        room_id: room.cloned(),
        timestamp: at,
        message_id: turn.id,
        offset,
    }))
}

fn reasoning<'a>(turn: &TurnRef, room: Option<&RoomId>, offset: u64, text: &'a str) -> ServerBody<'a> {
    ServerBody::Reasoning(wire::Reasoning {
        message_id: turn.id,
        content: text.into(),
        offset,
        conversation_id: turn.conversation,
        room_id: room.cloned(),
    })
}

fn tool_call<'a>(turn: &TurnRef, room: Option<&RoomId>, call: &'a ToolCall) -> ServerBody<'a> {
    ServerBody::ToolCall(wire::ToolCall {
        message_id: turn.id,
        index: call.index,
        id: call.id.as_deref().map(Cow::Borrowed),
        name: call.name.as_deref().map(Cow::Borrowed),
        arguments: (&call.arguments).into(),
        conversation_id: turn.conversation,
        room_id: room.cloned(),
    })
}

/// The end of a turn: why it failed, then the message that it became, without the text that was streamed.
fn turn_ended<'a>(
    ended: &'a Message,
    room: Option<&RoomId>,
    refusal: Option<&'a Refusal>,
    write: &mut impl FnMut(ServerBody<'a>),
) {
    let Some(reply) = &ended.reply else { return };
    let turn = TurnRef { id: ended.id, conversation: ended.conversation, in_reply_to: reply.in_reply_to };
    write(assistant_types(&turn, room, false));
    if let Some(refusal) = refusal {
        write(ServerBody::Error(failure(refusal, ended.conversation, room, ended.id)));
    }
    let whole = message(ended, room);
    write(ServerBody::Chat(Chat::Message(Box::new(wire::ChatMessage { content: "".into(), ..whole }))));
}

fn failure<'a>(
    refusal: &'a Refusal,
    conversation: ConversationId,
    room: Option<&RoomId>,
    turn: MessageId,
) -> wire::Error<'a> {
    wire::Error {
        conversation_id: Some(conversation),
        room_id: room.cloned(),
        message_id: Some(turn.to_string().into()),
        ..error(refusal)
    }
}
