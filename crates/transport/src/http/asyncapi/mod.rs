//! The sockets described for machines (`AsyncAPI` 3.0), from the types that are read and written on them.
//!
//! What a server sends is listed by the enums of `parlor-protocol`; what a client sends is listed here, a file a
//! dialect, since those enums read frames by hand.

mod broker;
mod channel;
mod conversations;
mod rooms;
mod sessions;
mod socketio;

use channel::Channel;
use parlor_domain::{CloseCode, ErrorCode};
use serde_json::{Map, Value, json};

const ABOUT: &str = "The WebSockets of a chat server between people and AI. Frames are text, a JSON object each; unknown \
                     fields are to be ignored, on both sides. A refusal is an `error` frame and the connection stays; \
                     `x-error-codes` and `x-close-codes` say what a client should do. The channel `socketio` is for \
                     clients of that library: its messages are events and their one argument.";

/// The document of all sockets.
pub(super) fn describe() -> Value {
    document(&[
        conversations::channel(),
        rooms::channel(),
        broker::users(),
        broker::workers(),
        sessions::channel(),
        socketio::channel(),
    ])
}

fn document(channels: &[Channel]) -> Value {
    let operations = channels.iter().flat_map(Channel::operations);
    let messages = channels.iter().flat_map(Channel::messages);
    let schemas = channels.iter().flat_map(Channel::schemas);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parlor",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "defaultContentType": "application/json",
        "channels": channels.iter().map(Channel::entry).collect::<Map<_, _>>(),
        "operations": operations.collect::<Map<_, _>>(),
        "components": {
            "messages": messages.collect::<Map<_, _>>(),
            "schemas": schemas.collect::<Map<_, _>>(),
            "securitySchemes": security(),
        },
        "x-error-codes": error_codes(),
        "x-close-codes": close_codes(),
    })
}

fn security() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token in the handshake's Authorization header.",
        },
        "query": {
            "type": "httpApiKey",
            "in": "query",
            "name": "token",
            "description": "A token in the URL: for browsers, best one of POST /api/v1/ws/token. Without either, the \
                            first frame is `auth`.",
        },
        "auth": {
            "type": "apiKey",
            "in": "password",
            "description": "A token as `auth.token`, when a Socket.IO client enters the namespace.",
        },
    })
}

fn error_codes() -> Map<String, Value> {
    let entry = |code: &ErrorCode| {
        let about = json!({"meaning": code.meaning(), "retryable": code.retryable()});
        (code.as_str().to_owned(), about)
    };
    ErrorCode::ALL.iter().map(entry).collect()
}

fn close_codes() -> Map<String, Value> {
    let entry = |code: &CloseCode| {
        let about = json!({
            "reason": code.reason(),
            "meaning": code.meaning(),
            "may_reconnect": code.may_reconnect(),
        });
        (code.as_u16().to_string(), about)
    };
    CloseCode::ALL.iter().map(entry).collect()
}
