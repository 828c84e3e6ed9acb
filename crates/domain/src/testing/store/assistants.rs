//! Assistants in memory.

use super::MemoryStore;
use crate::ports::{Assistant, AssistantSaved, AssistantStore, StoreError};
use crate::{AssistantId, ConversationId, UserId};
use async_trait::async_trait;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Assistants {
    all: HashMap<AssistantId, Assistant>,
    of_rooms: HashMap<ConversationId, AssistantId>,
}

impl Assistants {
    pub(super) fn has(&self, id: AssistantId) -> bool {
        self.all.contains_key(&id)
    }

    fn of(&self, owner: Option<UserId>) -> impl Iterator<Item = &Assistant> {
        self.all.values().filter(move |it| it.owner == owner)
    }

    /// The assistant answers in this room from now on.
    pub(super) fn set(&mut self, conversation: ConversationId, assistant: AssistantId) {
        self.of_rooms.insert(conversation, assistant);
    }

    fn is_taken(&self, owner: Option<UserId>, name: &str, by_others_than: AssistantId) -> bool {
        self.of(owner).any(|it| it.name == name && it.id != by_others_than)
    }

    fn create(&mut self, new: Assistant, most: usize) -> AssistantSaved {
        if self.is_taken(new.owner, &new.name, new.id) {
            return AssistantSaved::NameTaken;
        }
        if self.of(new.owner).count() >= most {
            return AssistantSaved::TooMany;
        }
        self.all.insert(new.id, new);
        AssistantSaved::Saved
    }

    fn update(&mut self, changed: Assistant) -> AssistantSaved {
        let Some(before) = self.all.get(&changed.id) else { return AssistantSaved::Gone };
        let (owner, created_at) = (before.owner, before.created_at);
        if self.is_taken(owner, &changed.name, changed.id) {
            return AssistantSaved::NameTaken;
        }
        self.all.insert(changed.id, Assistant { owner, created_at, ..changed });
        AssistantSaved::Saved
    }
}

#[async_trait]
impl AssistantStore for MemoryStore {
    async fn assistant_create(&self, new: Assistant, most: usize) -> Result<AssistantSaved, StoreError> {
        self.with_inner(|inner| inner.assistants.create(new, most))
    }

    async fn assistant_update(&self, changed: Assistant) -> Result<AssistantSaved, StoreError> {
        self.with_inner(|inner| inner.assistants.update(changed))
    }

    async fn assistant_delete(&self, id: AssistantId) -> Result<bool, StoreError> {
        self.with_inner(|inner| {
            inner.assistants.of_rooms.retain(|_, assistant| *assistant != id);
            inner.assistants.all.remove(&id).is_some()
        })
    }

    async fn assistant_list(&self, owner: Option<UserId>) -> Result<Vec<Assistant>, StoreError> {
        self.with_inner(|inner| {
            let mut list: Vec<_> = inner.assistants.of(owner).cloned().collect();
            list.sort_by(|one, other| one.name.cmp(&other.name));
            list.truncate(1_000);
            list
        })
    }

    async fn room_assistant_set(
        &self,
        conversation: ConversationId,
        assistant: Option<AssistantId>,
    ) -> Result<bool, StoreError> {
        self.with_inner(|inner| {
            let known = assistant.is_none_or(|id| inner.assistants.all.contains_key(&id));
            if !known || !inner.log.conversations.contains_key(&conversation) {
                return false;
            }
            match assistant {
                Some(id) => inner.assistants.set(conversation, id),
                None => drop(inner.assistants.of_rooms.remove(&conversation)),
            }
            true
        })
    }

    async fn room_assistant(&self, conversation: ConversationId) -> Result<Option<Assistant>, StoreError> {
        self.with_inner(|inner| {
            let id = inner.assistants.of_rooms.get(&conversation)?;
            inner.assistants.all.get(id).cloned()
        })
    }
}
