//! From what is pushed to frames of users.

use super::messages::{entry_frame, error, updated};
use crate::dialect::jobs;
use crate::frame::Frames;
use parlor_domain::message::{Message, TurnStatus};
use parlor_domain::{ConversationId, ErrorCode, EventBody, Refusal};
use parlor_protocol::broker as wire;
use parlor_protocol::broker::{ASSISTANT, ServerFrame};

/// Writes the frames of an event.
pub(super) fn write(body: &EventBody, frames: &mut Frames) {
    match body {
        EventBody::Message(stored) | EventBody::MessageElsewhere(stored) => {
            frames.json(&entry_frame(stored));
        }
        EventBody::Changed(changed) => {
            frames.json(&updated(changed));
        }
        EventBody::Deleted(summary) => {
            frames.json(&ServerFrame::ThreadDeleted(wire::ThreadDeleted { thread_id: summary.id }));
        }
        EventBody::Typing { conversation, who, is_typing, .. } => {
            frames.json(&typing(*conversation, &who.to_string(), *is_typing));
        }
        EventBody::TurnStarted(turn) => {
            frames.json(&typing(turn.conversation, ASSISTANT, true));
        }
        EventBody::TurnEnded { message, refusal } => turn_ended(frames, message, refusal.as_ref()),
        EventBody::Job(news) => {
            frames.json(&ServerFrame::JobUpdated(Box::new(jobs::update(news))));
        }
        // Replies are whole here: a client that wants their pieces speaks another dialect. Of rooms, receipts and
        // titles this one has no words.
        EventBody::TurnDelta { .. }
        | EventBody::TurnToolCall { .. }
        | EventBody::TurnRestarted { .. }
        | EventBody::Updated(_)
        | EventBody::Members { .. }
        | EventBody::File(_)
        | EventBody::Presence { .. }
        | EventBody::Read { .. }
        | EventBody::ReadElsewhere { .. } => {}
    }
}

fn typing(thread_id: ConversationId, user_id: &str, typing: bool) -> ServerFrame<'_> {
    ServerFrame::Typing(wire::TypingIndicator { thread_id, user_id: user_id.into(), typing })
}

static UNAVAILABLE: Refusal = Refusal::of(ErrorCode::AiUnavailable);

/// The end of a turn: the reply, or why there is none.
fn turn_ended(frames: &mut Frames, ended: &Message, refusal: Option<&Refusal>) {
    let Some(reply) = &ended.reply else { return };
    frames.json(&typing(ended.conversation, ASSISTANT, false));
    if reply.status == TurnStatus::Failed {
        frames.json(&ServerFrame::Error(wire::Error {
            message_id: Some(reply.in_reply_to.to_string().into()),
            thread_id: Some(ended.conversation),
            response_id: Some(ended.id),
            seq: Some(ended.seq),
            ..error(refusal.unwrap_or(&UNAVAILABLE))
        }));
    } else {
        frames.json(&entry_frame(ended));
    }
}
