//! One message and its answer, for who waits for it: a request, and not a connection.

use crate::caller::Caller;
use crate::command::{Action, Command, Draft};
use crate::event::{Correlation, ReplyBody};
use crate::hub::Hub;
use crate::message::Message;
use crate::outbox::{Outbox, Outgoing};
use crate::session::{Manner, Session};
use crate::{ErrorCode, Refusal};
use std::collections::VecDeque;
use std::sync::Arc;

impl Hub {
    /// Stores a message, has it answered, and waits for the reply, by the way of every message ([`Action::Ask`]).
    /// Dropping the future ends the waiting and not the turn. A reply that was cut off is one where there is some of it.
    ///
    /// Errors: what refuses a message (`INVALID_MESSAGE_CONTENT`, `MESSAGE_TOO_LONG`, `CONVERSATION_NOT_FOUND`,
    /// `CHAT_RATE_LIMIT_EXCEEDED`…), and why its turn failed.
    pub async fn chat(&self, caller: &Caller, draft: Draft) -> Result<Arc<Message>, Refusal> {
        let mut session = Session::open(Arc::clone(&self.0), caller, Manner::Request)?;
        let action = Action::Ask { draft, pieces: false };
        session.perform(Command { action, correlation: Correlation::default() }).await;
        answer(session.outbox()).await
    }
}

/// Waits for the one answer that an outbox gets.
async fn answer(outbox: &Outbox) -> Result<Arc<Message>, Refusal> {
    let mut batch = VecDeque::new();
    loop {
        outbox.take(&mut batch).await.map_err(|_| Refusal::of(ErrorCode::Internal))?;
        for item in batch.drain(..) {
            let Outgoing::Reply(reply) = item else { continue };
            match reply.body {
                ReplyBody::Answered { message, refusal, .. } => {
                    return if message.is_answer() {
                        Ok(message)
                    } else {
                        Err(refusal.unwrap_or(Refusal::of(ErrorCode::AiUnavailable)))
                    };
                }
                ReplyBody::Refused { refusal, .. } => return Err(refusal),
                _ => {}
            }
        }
    }
}
