//! The `broker` dialect: `GET /ws`. Users' side: `commands` is the way in, `events` and `replies` are the way out, and
//! `messages` has the shapes that both need. The side of AI workers is `worker`.

mod commands;
mod events;
mod messages;
mod replies;
mod worker;

use super::{Dialect, Greeting, Incoming, Undecodable, WorkerDialect};
use crate::frame::{self, Frames};
use bytes::Bytes;
use parlor_domain::{Correlation, EncodingSlot, ErrorCode, Event, Refusal, Reply};
use parlor_protocol::broker::{AuthSuccess, FrameError, ServerFrame, UserFrame};

/// The dialect.
pub(crate) struct Broker;

const SLOT: EncodingSlot = EncodingSlot::new(2);

impl Dialect for Broker {
    fn slot(&self) -> EncodingSlot {
        SLOT
    }

    fn decode(&self, text: &str) -> Result<Incoming, Undecodable> {
        match UserFrame::parse(text) {
            Ok(incoming) => commands::incoming(incoming),
            Err(error) => match (error.code, worker::hello(text)) {
                (ErrorCode::Forbidden, Some(hello)) => Ok(Incoming::Worker(hello)),
                _ => Err(undecodable(error)),
            },
        }
    }

    fn greeting(&self, greeting: Greeting) -> Bytes {
        frame::json(&ServerFrame::AuthSuccess(AuthSuccess { user_id: greeting.user }))
    }

    fn event(&self, event: &Event) -> Bytes {
        let mut frames = Frames::default();
        events::write(event.body(), &mut frames);
        frames.finish()
    }

    fn reply(&self, reply: &Reply) -> Bytes {
        replies::frame(reply).map(|frame| frame::json(&frame)).unwrap_or_default()
    }

    fn workers(&self) -> Option<&'static dyn WorkerDialect> {
        Some(&worker::BrokerWorkers)
    }
}

fn undecodable(error: FrameError) -> Undecodable {
    let FrameError { code, message, request_id, client_message_id, .. } = error;
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
