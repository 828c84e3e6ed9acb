//! The messages of the `rooms` dialect: whole ones, pieces of a reply, and changes.

use crate::conversations::Reaction;
use crate::metadata::{Attachment, Citation};
use crate::{ConversationId, MessageId, RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Data of `chat`: a piece of a reply is told by its `streaming` true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Chat))]
#[serde(untagged)]
pub enum Chat<'a> {
    /// A piece of a reply that is being made.
    Chunk(ChatChunk<'a>),
    /// A message of the log, or the end of a reply.
    Message(Box<ChatMessage<'a>>),
}

/// A piece of a reply that is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::ChatChunk))]
pub struct ChatChunk<'a> {
    /// `assistant`.
    pub role: Cow<'a, str>,
    /// The next piece of its text.
    pub content: Cow<'a, str>,
    /// True.
    pub streaming: bool,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// When it came.
    pub timestamp: Timestamp,
    /// The reply, which will be a message with this id.
    pub message_id: MessageId,
    /// How many bytes of UTF-8 stand before this piece; 0 begins the reply again.
    pub offset: u64,
}

/// Data of `reasoning`: a piece of what the model thinks aloud. It is in no message later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Reasoning))]
pub struct Reasoning<'a> {
    /// The reply that is being made.
    pub message_id: MessageId,
    /// The next piece of what the model thinks.
    pub content: Cow<'a, str>,
    /// How many bytes of UTF-8 of its thoughts stand before this piece.
    pub offset: u64,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
}

/// Data of `tool_call`: pieces with the same index belong together. It is in no message later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::ToolCall))]
pub struct ToolCall<'a> {
    /// The reply that is being made.
    pub message_id: MessageId,
    /// Which call of the reply, from 0.
    pub index: u32,
    /// Its id, in its first piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// The tool's name, in its first piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// The next piece of its arguments, which are JSON once they are whole.
    pub arguments: Cow<'a, str>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
}

/// Data of `stream_restart`: what was shown of the reply counts no more, and offsets begin at 0 again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::StreamRestart))]
pub struct StreamRestart {
    /// The reply that is being made.
    pub message_id: MessageId,
    /// Which attempt begins, from 2.
    pub attempt: u32,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
}

/// A message of the log. The frame that ends a reply is the same, without the text that was streamed before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::ChatMessage))]
pub struct ChatMessage<'a> {
    /// `user` or `assistant`.
    pub role: Cow<'a, str>,
    /// Its text; empty where it was deleted.
    pub content: Cow<'a, str>,
    /// False.
    pub streaming: bool,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The message.
    pub message_id: MessageId,
    /// Its place in the log, from 1, without gaps.
    pub seq: u64,
    /// When it was stored.
    pub timestamp: Timestamp,
    /// For a user's message: who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// For a user's message: what they were called then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Cow<'a, str>>,
    /// The sender's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
    /// The word that its sender chose, where that was not `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_type: Option<Cow<'a, str>>,
    /// When its text was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// True where it was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Who reacted to it, in the order in which each emoji came first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction<'a>>,
    /// For a reply: the passages of documents that it was made with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation<'a>>,
    /// The files that it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment<'a>>,
    /// For a reply: how it ended and what it took.
    #[serde(flatten)]
    pub reply: Option<ReplyFigures<'a>>,
    /// True where it came while no client of this user was there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

/// What a reply has beside its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::ReplyFigures))]
pub struct ReplyFigures<'a> {
    /// True: it is whole.
    pub done: bool,
    /// The message that it answers.
    pub in_reply_to: MessageId,
    /// `complete`, `stopped`, `failed` or `interrupted`.
    pub status: Cow<'a, str>,
    /// Tokens of its context and of itself.
    pub tokens_used: u64,
    /// The model that made it; null where none was reached.
    pub model_used: Option<Cow<'a, str>>,
    /// What it cost in US dollars; null where no price is known.
    pub cost_usd: Option<f64>,
    /// From its beginning to its end, in seconds.
    pub response_time: f64,
    /// The name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Cow<'a, str>>,
}

/// Data of `message_updated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::MessageUpdated))]
pub struct MessageUpdated<'a> {
    /// The message as it is now.
    pub message: ChatMessage<'a>,
    /// The change's own place in the log.
    pub seq: u64,
    /// True where it came while no client of this user was there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}
