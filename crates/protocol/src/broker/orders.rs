//! What an AI worker gets.

use super::field;
use super::server::Error;
use crate::{ConversationId, MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// One frame to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::OrderFrame))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OrderFrame<'a> {
    /// It was let in.
    AiAuthSuccess(AiAuthSuccess<'a>),
    /// Make a reply.
    ProcessMessage(Box<ProcessMessage<'a>>),
    /// The end of a reply has arrived.
    AiResponseAck(AiResponseAck),
    /// Nobody wants a reply any more: nothing is owed for it.
    CancelMessage(OrderCancel),
    /// The answer to `ping`.
    Pong,
    /// A refusal.
    Error(Error<'a>),
}

/// `ai_auth_success`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::AiAuthSuccess))]
pub struct AiAuthSuccess<'a> {
    /// What the worker called itself.
    pub canister_id: Cow<'a, str>,
    /// `authenticated`.
    pub status: Cow<'a, str>,
    /// What the server can do with a worker.
    pub capabilities: Vec<Cow<'a, str>>,
    /// The server's time of day.
    pub timestamp: Timestamp,
}

/// `process_message`: a reply that the worker is to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::ProcessMessage))]
pub struct ProcessMessage<'a> {
    /// Names the reply in all that the worker says of it. Mostly the user's message; another id where this worker has
    /// been given that before.
    pub message_id: MessageId,
    /// The thread.
    pub thread_id: ConversationId,
    /// Who asked.
    pub user_id: UserId,
    /// The text to answer.
    pub content: Cow<'a, str>,
    /// What the text is.
    pub content_type: Cow<'a, str>,
    /// The context, oldest first; its last piece is the text to answer.
    pub conversation_context: Vec<ContextPiece<'a>>,
    /// When the worker was asked.
    pub timestamp: Timestamp,
    /// `normal`.
    pub priority: Cow<'a, str>,
    /// The assistant message that the reply becomes.
    pub response_id: MessageId,
    /// Which attempt at it this is, from 1.
    pub attempt: u32,
    /// The message that it answers.
    pub in_reply_to: MessageId,
    /// The model that was asked for; none leaves it to the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Cow<'a, str>>,
    /// How many tokens the reply may have; none leaves it to the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How freely the model chooses its words, 0 to 2; none leaves it to the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// What else the client wants of the model, in the words of the `OpenAI` API (`tools`, `stop`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub options: Option<Map<String, Value>>,
}

/// One piece of a context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::ContextPiece))]
pub struct ContextPiece<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: Cow<'a, str>,
    /// What was said.
    pub content: Cow<'a, str>,
    /// What the text is.
    pub content_type: Cow<'a, str>,
    /// When; none for instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Who said it, where there may be several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// What else the client said of this piece, in the words of the `OpenAI` API (`tool_calls`, `tool_call_id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub options: Option<Map<String, Value>>,
}

/// `ai_response_ack`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::AiResponseAck))]
pub struct AiResponseAck {
    /// Which reply.
    pub message_id: MessageId,
    /// The assistant message that it becomes; null where it came too late, or twice.
    pub response_id: Option<MessageId>,
}

/// `cancel_message` to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::OrderCancel))]
pub struct OrderCancel {
    /// Which reply.
    pub message_id: MessageId,
}

/// What a reply used, as its worker counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::TokenCount))]
pub struct TokenCount {
    /// Tokens of the context.
    #[serde(default, deserialize_with = "field::prompt_tokens")]
    pub prompt_tokens: u32,
    /// Tokens of the reply.
    #[serde(default, deserialize_with = "field::completion_tokens")]
    pub completion_tokens: u32,
}
