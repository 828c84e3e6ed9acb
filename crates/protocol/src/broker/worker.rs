//! What an AI worker sends.
//!
//! `message_id` in it is always the one of the `process_message` that it is about.

use super::orders::TokenCount;
use super::{FrameError, field, of_the_other_side};
use crate::envelope::Envelope;
use crate::{ConversationId, MessageId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One frame from a worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum WorkerFrame {
    /// Its key and what it serves: the first frame, and only that.
    AiAuth(AiAuth),
    /// A reply is whole.
    AiResponse(WorkerResponse),
    /// A piece of a reply.
    AiResponseChunk(AiResponseChunk),
    /// It cannot make a reply.
    AiError(AiError),
    /// How it is.
    AiStatus(AiStatus),
    /// Answered with `pong`.
    Ping,
}

/// `ai_auth`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::AiAuth))]
pub struct AiAuth {
    /// One of the server's service keys.
    pub service_key: String,
    /// What the worker is called, in logs and in the books; several may have one name.
    pub canister_id: String,
    /// The models that it serves, each a name or, with `*` at its end, the beginning of names; none serves every one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::models")]
    pub models: Option<Vec<String>>,
    /// How many turns it wants at once, from 1; none leaves it to the server.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::capacity")]
    pub capacity: Option<u32>,
}

/// Without the key, which would end up in logs.
impl std::fmt::Debug for AiAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { canister_id, models, capacity, .. } = self;
        write!(f, "AiAuth({canister_id}, {models:?}, {capacity:?}, …)")
    }
}

/// `ai_response` from a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::WorkerResponse))]
pub struct WorkerResponse {
    /// Which reply.
    #[serde(deserialize_with = "field::message_id")]
    pub message_id: MessageId,
    /// The thread; the server knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ConversationId>,
    /// The user; the server knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// All of the reply's text; what was sent in chunks before is not taken twice. Empty where all of it was.
    #[serde(default)]
    pub response_content: String,
    /// What the text is; none is `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// How long it took, in milliseconds; the server measures for itself.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "field::processing_time_ms"
    )]
    pub processing_time_ms: Option<f64>,
    /// How sure it is, 0 to 1; what is not between is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::confidence_score")]
    pub confidence_score: Option<f64>,
    /// The model that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_used: Option<String>,
    /// What it used; none is estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenCount>,
    /// Why it ended: `stop` unless said, `length`, `tool_calls` or `content_filter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
}

/// `ai_response_chunk`. It may bring several kinds of pieces at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::AiResponseChunk))]
pub struct AiResponseChunk {
    /// Which reply.
    #[serde(deserialize_with = "field::message_id")]
    pub message_id: MessageId,
    /// The next piece of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<String>,
    /// The next piece of what the model thinks aloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The next piece of a call of a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call: Option<ToolCallPiece>,
}

/// A piece of a call of a tool: pieces with the same index belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::ToolCallPiece))]
pub struct ToolCallPiece {
    /// Which call of the reply, from 0.
    #[serde(deserialize_with = "field::index")]
    pub index: u32,
    /// Its id, in its first piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tool's name, in its first piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The next piece of its arguments, which are JSON once they are whole.
    #[serde(default)]
    pub arguments: String,
}

/// `ai_error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::AiError))]
pub struct AiError {
    /// Which reply.
    #[serde(deserialize_with = "field::message_id")]
    pub message_id: MessageId,
    /// The worker's word for what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong, for the server's log.
    pub message: String,
    /// The HTTP status that comes nearest, 400 to 599: 408, 425, 429 and 5xx pass by themselves. None is 500.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::status")]
    pub status: Option<u16>,
    /// Seconds that it asks the server to wait.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::retry_after")]
    pub retry_after: Option<u64>,
}

/// `ai_status`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::AiStatus))]
pub struct AiStatus {
    /// `operational`; with any other word it gets nothing new.
    pub status: String,
    /// How many turns wait or run at it, the server's and those of others.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::queue_size")]
    pub queue_size: Option<u32>,
    /// How many turns it wants at once; with 0 it gets nothing new.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "field::processing_capacity"
    )]
    pub processing_capacity: Option<u32>,
    /// Since when it runs, in any form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Value>,
}

impl WorkerFrame {
    /// The words in `type`.
    pub const KINDS: &'static [&'static str] =
        &["ai_auth", "ai_response", "ai_response_chunk", "ai_error", "ai_status", "ping"];

    /// Reads one text frame of a worker.
    ///
    /// Unknown fields are ignored, and null means absent. Errors: `INVALID_JSON` where it is not a JSON object,
    /// `UNKNOWN_TYPE`, `INVALID_REQUEST` where a field is missing or has the wrong form, and `FORBIDDEN` where it is a
    /// user's.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let envelope = Envelope::open(text).map_err(|bad| FrameError::of(bad, None))?;
        let read = match read(envelope.kind(), text) {
            Ok(None) if super::UserFrame::KINDS.contains(&envelope.kind()) => {
                Err(of_the_other_side(envelope.kind(), "users"))
            }
            read => envelope.verdict(read),
        };
        read.map_err(|bad| FrameError::of(bad, Some(envelope)))
    }
}

fn read(kind: &str, text: &str) -> Result<Option<WorkerFrame>, serde_json::Error> {
    use serde_json::from_str;
    Ok(Some(match kind {
        "ai_auth" => WorkerFrame::AiAuth(from_str(text)?),
        "ai_response" => WorkerFrame::AiResponse(from_str(text)?),
        "ai_response_chunk" => WorkerFrame::AiResponseChunk(from_str(text)?),
        "ai_error" => WorkerFrame::AiError(from_str(text)?),
        "ai_status" => WorkerFrame::AiStatus(from_str(text)?),
        "ping" => WorkerFrame::Ping,
        _ => return Ok(None),
    }))
}
