//! Conversations at rest.

use super::Database;
use crate::archive::{entries, exchanges, purge, search};
use async_trait::async_trait;
use parlor_domain::message::{Message, Seq};
use parlor_domain::ports::{
    AuditEntry, ConversationEntry, ConversationStore, Exchange, Found, Page, Paged, StoreError,
};
use parlor_domain::{ConversationId, MessageId, Timestamp, UserId};

#[async_trait]
impl ConversationStore for Database {
    async fn conversation_entry(
        &self,
        id: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationEntry>, StoreError> {
        self.read("read a conversation", move |pools| entries::get(pools, id, user)).await
    }

    async fn conversation_list(
        &self,
        user: UserId,
        deleted: bool,
        page: Page,
    ) -> Result<Paged<ConversationEntry>, StoreError> {
        let query = move |pools| entries::list(pools, user, deleted, page);
        self.read("list conversations", query).await
    }

    async fn conversation_search(
        &self,
        user: UserId,
        words: Vec<String>,
        page: Page,
    ) -> Result<Option<Paged<Found>>, StoreError> {
        if self.inner.pools.cipher().is_on() {
            return Ok(None);
        }
        let query = |pools| search::search(pools, user, words.clone(), page);
        self.repeat("search conversations", query).await.map(Some)
    }

    async fn conversation_restore(
        &self,
        id: ConversationId,
        owner: UserId,
        now: Timestamp,
        entry: AuditEntry,
    ) -> Result<bool, StoreError> {
        let change = entries::restore(self.pools(), id, owner, now, entry.into());
        self.change("bring a conversation back", change).await
    }

    async fn conversation_purge(
        &self,
        before: Timestamp,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let change = purge::purge(self.pools(), before, limit, now);
        self.change("remove deleted conversations", change).await
    }

    async fn exchange_list(
        &self,
        conversation: ConversationId,
        after: Seq,
        page: Page,
    ) -> Result<Paged<Exchange>, StoreError> {
        let query = move |pools| exchanges::list(pools, conversation, after, page);
        self.read("read exchanges", query).await
    }

    async fn message_page(
        &self,
        conversation: ConversationId,
        after: Seq,
        page: Page,
    ) -> Result<Paged<Message>, StoreError> {
        let query = move |pools| exchanges::messages(pools, conversation, after, page);
        self.read("read messages", query).await
    }

    async fn log_export(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let query = move |pools| exchanges::export(pools, conversation, after, limit);
        self.read("export the log", query).await
    }

    async fn reply_to(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<Message>, StoreError> {
        let query = move |pools| exchanges::reply_to(pools, conversation, message);
        self.read("look for a reply", query).await
    }
}
