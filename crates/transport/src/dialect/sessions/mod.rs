//! The `sessions` dialect: `GET /chat/ws`. One request, one reply: its connections hear of nothing else. `commands` is
//! the way in, `replies` the way out.

mod commands;
mod replies;

use super::{Dialect, Greeting, Incoming, Undecodable};
use crate::frame;
use bytes::Bytes;
use parlor_domain::{Correlation, EncodingSlot, Event, EventBody, Refusal, Reply, TurnPart};
use parlor_protocol::sessions::{Chunk, ClientFrame, FrameError, ServerFrame};

/// The dialect.
pub(crate) struct Sessions;

const SLOT: EncodingSlot = EncodingSlot::new(3);

impl Dialect for Sessions {
    fn slot(&self) -> EncodingSlot {
        SLOT
    }

    fn decode(&self, text: &str) -> Result<Incoming, Undecodable> {
        ClientFrame::parse(text).map(commands::incoming).map_err(undecodable)
    }

    fn for_answers_alone(&self) -> bool {
        true
    }

    fn greeting(&self, _: Greeting) -> Bytes {
        frame::json(&ServerFrame::Connected)
    }

    fn event(&self, event: &Event) -> Bytes {
        match event.body() {
            EventBody::TurnStarted(_) => frame::json(&ServerFrame::Typing),
            EventBody::TurnDelta { turn, part: TurnPart::Text, offset, text, .. } => {
                frame::json(&ServerFrame::Chunk(Chunk {
                    content: text.into(),
                    session_id: turn.conversation,
                    message_id: turn.id,
                    offset: *offset,
                }))
            }
            // The reply itself comes as the answer. That one begins anew is said by the offset of its next piece.
            _ => Bytes::new(),
        }
    }

    fn reply(&self, reply: &Reply) -> Bytes {
        replies::frame(reply).map(|frame| frame::json(&frame)).unwrap_or_default()
    }
}

fn undecodable(error: FrameError) -> Undecodable {
    let FrameError { code, message, request_id, client_message_id } = error;
    Undecodable {
        refusal: Refusal::new(code, message),
        correlation: Correlation {
            request_id: request_id.map(Into::into),
            client_id: client_message_id.map(Into::into),
            outside: false,
        },
    }
}

#[cfg(test)]
mod tests;
