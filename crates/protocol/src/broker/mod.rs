//! The `broker` dialect, `GET /ws`: users on one side, AI workers ("canisters") on the other.
//!
//! Every frame is flat: its fields stand beside its `type`. A connection is a user's or a worker's from its first frame
//! on. A user sends [`UserFrame`]s and gets [`ServerFrame`]s; a worker sends [`WorkerFrame`]s and gets [`OrderFrame`]s.
//!
//! ```
//! use parlor_protocol::broker::UserFrame;
//!
//! let text = r#"{"type":"send_message","thread_id":null,"content":"Hello"}"#;
//! let UserFrame::SendMessage(message) = UserFrame::parse(text).unwrap().frame else { panic!("another frame") };
//! assert_eq!(message.content, "Hello");
//! ```

mod field;
mod orders;
mod server;
mod user;
mod worker;

pub use orders::{
    AiAuthSuccess, AiResponseAck, ContextPiece, OrderCancel, OrderFrame, ProcessMessage, TokenCount,
};
pub use server::{
    AiResponse, AuthSuccess, Entry, Error, HistoryPage, Message, MessageAck, MessageCancelled,
    MessageUpdated, Pong, Resumed, ServerFrame, ThreadDeleted, TypingIndicator, Usage,
};
pub use user::{Auth, CancelMessage, History, Incoming, Position, Resume, SendMessage, Typing, UserFrame};
pub use worker::{AiAuth, AiError, AiResponseChunk, AiStatus, ToolCallPiece, WorkerFrame, WorkerResponse};

use crate::ErrorCode;
use crate::envelope::{Bad, Envelope};
use crate::names::text_of;

/// The `user_id` of the assistant.
pub const ASSISTANT: &str = "assistant";
/// The `content_type` of what says none.
pub const TEXT: &str = "text";
/// The `status` of a worker that takes turns.
pub const OPERATIONAL: &str = "operational";

/// Why a frame could not be understood, with the names in it that could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// `INVALID_JSON`, `UNKNOWN_TYPE`, `INVALID_REQUEST`, or `FORBIDDEN` for a frame of the other side.
    pub code: ErrorCode,
    /// For the client's developer.
    pub message: String,
    /// The frame's `request_id`.
    pub request_id: Option<String>,
    /// The frame's `client_message_id`.
    pub client_message_id: Option<String>,
    /// The frame's `message_id`.
    pub message_id: Option<String>,
}

impl FrameError {
    fn of(bad: Bad, envelope: Option<Envelope<'_>>) -> Self {
        let Bad { code, message } = bad;
        let mut error = Self { code, message, request_id: None, client_message_id: None, message_id: None };
        if let Some(envelope) = envelope {
            error.request_id = text_of(envelope.request_id);
            error.client_message_id = text_of(envelope.client_message_id);
            error.message_id = text_of(envelope.message_id);
        }
        error
    }
}

/// A frame that only the other side sends.
fn of_the_other_side(kind: &str, side: &str) -> Bad {
    Bad { code: ErrorCode::Forbidden, message: format!("`{kind}` is for {side}") }
}
