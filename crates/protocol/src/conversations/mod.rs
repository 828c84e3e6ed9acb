//! The `conversations` dialect, `GET /api/v1/chat/ws`: first-message authentication, streamed replies, tabs.
//!
//! Frames are JSON objects `{"type": …, "data": {…}}`; `auth`, `auth_success`, `ping` and `pong` aside, everything
//! stands in `data`. [`ClientFrame`] is what a client sends, [`ServerFrame`] what it gets.

mod client;
mod server;

pub use client::{
    ClientFrame, ConversationRef, FrameError, History, Incoming, Position, Resume, SendMessage, StopResponse,
    StreamResponse, Typing,
};
pub use server::{
    AuthSuccess, Conversation, ConversationJoined, ConversationLeft, ConversationUpdated, Echo, Error,
    HistoryPage, Message, MessageEvent, MessageUpdated, Pong, Reaction, ResponseStopped, Resumed,
    ServerFrame, StreamComplete, StreamContent, StreamReasoning, StreamRestart, StreamStart, ToolCall,
    TypingIndicator, Usage,
};

/// The `user_id` and `sender_id` of the assistant.
pub const ASSISTANT: &str = "assistant";
