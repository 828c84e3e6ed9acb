//! `/api/v1/ai/documents`.

use super::PageMeta;
use crate::{AssistantId, DocumentId, RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What a document is attached to: a room, an assistant or, with neither, who adds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::AttachTo))]
pub struct AttachTo {
    /// A room: its members have the document in their replies there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// An assistant: whoever asks it has the document in the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant_id: Option<AssistantId>,
}

/// `POST /api/v1/ai/documents`, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::NewDocument))]
pub struct NewDocument {
    /// What it is called.
    pub title: String,
    /// Its text.
    pub content: String,
    /// What the text is: `text/plain`, unless given, `text/markdown` or `text/html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// What it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach_to: Option<AttachTo>,
}

/// A document, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Document))]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// What it is called.
    pub title: String,
    /// What it was given as.
    pub content_type: String,
    /// How long its text is, in bytes.
    pub size: u64,
    /// `user`, `room` or `assistant`: what it is attached to.
    pub attached_to: String,
    /// Who added it.
    pub user_id: UserId,
    /// `pending`, `ready` or `failed`. Replies are made with it once it is ready.
    pub state: String,
    /// Why it has failed, or is not ready yet.
    #[cfg_attr(feature = "schema", schema(required))]
    pub problem: Option<String>,
    /// How many passages it has; 0 until it is ready.
    pub chunks: u32,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// A page of documents, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Documents))]
pub struct Documents {
    /// The documents.
    pub data: Vec<Document>,
    /// Where the page stands.
    pub meta: PageMeta,
}
