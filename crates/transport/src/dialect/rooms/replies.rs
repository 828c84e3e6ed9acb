//! From answers to frames.

use super::files;
use super::messages::{error, message, updated};
use parlor_domain::message::Message;
use parlor_domain::{ConversationId, Correlation, ErrorCode, EventBody, Refusal, Reply, ReplyBody, RoomId};
use parlor_protocol::rooms as wire;
use parlor_protocol::rooms::{Chat, ServerBody, ServerFrame};
use std::borrow::Cow;

/// An answer's frame; none for what only another dialect asks.
pub(super) fn frame(reply: &Reply) -> Option<ServerFrame<'_>> {
    let Correlation { request_id, client_id, outside } = &reply.correlation;
    let request_id = request_id.as_deref().filter(|_| *outside).map(Cow::Borrowed);
    Some(ServerFrame {
        body: body(reply)?,
        room_id: reply.room.clone(),
        message_id: client_id.as_deref().map(Cow::Borrowed),
        request_id,
    })
}

fn body(reply: &Reply) -> Option<ServerBody<'_>> {
    let (room, request_id) = (reply.room.as_ref(), request_id(reply));
    let room_id = room.cloned();
    Some(match &reply.body {
        ReplyBody::RoomJoined(joined) => ServerBody::JoinRoom(Box::new(room_joined(joined, request_id))),
        ReplyBody::RoomLeft { conversation } => {
            ServerBody::LeaveRoom(wire::RoomNamed { room_id, conversation_id: *conversation, request_id })
        }
        ReplyBody::RoomDeleted { conversation } => {
            ServerBody::RoomDeleted(wire::RoomNamed { room_id, conversation_id: *conversation, request_id })
        }
        ReplyBody::Member { conversation, user, role } => {
            let word = role.map(|role| role.as_str().into());
            let data = wire::MemberChanged {
                room_id,
                conversation_id: *conversation,
                user_id: *user,
                role: word,
                request_id,
            };
            if role.is_some() { ServerBody::AddMember(data) } else { ServerBody::RemoveMember(data) }
        }
        ReplyBody::Sent { event, duplicate } => sent(reply, event.body(), *duplicate),
        ReplyBody::Changed { event, .. } => changed(reply, event.body()),
        ReplyBody::Stopped { conversation, turn, status } => ServerBody::Stopped(wire::Stopped {
            conversation_id: *conversation,
            room_id,
            message_id: *turn,
            status: status.map(|status| status.as_str().into()),
            request_id,
        }),
        ReplyBody::History { conversation, messages, has_more } => ServerBody::History(wire::HistoryPage {
            conversation_id: *conversation,
            room_id,
            messages: messages.iter().map(|stored| message(stored, room)).collect(),
            has_more: *has_more,
            request_id,
        }),
        ReplyBody::Missed { message, is_change } => entry(message, *is_change, room, false),
        ReplyBody::Replayed { message, is_change } => entry(message, *is_change, room, true),
        ReplyBody::Synced { incomplete } => ServerBody::System(synced(incomplete)),
        ReplyBody::Resumed { conversation, from_seq, last_seq, recovered, epoch } => {
            ServerBody::Resumed(wire::Resumed {
                conversation_id: *conversation,
                room_id,
                from_seq: *from_seq,
                last_seq: *last_seq,
                recovered: *recovered,
                epoch: (&**epoch).into(),
                request_id,
            })
        }
        ReplyBody::Upload(upload) => {
            ServerBody::FileUpload(wire::FileUpload { body: files::told(upload), request_id })
        }
        ReplyBody::Heads(heads) => {
            ServerBody::Pong(wire::Pong { heads: heads.iter().copied().collect(), request_id })
        }
        ReplyBody::Refused { refusal, conversation } => refused(reply, refusal, *conversation),
        ReplyBody::Joined { .. }
        | ReplyBody::Left { .. }
        | ReplyBody::Answered { .. }
        | ReplyBody::NothingToStop => return None,
    })
}

fn request_id(reply: &Reply) -> Option<Cow<'_, str>> {
    reply.correlation.request_id.as_deref().map(Cow::Borrowed)
}

fn client_id(reply: &Reply) -> Option<Cow<'_, str>> {
    reply.correlation.client_id.as_deref().map(Cow::Borrowed)
}

fn room_joined<'a>(
    joined: &'a parlor_domain::RoomJoined,
    request_id: Option<Cow<'a, str>>,
) -> wire::RoomJoined<'a> {
    wire::RoomJoined {
        room_id: joined.room.id.clone(),
        room_name: (&joined.title).into(),
        room_type: joined.room.kind.as_str().into(),
        participants: joined.participants.clone(),
        joined_at: joined.joined_at,
        last_seq: joined.last_seq,
        role: joined.role.as_str().into(),
        ai_mode: joined.room.ai_mode().as_str().into(),
        conversation_id: joined.conversation,
        participant_count: joined.participant_count,
        online: joined.online.clone(),
        request_id,
    }
}

static UNEXPECTED: Refusal = Refusal::of(ErrorCode::Internal);

/// The confirmation of a message, by the sender's own name for it.
fn sent<'a>(reply: &'a Reply, body: &'a EventBody, duplicate: bool) -> ServerBody<'a> {
    let EventBody::Message(stored) = body else {
        // `Sent` holds the message's event by its contract.
        return ServerBody::Error(error(&UNEXPECTED));
    };
    ServerBody::DeliveryConfirmation(wire::DeliveryConfirmation {
        message_id: client_id(reply).unwrap_or_else(|| stored.id.to_string().into()),
        status: "delivered".into(),
        timestamp: stored.created_at,
        server_message_id: stored.id,
        seq: stored.seq,
        conversation_id: stored.conversation,
        room_id: reply.room.clone(),
        user_id: None,
        duplicate,
        request_id: request_id(reply),
    })
}

fn changed<'a>(reply: &'a Reply, body: &'a EventBody) -> ServerBody<'a> {
    let EventBody::Changed(message) = body else {
        // `Changed` holds the change's event by its contract.
        return ServerBody::Error(error(&UNEXPECTED));
    };
    let mut updated = updated(message, reply.room.as_ref());
    updated.request_id = request_id(reply);
    ServerBody::MessageUpdated(updated)
}

/// An entry that this client, or every client of its user, missed.
fn entry<'a>(stored: &'a Message, is_change: bool, room: Option<&RoomId>, replayed: bool) -> ServerBody<'a> {
    if is_change {
        let mut updated = updated(stored, room);
        updated.replayed = replayed;
        return ServerBody::MessageUpdated(updated);
    }
    let mut message = message(stored, room);
    message.replayed = replayed;
    ServerBody::Chat(Chat::Message(Box::new(message)))
}

fn synced(incomplete: &[ConversationId]) -> wire::System<'static> {
    let event = Some("sync_complete".into());
    wire::System { event, incomplete: incomplete.to_vec(), ..wire::System::default() }
}

fn refused<'a>(
    reply: &'a Reply,
    refusal: &'a Refusal,
    conversation_id: Option<ConversationId>,
) -> ServerBody<'a> {
    let (message_id, request_id, room_id) = (client_id(reply), request_id(reply), reply.room.clone());
    ServerBody::Error(wire::Error { message_id, request_id, conversation_id, room_id, ..error(refusal) })
}
