//! Conversations as the AI API lists and shows them.

use super::PageMeta;
use crate::metadata::{Attachment, Citation};
use crate::{ConversationId, MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// `POST /api/v1/ai/conversations`: a conversation without messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::NewConversation))]
pub struct NewConversation {
    /// Its title; none leaves it to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub title: Option<String>,
}

/// `PATCH /api/v1/ai/conversations/{id}`: what is to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::ConversationChange))]
pub struct ConversationChange {
    /// The new title.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub title: String,
}

/// A conversation as it stands in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Conversation))]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Its title.
    pub title: String,
    /// The caller.
    pub user_id: UserId,
    /// How many messages it has, of both sides.
    pub message_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A page of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Conversations))]
pub struct Conversations {
    /// The last changed first.
    pub data: Vec<Conversation>,
    /// Where the page stands.
    pub meta: PageMeta,
}

/// A conversation with a page of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::ConversationWithMessages))]
pub struct ConversationWithMessages {
    /// What it is.
    #[serde(flatten)]
    pub conversation: Conversation,
    /// The oldest first.
    pub messages: Vec<Message>,
    /// Where the page of messages stands.
    pub meta: PageMeta,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Role))]
pub enum Role {
    /// A person.
    User,
    /// The AI.
    Assistant,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Message))]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who speaks.
    pub role: Role,
    /// The text.
    pub content: String,
    /// What a reply used: its context and its text together; null for a person's message.
    #[cfg_attr(feature = "schema", schema(required))]
    pub tokens: Option<u64>,
    /// The model of a reply, where it is known.
    #[cfg_attr(feature = "schema", schema(required))]
    pub model: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How a reply ended: `complete`, `stopped`, `failed` or `interrupted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// True where it was deleted: it has no text any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// For a reply: the name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<String>,
    /// For a reply: the passages of documents that it was made with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation<'static>>,
    /// The files that it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment<'static>>,
}
