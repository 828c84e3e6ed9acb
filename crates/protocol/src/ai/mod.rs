//! The AI API over HTTP, `/api/v1/ai/*`: the bodies of its requests and answers, all in camelCase.
//!
//! Fields that are null are written as null: a client finds every name that it looks for.

mod conversations;
mod documents;
mod embeddings;
mod jobs;
mod usage;

pub use conversations::{
    Conversation, ConversationChange, ConversationWithMessages, Conversations, Message, NewConversation, Role,
};
pub use documents::{AttachTo, Document, Documents, NewDocument};
pub use embeddings::{EmbeddingAnswer, EmbeddingRequest};
pub use jobs::{
    FailedJob, Job, JobAccepted, JobCounts, JobError, JobRequest, JobResult, JobUpdate, JobWork, Jobs,
    JobsOverview,
};
pub use usage::{Usage, UsageGroup};

use crate::metadata::Citation;
use crate::{ConversationId, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

/// `POST /api/v1/ai/chat`: a message that wants its answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::ChatRequest))]
pub struct ChatRequest {
    /// The text.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 65536))]
    pub message: String,
    /// Where it belongs; none or null makes a new conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The model; none leaves it to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many tokens the reply may have; the server's own maximum still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub max_tokens: Option<u32>,
    /// How freely the model chooses its words, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 2))]
    pub temperature: Option<f64>,
    /// The client's own id of the message: sent again with the same text, it gets the first one's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<String>,
}

/// The answer to a [`ChatRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::ChatAnswer))]
pub struct ChatAnswer {
    /// The conversation, new or not.
    pub conversation_id: ConversationId,
    /// The reply's id.
    pub message_id: MessageId,
    /// The reply.
    pub content: String,
    /// The model that made it, where it is known.
    #[cfg_attr(feature = "schema", schema(required))]
    pub model: Option<String>,
    /// What it used: its context and its text together.
    pub tokens: u64,
    /// When it was whole.
    pub created_at: Timestamp,
    /// `complete`; `stopped` or `interrupted` where it was cut off and this is what there is.
    pub status: String,
    /// The name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<String>,
    /// The passages of documents that it was made with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation<'static>>,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::PageMeta))]
pub struct PageMeta {
    /// How many the whole list has.
    pub total: u64,
    /// Which page this is, from 1.
    pub page: u32,
    /// How many a page has at most.
    pub limit: u32,
    /// How many pages the list has.
    pub total_pages: u64,
}
