//! What no test wants to be slow.

use super::SlowStore;
use async_trait::async_trait;
use parlor_domain::message::{Message, Seq};
use parlor_domain::ports::{
    Assistant, AssistantSaved, AssistantStore, AuditEntry, AuditFilter, AuditStore, Chunk, ConversationEntry,
    ConversationStore, DocumentLease, DocumentRecord, DocumentScope, DocumentState, DocumentStore,
    DocumentWork, Exchange, Found, GrantStore, Page, Paged, Passage, ReportStore, Revocation, StoreError,
    UsageBy, UsageFilter, UsageLine,
};
use parlor_domain::{AssistantId, ConversationId, DocumentId, MessageId, Timestamp, UserId};
use tokio::time::sleep;
use uuid::Uuid;

#[async_trait]
impl AuditStore for SlowStore {
    async fn audit_append(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.store.audit_append(entries).await
    }

    async fn audit_list(
        &self,
        filter: AuditFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.audit_list(filter, before, limit).await
    }
}

#[async_trait]
impl GrantStore for SlowStore {
    async fn grant_revoke(&self, revocation: Revocation, entry: AuditEntry) -> Result<(), StoreError> {
        self.store.grant_revoke(revocation, entry).await
    }

    async fn grants_revoked(
        &self,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.store.grants_revoked(since, now).await
    }
}

#[async_trait]
impl ReportStore for SlowStore {
    async fn usage_lines(&self, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageLine>, StoreError> {
        self.store.usage_lines(filter, by).await
    }

    async fn conversation_totals(&self, user: UserId) -> Result<(u64, u64), StoreError> {
        self.store.conversation_totals(user).await
    }
}

#[async_trait]
impl ConversationStore for SlowStore {
    async fn conversation_entry(
        &self,
        id: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationEntry>, StoreError> {
        self.store.conversation_entry(id, user).await
    }

    async fn conversation_list(
        &self,
        user: UserId,
        deleted: bool,
        page: Page,
    ) -> Result<Paged<ConversationEntry>, StoreError> {
        self.store.conversation_list(user, deleted, page).await
    }

    async fn conversation_search(
        &self,
        user: UserId,
        words: Vec<String>,
        page: Page,
    ) -> Result<Option<Paged<Found>>, StoreError> {
        self.store.conversation_search(user, words, page).await
    }

    async fn conversation_restore(
        &self,
        id: ConversationId,
        owner: UserId,
        now: Timestamp,
        entry: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.store.conversation_restore(id, owner, now, entry).await
    }

    async fn conversation_purge(
        &self,
        before: Timestamp,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.store.conversation_purge(before, limit, now).await
    }

    async fn exchange_list(
        &self,
        conversation: ConversationId,
        after: Seq,
        page: Page,
    ) -> Result<Paged<Exchange>, StoreError> {
        self.store.exchange_list(conversation, after, page).await
    }

    async fn message_page(
        &self,
        conversation: ConversationId,
        after: Seq,
        page: Page,
    ) -> Result<Paged<Message>, StoreError> {
        self.store.message_page(conversation, after, page).await
    }

    async fn log_export(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.store.log_export(conversation, after, limit).await
    }

    async fn reply_to(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<Message>, StoreError> {
        sleep(self.delays.read).await;
        self.store.reply_to(conversation, message).await
    }
}

#[async_trait]
impl AssistantStore for SlowStore {
    async fn assistant_create(&self, new: Assistant, most: usize) -> Result<AssistantSaved, StoreError> {
        self.store.assistant_create(new, most).await
    }

    async fn assistant_update(&self, changed: Assistant) -> Result<AssistantSaved, StoreError> {
        self.store.assistant_update(changed).await
    }

    async fn assistant_delete(&self, id: AssistantId) -> Result<bool, StoreError> {
        self.store.assistant_delete(id).await
    }

    async fn assistant_list(&self, owner: Option<UserId>) -> Result<Vec<Assistant>, StoreError> {
        self.store.assistant_list(owner).await
    }

    async fn room_assistant_set(
        &self,
        conversation: ConversationId,
        assistant: Option<AssistantId>,
    ) -> Result<bool, StoreError> {
        self.store.room_assistant_set(conversation, assistant).await
    }

    async fn room_assistant(&self, conversation: ConversationId) -> Result<Option<Assistant>, StoreError> {
        self.store.room_assistant(conversation).await
    }
}

#[async_trait]
impl DocumentStore for SlowStore {
    async fn document_add(
        &self,
        record: DocumentRecord,
        text: String,
        most: u64,
    ) -> Result<bool, StoreError> {
        self.store.document_add(record, text, most).await
    }

    async fn document_get(&self, id: DocumentId) -> Result<Option<DocumentRecord>, StoreError> {
        self.store.document_get(id).await
    }

    async fn document_list(
        &self,
        scope: DocumentScope,
        page: Page,
    ) -> Result<Paged<DocumentRecord>, StoreError> {
        self.store.document_list(scope, page).await
    }

    async fn document_delete(&self, id: DocumentId) -> Result<bool, StoreError> {
        self.store.document_delete(id).await
    }

    async fn documents_of_gone(&self, limit: usize) -> Result<usize, StoreError> {
        self.store.documents_of_gone(limit).await
    }

    async fn documents_outdated(&self, model: &str) -> Result<usize, StoreError> {
        self.store.documents_outdated(model).await
    }

    async fn document_claim(&self, lease: DocumentLease) -> Result<Option<DocumentWork>, StoreError> {
        self.store.document_claim(lease).await
    }

    async fn document_hold(&self, id: DocumentId, lease: DocumentLease) -> Result<bool, StoreError> {
        self.store.document_hold(id, lease).await
    }

    async fn document_index(
        &self,
        id: DocumentId,
        lease: DocumentLease,
        model: &str,
        chunks: Vec<Chunk>,
    ) -> Result<bool, StoreError> {
        self.store.document_index(id, lease, model, chunks).await
    }

    async fn document_problem(
        &self,
        id: DocumentId,
        lease: DocumentLease,
        state: DocumentState,
        problem: &str,
    ) -> Result<(), StoreError> {
        self.store.document_problem(id, lease, state, problem).await
    }

    async fn documents_any(&self, scopes: &[DocumentScope], model: &str) -> Result<bool, StoreError> {
        self.store.documents_any(scopes, model).await
    }

    async fn passages_near(
        &self,
        scopes: &[DocumentScope],
        model: &str,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Passage>, StoreError> {
        self.store.passages_near(scopes, model, vector, limit).await
    }
}
