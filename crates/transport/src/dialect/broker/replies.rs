//! From answers to frames of users.

use super::messages::{entry, entry_frame, error, updated};
use parlor_domain::{ErrorCode, EventBody, Refusal, Reply, ReplyBody};
use parlor_protocol::broker as wire;
use parlor_protocol::broker::ServerFrame;
use std::borrow::Cow;

/// An answer's frame; none for what only another dialect asks.
pub(super) fn frame(reply: &Reply) -> Option<ServerFrame<'_>> {
    let request_id = request_id(reply);
    Some(match &reply.body {
        ReplyBody::Sent { event, duplicate } => sent(reply, event.body(), *duplicate),
        ReplyBody::Stopped { conversation, turn, status } => {
            ServerFrame::MessageCancelled(wire::MessageCancelled {
                thread_id: *conversation,
                response_id: *turn,
                status: status.map(|status| status.as_str().into()),
                request_id,
            })
        }
        ReplyBody::History { conversation, messages, has_more } => ServerFrame::History(wire::HistoryPage {
            thread_id: *conversation,
            messages: messages.iter().map(entry).collect(),
            has_more: *has_more,
            request_id,
        }),
        ReplyBody::Missed { message, is_change } | ReplyBody::Replayed { message, is_change } => {
            if *is_change { updated(message) } else { entry_frame(message) }
        }
        ReplyBody::Resumed { conversation, from_seq, last_seq, recovered, epoch } => {
            ServerFrame::Resumed(wire::Resumed {
                thread_id: *conversation,
                from_seq: *from_seq,
                last_seq: *last_seq,
                recovered: *recovered,
                epoch: (&**epoch).into(),
                request_id,
            })
        }
        ReplyBody::Heads(heads) => {
            ServerFrame::Pong(wire::Pong { heads: heads.iter().copied().collect(), request_id })
        }
        ReplyBody::Refused { refusal, conversation } => ServerFrame::Error(wire::Error {
            thread_id: *conversation,
            client_message_id: client_id(reply),
            request_id,
            ..error(refusal)
        }),
        ReplyBody::Joined { .. }
        | ReplyBody::Left { .. }
        | ReplyBody::Changed { .. }
        | ReplyBody::Answered { .. }
        | ReplyBody::RoomJoined(_)
        | ReplyBody::RoomLeft { .. }
        | ReplyBody::RoomDeleted { .. }
        | ReplyBody::Member { .. }
        | ReplyBody::Upload(_)
        | ReplyBody::Synced { .. }
        | ReplyBody::NothingToStop => return None,
    })
}

fn request_id(reply: &Reply) -> Option<Cow<'_, str>> {
    reply.correlation.request_id.as_deref().map(Cow::Borrowed)
}

fn client_id(reply: &Reply) -> Option<Cow<'_, str>> {
    reply.correlation.client_id.as_deref().map(Cow::Borrowed)
}

static UNEXPECTED: Refusal = Refusal::of(ErrorCode::Internal);

/// The confirmation of a message.
fn sent<'a>(reply: &'a Reply, body: &'a EventBody, duplicate: bool) -> ServerFrame<'a> {
    let EventBody::Message(stored) = body else {
        // `Sent` holds the message's event by its contract.
        return ServerFrame::Error(error(&UNEXPECTED));
    };
    ServerFrame::MessageAck(wire::MessageAck {
        message_id: stored.id,
        thread_id: stored.conversation,
        client_message_id: client_id(reply),
        seq: stored.seq,
        timestamp: stored.created_at,
        duplicate,
        request_id: request_id(reply),
    })
}
