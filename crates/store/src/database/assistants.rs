//! Assistants.

use super::Database;
use crate::assistants;
use async_trait::async_trait;
use parlor_domain::ports::{Assistant, AssistantSaved, AssistantStore, StoreError};
use parlor_domain::{AssistantId, ConversationId, UserId};

#[async_trait]
impl AssistantStore for Database {
    async fn assistant_create(&self, new: Assistant, most: usize) -> Result<AssistantSaved, StoreError> {
        self.change("make an assistant", assistants::create(self.pools(), new, most)).await
    }

    async fn assistant_update(&self, changed: Assistant) -> Result<AssistantSaved, StoreError> {
        self.repeat("change an assistant", |pools| assistants::update(pools, changed.clone())).await
    }

    async fn assistant_delete(&self, id: AssistantId) -> Result<bool, StoreError> {
        self.change("remove an assistant", assistants::delete(self.pools(), id)).await
    }

    async fn assistant_list(&self, owner: Option<UserId>) -> Result<Vec<Assistant>, StoreError> {
        self.read("list assistants", move |pools| assistants::list(pools, owner)).await
    }

    async fn room_assistant_set(
        &self,
        conversation: ConversationId,
        assistant: Option<AssistantId>,
    ) -> Result<bool, StoreError> {
        let change = move |pools| assistants::of_room_set(pools, conversation, assistant);
        self.repeat("set a room's assistant", change).await
    }

    async fn room_assistant(&self, conversation: ConversationId) -> Result<Option<Assistant>, StoreError> {
        self.read("read a room's assistant", move |pools| assistants::of_room(pools, conversation)).await
    }
}
