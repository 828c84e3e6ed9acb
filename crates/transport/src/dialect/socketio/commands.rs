//! From events to commands.

use crate::dialect::Undecodable;
use parlor_domain::message::KIND_USER;
use parlor_domain::{Action, Command, Correlation, Draft, ErrorCode, Place, Refusal, TurnOptions, UserId};
use parlor_protocol::socketio::{ChatStart, ClientEvent, EventError};
use serde_json::Value;

/// What a client's event asks, which has this name and this first argument, on a connection of `user`.
pub(crate) fn command(name: &str, argument: Option<Value>, user: UserId) -> Result<Command, Undecodable> {
    match ClientEvent::parse(name, argument) {
        Ok(ClientEvent::Start(start)) => chat_start(start, user),
        Ok(ClientEvent::Stop) => Ok(Command { action: Action::StopOwn, correlation: Correlation::default() }),
        Err(error) => Err(undecodable(error)),
    }
}

/// An event that is none of this dialect's.
#[cfg(test)]
pub(crate) fn unknown() -> Undecodable {
    undecodable(EventError::unknown())
}

fn chat_start(start: ChatStart, user: UserId) -> Result<Command, Undecodable> {
    if start.user_id.as_ref().is_some_and(|named| *named != user.to_string()) {
        return Err(undecodable(EventError {
            code: ErrorCode::Forbidden,
            message: "`userId` is not the token's user".into(),
            client_message_id: start.client_message_id,
        }));
    }
    let correlation = correlation(start.client_message_id.as_deref());
    let options = TurnOptions {
        model: start.model.filter(|model| !model.is_empty()),
        max_tokens: start.max_tokens,
        temperature: start.temperature,
        ..TurnOptions::default()
    };
    let draft = Draft {
        place: start.conversation_id.map(Place::Conversation),
        content: start.message,
        kind: KIND_USER.to_owned(),
        content_type: None,
        client_id: start.client_message_id,
        attachments: Vec::new(),
        options,
    };
    Ok(Command { action: Action::Ask { draft, pieces: true }, correlation })
}

fn correlation(client_id: Option<&str>) -> Correlation {
    Correlation { client_id: client_id.map(Into::into), ..Correlation::default() }
}

fn undecodable(error: EventError) -> Undecodable {
    let correlation = correlation(error.client_message_id.as_deref());
    Undecodable { refusal: Refusal::new(error.code, error.message), correlation }
}
