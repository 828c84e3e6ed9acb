//! What travels on Parlor's wires: ids, time, error and close codes, and the frames of each dialect.
//!
//! A server and a client can both use this crate: every frame serialises and deserialises, and nothing here
//! does I/O. Where it stands in a message's way: the first and the last step, between bytes and meaning.
//!
//! - [`ids`]: opaque identifiers, `UUIDv7` strings on the wire.
//! - [`codes`]: the two tables, [`ErrorCode`] and [`CloseCode`], that every dialect and HTTP share.
//! - [`time`]: RFC 3339 in UTC with milliseconds.
//! - [`conversations`]: the frames of the `conversations` dialect.
//! - [`rooms`]: the frames of the `rooms` dialect.
//! - [`completions`]: the bodies of `OpenAI`'s chat completions.
//! - [`broker`]: the frames of the `broker` dialect, of users and of AI workers.
//! - [`sessions`]: the frames of the `sessions` dialect.
//! - [`ai`]: the bodies of the AI API over HTTP.
//! - [`metadata`]: what a message has beside its text.
//! - [`socketio`]: the events of the `socketio` dialect.
//! - [`json`]: JSON that passes through as it came.
//!
//! With the feature `schema` all of them describe themselves to `utoipa`, of which documents of an API are made.
//!
//! ```
//! use parlor_protocol::{ErrorCode, conversations::ClientFrame};
//!
//! let frame = ClientFrame::parse(r#"{"type":"join_conversation","data":{"conversation_id":"nonsense"}}"#);
//! assert_eq!(frame.unwrap_err().code, ErrorCode::InvalidRequest);
//! ```

pub mod ai;
pub mod broker;
pub mod codes;
pub mod completions;
pub mod conversations;
mod envelope;
mod field;
pub mod ids;
pub mod json;
pub mod metadata;
mod names;
pub mod rooms;
pub mod sessions;
pub mod socketio;
pub mod time;

pub use codes::{CloseCode, ErrorCode};
pub use ids::{
    AssistantId, ConnectionId, ConversationId, DocumentId, FileId, JobId, MessageId, RoomId, UserId,
};
pub use json::Json;
pub use time::Timestamp;
