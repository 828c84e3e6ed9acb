//! What a user's client gets.

use crate::ai::JobUpdate;
use crate::metadata::{Attachment, Citation};
use crate::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One frame to a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::ServerFrame))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    /// The connection is authenticated; also the answer to a later `auth`.
    AuthSuccess(AuthSuccess),
    /// The answer to `send_message`: it is in the log.
    MessageAck(MessageAck<'a>),
    /// A turn has ended with a reply.
    AiResponse(Box<AiResponse<'a>>),
    /// Somebody types, or no longer does.
    Typing(TypingIndicator<'a>),
    /// A message of somebody else, or from another connection of this user.
    Message(Box<Message<'a>>),
    /// A message was changed.
    MessageUpdated(Box<MessageUpdated<'a>>),
    /// The thread is gone.
    ThreadDeleted(ThreadDeleted),
    /// The answer to `cancel_message`.
    MessageCancelled(MessageCancelled<'a>),
    /// A job of the user's has gone on, or has ended.
    JobUpdated(Box<JobUpdate>),
    /// The answer to `history`.
    History(HistoryPage<'a>),
    /// The end of what was missed of one thread.
    Resumed(Resumed<'a>),
    /// The answer to `ping`.
    Pong(Pong<'a>),
    /// A refusal, or why a turn has failed.
    Error(Error<'a>),
}

/// `auth_success`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::AuthSuccess))]
pub struct AuthSuccess {
    /// Whose connection it is.
    pub user_id: UserId,
}

/// `message_ack`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::MessageAck))]
pub struct MessageAck<'a> {
    /// The message.
    pub message_id: MessageId,
    /// Its thread.
    pub thread_id: ConversationId,
    /// The sender's own id of it; null where it has none.
    pub client_message_id: Option<Cow<'a, str>>,
    /// Its place in the thread's log, from 1, without gaps.
    pub seq: u64,
    /// When it was stored.
    pub timestamp: Timestamp,
    /// True where it was sent before: nothing was stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// `ai_response`: a reply, as its turn ends and as it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::AiResponse))]
pub struct AiResponse<'a> {
    /// The user's message that it answers.
    pub message_id: MessageId,
    /// The thread.
    pub thread_id: ConversationId,
    /// The reply's own id.
    pub response_id: MessageId,
    /// Its text.
    pub response_content: Cow<'a, str>,
    /// What the text is.
    pub content_type: Cow<'a, str>,
    /// From the turn's beginning to its end, in milliseconds.
    pub processing_time_ms: u64,
    /// How sure its backend was, 0 to 1; null where it did not say.
    pub confidence_score: Option<f64>,
    /// The model that made it; null where none was reached.
    pub model_used: Option<Cow<'a, str>>,
    /// `complete`, `stopped`, `interrupted` or, read later, `failed`.
    pub status: Cow<'a, str>,
    /// Its place in the thread's log.
    pub seq: u64,
    /// What it used.
    pub usage: Usage,
    /// The name of the backend that made it; null where none was reached.
    pub generated_by: Option<Cow<'a, str>>,
    /// The name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Cow<'a, str>>,
    /// When it was stored.
    pub timestamp: Timestamp,
    /// True where it was deleted: it has no text any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// When its text was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The passages of documents that it was made with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation<'a>>,
}

/// What a turn used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Usage))]
pub struct Usage {
    /// Tokens of the context.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Their sum.
    pub total_tokens: u64,
}

/// `typing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::TypingIndicator))]
pub struct TypingIndicator<'a> {
    /// The thread.
    pub thread_id: ConversationId,
    /// The user's id, or `assistant`.
    pub user_id: Cow<'a, str>,
    /// Whether they type now.
    pub typing: bool,
}

/// `message`: what a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Message))]
pub struct Message<'a> {
    /// The message.
    pub message_id: MessageId,
    /// Its thread.
    pub thread_id: ConversationId,
    /// Who wrote it: the user's id.
    pub user_id: Cow<'a, str>,
    /// Its text.
    pub content: Cow<'a, str>,
    /// What the text is.
    pub content_type: Cow<'a, str>,
    /// The sender's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
    /// The word that its sender chose, where that was not `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_type: Option<Cow<'a, str>>,
    /// Its place in the thread's log.
    pub seq: u64,
    /// When it was stored.
    pub timestamp: Timestamp,
    /// True where it was deleted: it has no text any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// When its text was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The files that it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment<'a>>,
}

/// A message of the log, with its `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Entry))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry<'a> {
    /// What a person wrote.
    Message(Box<Message<'a>>),
    /// A reply.
    AiResponse(Box<AiResponse<'a>>),
}

/// `message_updated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::MessageUpdated))]
pub struct MessageUpdated<'a> {
    /// Its thread.
    pub thread_id: ConversationId,
    /// The message as it is now.
    pub message: Entry<'a>,
    /// The change's own place in the thread's log.
    pub seq: u64,
}

/// `thread_deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::ThreadDeleted))]
pub struct ThreadDeleted {
    /// The thread.
    pub thread_id: ConversationId,
}

/// `message_cancelled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::MessageCancelled))]
pub struct MessageCancelled<'a> {
    /// The thread.
    pub thread_id: ConversationId,
    /// The reply; none where none was named and none was live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_id: Option<MessageId>,
    /// How it ended: `stopped`, or what it was before the stop came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Cow<'a, str>>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// `history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::HistoryPage))]
pub struct HistoryPage<'a> {
    /// The thread.
    pub thread_id: ConversationId,
    /// The messages, oldest first.
    pub messages: Vec<Entry<'a>>,
    /// Whether there are earlier ones.
    pub has_more: bool,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// `resumed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Resumed))]
pub struct Resumed<'a> {
    /// The thread.
    pub thread_id: ConversationId,
    /// The position that the client named.
    pub from_seq: u64,
    /// The position that it has now; what follows arrives by itself.
    pub last_seq: u64,
    /// False: too much was missed, or the position is of another log. The client loads `history`.
    pub recovered: bool,
    /// Which log this is. It changes where a database was put back from a copy.
    pub epoch: Cow<'a, str>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// `pong`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Pong))]
pub struct Pong<'a> {
    /// The newest seq of each joined thread: a client that has less missed something, and resumes.
    pub heads: BTreeMap<ConversationId, u64>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// `error`, to users and to workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Error))]
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
    /// Where a turn has failed: the user's message that it answers. To a worker: the `message_id` that it named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Cow<'a, str>>,
    /// The thread, where the refusal concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ConversationId>,
    /// The request's own id of its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    /// Where a turn has failed: the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_id: Option<MessageId>,
    /// Where a turn has failed: the reply's place in the thread's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}
