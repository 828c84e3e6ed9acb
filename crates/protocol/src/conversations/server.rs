//! What a client of the `conversations` dialect gets.

use crate::ai::JobUpdate;
use crate::metadata::{Attachment, Citation};
use crate::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One frame to a client. `auth_success` has no `data` and is a type of its own, [`AuthSuccess`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::ServerFrame))]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    /// The connection gets the conversation's events from here on.
    ConversationJoined(ConversationJoined<'a>),
    /// It no longer does.
    ConversationLeft(ConversationLeft<'a>),
    /// A stored message, to joined connections and to the one that sent it.
    MessageReceived(MessageEvent<'a>),
    /// A stored message, to a participant's connections that have not joined.
    MessageAdded(MessageEvent<'a>),
    /// A stored message was changed.
    MessageUpdated(MessageUpdated<'a>),
    /// A conversation of the user changed.
    ConversationUpdated(ConversationUpdated<'a>),
    /// Somebody types, or no longer does.
    TypingIndicator(TypingIndicator<'a>),
    /// A turn began, or is shown from its beginning.
    StreamStart(StreamStart),
    /// A piece of a turn's text.
    StreamContent(StreamContent<'a>),
    /// A piece of what the model thinks aloud.
    StreamReasoning(StreamReasoning<'a>),
    /// A piece of a call of a tool that the model wants.
    ToolCall(ToolCall<'a>),
    /// Another backend begins the turn anew: what was shown of it counts no more.
    StreamRestart(StreamRestart),
    /// A turn ended and is now a message of the log.
    StreamComplete(StreamComplete<'a>),
    /// The answer to `stop_response`.
    ResponseStopped(ResponseStopped<'a>),
    /// A job of the user's has gone on, or has ended.
    JobUpdated(Box<JobUpdate>),
    /// The answer to `history`.
    History(HistoryPage<'a>),
    /// The end of what was missed of one conversation.
    Resumed(Resumed<'a>),
    /// The answer to `ping`.
    Pong(Pong<'a>),
    /// A refusal.
    Error(Error<'a>),
}

/// The first frame of an authenticated connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::AuthSuccess))]
#[serde(tag = "type", rename = "auth_success")]
pub struct AuthSuccess {
    /// Whose connection it is.
    pub user_id: UserId,
}

/// The client's own names for a request, repeated in its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Echo))]
pub struct Echo<'a> {
    /// The `request_id` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    /// The `client_message_id` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
}

/// Data of `conversation_joined`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::ConversationJoined))]
pub struct ConversationJoined<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its newest entry; what follows arrives by itself.
    pub last_seq: u64,
    /// Its title, made from its first message.
    pub title: Cow<'a, str>,
    /// The request's names.
    #[serde(flatten)]
    pub echo: Echo<'a>,
}

/// Data of `conversation_left`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::ConversationLeft))]
pub struct ConversationLeft<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The request's names.
    #[serde(flatten)]
    pub echo: Echo<'a>,
}

/// A message as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Message))]
pub struct Message<'a> {
    /// The message.
    pub id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// Its place in the log, from 1, without gaps.
    pub seq: u64,
    /// Its text.
    pub content: Cow<'a, str>,
    /// `user`, `assistant`, or the word that its sender chose.
    pub message_type: Cow<'a, str>,
    /// The user's id, or `assistant`.
    pub sender_id: Cow<'a, str>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The sender's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
    /// For an assistant's message: how its turn ended (`complete`, `stopped`, `failed`, `interrupted`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Cow<'a, str>>,
    /// For an assistant's message: the message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<MessageId>,
    /// For an assistant's message: the model that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Cow<'a, str>>,
    /// For an assistant's message: the name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Cow<'a, str>>,
    /// When its text was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// True where it was deleted: it has no text any more.
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
}

/// One emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Reaction))]
pub struct Reaction<'a> {
    /// The emoji.
    pub emoji: Cow<'a, str>,
    /// How many users put it there.
    pub count: usize,
    /// The first 50 of them.
    pub user_ids: Vec<UserId>,
}

/// Data of `message_updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::MessageUpdated))]
pub struct MessageUpdated<'a> {
    /// The message as it is now.
    pub message: Message<'a>,
    /// The change's own place in the log.
    pub seq: u64,
    /// The request's names.
    #[serde(flatten)]
    pub echo: Echo<'a>,
}

/// Data of `message_received` and `message_added`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::MessageEvent))]
pub struct MessageEvent<'a> {
    /// The message.
    pub message: Message<'a>,
    /// True where this answers a message that was sent before: nothing was stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// The request's id, on the connection that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of `conversation_updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::ConversationUpdated))]
pub struct ConversationUpdated<'a> {
    /// The conversation.
    pub conversation: Conversation<'a>,
}

/// A conversation as it stands in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Conversation))]
pub struct Conversation<'a> {
    /// The conversation.
    pub id: ConversationId,
    /// Its title.
    pub title: Cow<'a, str>,
    /// When its newest entry was made.
    pub updated_at: Timestamp,
    /// How many messages it has, of both sides.
    pub message_count: u64,
    /// Its newest entry.
    pub last_seq: u64,
    /// True where it was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// Data of `typing_indicator`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::TypingIndicator))]
pub struct TypingIndicator<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The user's id, or `assistant`.
    pub user_id: Cow<'a, str>,
    /// Whether they type now.
    pub is_typing: bool,
}

/// Data of `stream_start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::StreamStart))]
pub struct StreamStart {
    /// The assistant message that is being made.
    pub message_id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// The message that it answers.
    pub in_reply_to: MessageId,
}

/// Data of `stream_content`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::StreamContent))]
pub struct StreamContent<'a> {
    /// The assistant message that is being made.
    pub message_id: MessageId,
    /// The next piece of its text.
    pub content: Cow<'a, str>,
    /// True on the last piece, which is empty.
    pub is_complete: bool,
    /// How many bytes of UTF-8 stand before this piece.
    pub offset: u64,
}

/// Data of `stream_reasoning`. It is in no message later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::StreamReasoning))]
pub struct StreamReasoning<'a> {
    /// The assistant message that is being made.
    pub message_id: MessageId,
    /// The next piece of what the model thinks.
    pub content: Cow<'a, str>,
    /// How many bytes of UTF-8 of its thoughts stand before this piece.
    pub offset: u64,
    /// Its conversation.
    pub conversation_id: ConversationId,
}

/// Data of `tool_call`: pieces with the same index belong together. It is in no message later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::ToolCall))]
pub struct ToolCall<'a> {
    /// The assistant message that is being made.
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
    /// Its conversation.
    pub conversation_id: ConversationId,
}

/// Data of `stream_restart`: offsets begin at 0 again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::StreamRestart))]
pub struct StreamRestart {
    /// The assistant message that is being made.
    pub message_id: MessageId,
    /// Which attempt begins, from 2.
    pub attempt: u32,
    /// Its conversation.
    pub conversation_id: ConversationId,
}

/// What a turn cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Usage))]
pub struct Usage {
    /// Tokens of the context.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Their sum.
    pub total_tokens: u64,
}

/// Data of `stream_complete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::StreamComplete))]
pub struct StreamComplete<'a> {
    /// The assistant message, now in the log.
    pub message_id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// What it cost.
    pub usage: Usage,
    /// `complete`, `stopped`, `failed` or `interrupted`.
    pub status: Cow<'a, str>,
    /// The model that made it, where one was reached.
    pub model: Option<Cow<'a, str>>,
    /// Its place in the log.
    pub seq: u64,
    /// The passages of documents that the reply was made with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation<'a>>,
    /// The name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Cow<'a, str>>,
}

/// Data of `response_stopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::ResponseStopped))]
pub struct ResponseStopped<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The turn; none where none was named and none was live.
    pub message_id: Option<MessageId>,
    /// How it ended: `stopped`, or what it was before the stop came. None where there was no turn.
    pub status: Option<Cow<'a, str>>,
    /// The request's names.
    #[serde(flatten)]
    pub echo: Echo<'a>,
}

/// Data of `history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::HistoryPage))]
pub struct HistoryPage<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The messages, oldest first.
    pub messages: Vec<Message<'a>>,
    /// Whether there are earlier ones.
    pub has_more: bool,
    /// The request's names.
    #[serde(flatten)]
    pub echo: Echo<'a>,
}

/// Data of `resumed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Resumed))]
pub struct Resumed<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The position that the client named.
    pub from_seq: u64,
    /// The position that it has now; what follows arrives by itself.
    pub last_seq: u64,
    /// False: too much was missed, or the position is of another log. The client loads `history`.
    pub recovered: bool,
    /// Which log this is. It changes where a database was put back from a copy.
    pub epoch: Cow<'a, str>,
    /// The request's names.
    #[serde(flatten)]
    pub echo: Echo<'a>,
}

/// Data of `pong`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Pong))]
pub struct Pong<'a> {
    /// The newest seq of each joined conversation: a client that has less missed something, and resumes.
    pub heads: BTreeMap<ConversationId, u64>,
    /// The request's names.
    #[serde(flatten)]
    pub echo: Echo<'a>,
}

/// Data of `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Error))]
pub struct Error<'a> {
    /// What kind of refusal it is.
    pub code: ErrorCode,
    /// For a person.
    pub message: Cow<'a, str>,
    /// Whole seconds after which the same may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// With `INTERNAL`: names the entry in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Cow<'a, str>>,
    /// The conversation, where the refusal concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The turn, where the refusal ended one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The request's names.
    #[serde(flatten)]
    pub echo: Echo<'a>,
}
