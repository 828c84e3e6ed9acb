//! Assistants on disk: a name for a model with instructions.

use super::StoreError;
use crate::{AssistantId, ConversationId, Timestamp, UserId};
use async_trait::async_trait;

/// An assistant.
#[derive(Debug, Clone, PartialEq)]
pub struct Assistant {
    /// Its id, for ever.
    pub id: AssistantId,
    /// Whose it is; none is the server's, for everybody.
    pub owner: Option<UserId>,
    /// What it is called where a model is named: unique among those of its owner. 1 to 64 of `a-z 0-9 . _ -`, the first
    /// none of the last three.
    pub name: String,
    /// What people see: 1 to 200 bytes.
    pub display_name: String,
    /// The model that answers; none leaves it to the server.
    pub model: Option<String>,
    /// Its instructions: a template, at most 16 KiB; empty for none.
    pub prompt: String,
    /// How freely the model chooses its words, 0 to 2.
    pub temperature: Option<f64>,
    /// How many tokens its replies may have.
    pub max_tokens: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What became of an assistant that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssistantSaved {
    /// It is there now.
    Saved,
    /// Another one of its owner has its name.
    NameTaken,
    /// Its owner has as many as there may be.
    TooMany,
    /// There is no such assistant any more.
    Gone,
}

/// Assistants on disk.
#[async_trait]
pub trait AssistantStore: Send + Sync + 'static {
    /// Adds an assistant, where its owner has fewer than `most`.
    async fn assistant_create(&self, new: Assistant, most: usize) -> Result<AssistantSaved, StoreError>;

    /// Writes an assistant over the one with its id. Its owner and when it was made stay.
    async fn assistant_update(&self, changed: Assistant) -> Result<AssistantSaved, StoreError>;

    /// Removes an assistant, also from the rooms that have it. False where there was none.
    async fn assistant_delete(&self, id: AssistantId) -> Result<bool, StoreError>;

    /// The assistants of an owner by name, at most 1,000; none is the server's.
    async fn assistant_list(&self, owner: Option<UserId>) -> Result<Vec<Assistant>, StoreError>;

    /// Says which assistant answers in a room where a message names nobody; none: none does. False where there is no such
    /// conversation or assistant.
    async fn room_assistant_set(
        &self,
        conversation: ConversationId,
        assistant: Option<AssistantId>,
    ) -> Result<bool, StoreError>;

    /// The assistant of a room.
    async fn room_assistant(&self, conversation: ConversationId) -> Result<Option<Assistant>, StoreError>;
}
