//! The `rooms` dialect: `GET /api/v1/ws/ws`. `commands` is the way in, `events` and `replies` are the way out, and
//! `messages` has the shapes that both need.

mod commands;
mod events;
mod files;
mod messages;
mod replies;

use super::{Dialect, Greeting, Incoming, Opening, Undecodable};
use crate::frame::{self, Frames};
use bytes::Bytes;
use parlor_domain::message::Seq;
use parlor_domain::{
    ConversationId, Correlation, EncodingSlot, Event, EventBody, Refusal, Reply, ReplyBody, Timestamp,
};
use parlor_protocol::rooms::{ClientFrame, Connect, Live, LiveFigures, ServerBody, ServerFrame, System};
use std::borrow::Cow;
use std::time::Duration;

/// The dialect.
pub(crate) struct Rooms;

const SLOT: EncodingSlot = EncodingSlot::new(1);

impl Dialect for Rooms {
    fn slot(&self) -> EncodingSlot {
        SLOT
    }

    fn decode(&self, text: &str) -> Result<Incoming, Undecodable> {
        match ClientFrame::parse(text) {
            Ok(incoming) => commands::incoming(incoming),
            Err(error) => Err(Undecodable {
                refusal: Refusal::new(error.code, error.message),
                correlation: Correlation {
                    request_id: error.request_id.map(Into::into),
                    client_id: error.message_id.map(Into::into),
                    outside: error.request_id_outside,
                },
            }),
        }
    }

    fn binary(&self, frame: Bytes) -> Option<Result<Incoming, Undecodable>> {
        Some(files::binary(frame))
    }

    fn catches_up(&self) -> bool {
        true
    }

    fn opening(&self, query: &[(String, String)]) -> Opening {
        commands::opening(query)
    }

    fn greeting(&self, greeting: Greeting) -> Bytes {
        let Greeting { connection, user, now } = greeting;
        let (status, server_time) = ("connected".into(), now);
        alone(ServerBody::Connect(Connect { connection_id: connection, status, server_time, user_id: user }))
    }

    fn event(&self, event: &Event) -> Bytes {
        let mut frames = Frames::default();
        events::write(event.body(), event.room(), &mut frames);
        frames.finish()
    }

    fn reply(&self, reply: &Reply) -> Bytes {
        // The one who changed a message gets the very bytes that the others get, where there is no name to repeat.
        if let ReplyBody::Changed { event, .. } = &reply.body
            && matches!(event.body(), EventBody::Changed(_))
            && reply.correlation == Correlation::default()
        {
            return event.encoded(SLOT, |event| self.event(event)).clone();
        }
        replies::frame(reply).map(|frame| frame::json(&frame)).unwrap_or_default()
    }

    fn heartbeat(&self, now: Timestamp, heads: Vec<(ConversationId, Seq)>) -> Option<Bytes> {
        Some(alone(ServerBody::System(System {
            heartbeat: true,
            server_time: Some(now),
            heads: Some(heads.into_iter().collect()),
            ..System::default()
        })))
    }

    fn reconnect(&self, delay: Duration) -> Option<Bytes> {
        let delay_ms = u64::try_from(delay.as_millis()).ok();
        let event = Some("reconnect".into());
        Some(alone(ServerBody::System(System { event, delay_ms, ..System::default() })))
    }

    fn live(&self, figures: &LiveFigures<'_>, correlation: &Correlation) -> Option<Bytes> {
        let Correlation { request_id, client_id, outside } = correlation;
        let request_id = request_id.as_deref().map(Cow::Borrowed);
        let live = Live { figures: figures.clone(), request_id: request_id.clone() };
        Some(frame::json(&ServerFrame {
            body: ServerBody::Live(Box::new(live)),
            room_id: None,
            message_id: client_id.as_deref().map(Cow::Borrowed),
            request_id: request_id.filter(|_| *outside),
        }))
    }
}

/// A frame with no names beside its data.
fn alone(body: ServerBody<'_>) -> Bytes {
    frame::json(&ServerFrame { body, room_id: None, message_id: None, request_id: None })
}

#[cfg(test)]
mod tests;
