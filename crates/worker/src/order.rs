//! From the server's words to a request of the domain's.

use parlor_domain::ports::{ContextMessage, Extra, Speaker, TurnRequest};
use parlor_protocol::broker::{ContextPiece, ProcessMessage};
use serde_json::{Map, Value};

/// What a backend is asked for `order`.
pub(crate) fn request_of(order: &ProcessMessage<'_>) -> TurnRequest {
    let mut context: Vec<_> = order.conversation_context.iter().map(piece).collect();
    if context.is_empty() {
        context.push(ContextMessage::new(Speaker::User, order.content.as_ref()));
    }
    TurnRequest {
        turn: order.response_id,
        attempt: order.attempt,
        conversation: order.thread_id,
        in_reply_to: order.in_reply_to,
        user: order.user_id,
        model: order.model.as_deref().map(str::to_owned),
        context,
        max_tokens: order.max_tokens,
        temperature: order.temperature,
        extra: order.options.as_ref().map(extra),
        // The server knows what a worker says from the frames themselves.
        raw_events: false,
    }
}

fn piece(piece: &ContextPiece<'_>) -> ContextMessage {
    ContextMessage {
        speaker: speaker(&piece.role),
        name: piece.name.as_deref().map(Into::into),
        content: piece.content.as_ref().to_owned(),
        at: piece.timestamp,
        extra: piece.options.as_ref().map(extra),
        images: Vec::new(),
    }
}

/// A role that we do not know has no rights: it is a person's.
fn speaker(role: &str) -> Speaker {
    match role {
        "system" => Speaker::System,
        "assistant" => Speaker::Assistant,
        "tool" => Speaker::Tool,
        _ => Speaker::User,
    }
}

fn extra(fields: &Map<String, Value>) -> Extra {
    Value::Object(fields.clone()).to_string().into()
}
