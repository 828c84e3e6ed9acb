//! The `rooms` dialect, `GET /api/v1/ws/ws`: rooms with members, receipts, presence and resume.
//!
//! Frames are JSON objects `{"type": …, "data": {…}}` with three names beside `data`: `room_id`, the client's own
//! `message_id` and its `request_id`. [`ClientFrame`] is what a client sends, [`ServerFrame`] what it gets.
//!
//! ```
//! use parlor_protocol::rooms::ClientFrame;
//!
//! let text = r#"{"type":"chat","data":{"message":"Hello"},"room_id":"room-123","message_id":"msg-1"}"#;
//! let ClientFrame::Chat(chat) = ClientFrame::parse(text).unwrap().frame else { panic!("another frame") };
//! assert_eq!(chat.room_id.unwrap().as_str(), "room-123");
//! ```

mod chat;
mod client;
mod live;
mod parse;
mod server;
mod upload;

pub use crate::conversations::Reaction;
pub use chat::{
    Chat, ChatChunk, ChatMessage, MessageUpdated, Reasoning, ReplyFigures, StreamRestart, ToolCall,
};
pub use client::{
    AddMember, Auth, ClientFrame, Delete, Edit, History, JoinRoom, Position, React, Read, Regenerate,
    RemoveMember, Resume, RoomRef, SendChat, SetTyping, Stop,
};
pub use live::{Live, LiveBackend, LiveFigures};
pub use parse::{FrameError, Incoming};
pub use server::{
    Connect, DeliveryConfirmation, Error, HistoryPage, MemberChanged, MemberEvent, Pong, Presence,
    PresenceChange, ReadElsewhere, Resumed, RoomJoined, RoomNamed, ServerBody, ServerFrame, Stopped, System,
    Typing,
};
pub use upload::{
    BinaryChunk, File, FileUpload, Upload, UploadBody, UploadChunk, UploadFinalize, UploadInit, UploadRef,
};

/// The `user_id`, `username` and `role` of the assistant.
pub const ASSISTANT: &str = "assistant";
