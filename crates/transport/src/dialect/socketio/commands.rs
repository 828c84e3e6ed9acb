//! From events to commands.

use crate::dialect::Undecodable;
use parlor_domain::message::KIND_USER;
use parlor_domain::{Action, Command, Correlation, Draft, ErrorCode, Place, Refusal, TurnOptions, UserId};
use parlor_protocol::socketio as wire;
use serde::Deserialize;
use serde_json::Value;

/// What a client's event asks, which has this name and this first argument, on a connection of `user`.
pub(crate) fn command(name: &str, argument: Option<Value>, user: UserId) -> Result<Command, Undecodable> {
    match name {
        "chat:start" => chat_start(argument, user),
        "chat:stop" => Ok(Command { action: Action::StopOwn, correlation: Correlation::default() }),
        _ => Err(unknown()),
    }
}

/// An event that is none of this dialect's.
pub(crate) fn unknown() -> Undecodable {
    let refusal = Refusal::new(ErrorCode::UnknownType, "the events are `chat:start` and `chat:stop`");
    Undecodable { refusal, correlation: Correlation::default() }
}

fn chat_start(argument: Option<Value>, user: UserId) -> Result<Command, Undecodable> {
    let argument = argument.unwrap_or_default();
    // Serde would take an array's elements for the fields in their order.
    let words = "`chat:start` has one object as its argument";
    if !argument.is_object() {
        return Err(undecodable(ErrorCode::InvalidRequest, words, Correlation::default()));
    }
    let client_id = argument.get("clientMessageId").and_then(Value::as_str).map(Into::into);
    let correlation = Correlation { client_id, ..Correlation::default() };
    let start = match wire::ChatStart::deserialize(argument) {
        Ok(start) => start,
        Err(error) => return Err(undecodable(ErrorCode::InvalidRequest, error.to_string(), correlation)),
    };
    if start.user_id.as_ref().is_some_and(|named| *named != user.to_string()) {
        return Err(undecodable(ErrorCode::Forbidden, "`userId` is not the token's user", correlation));
    }
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

fn undecodable(
    code: ErrorCode,
    words: impl Into<std::borrow::Cow<'static, str>>,
    correlation: Correlation,
) -> Undecodable {
    Undecodable { refusal: Refusal::new(code, words), correlation }
}
