//! Documents and their passages.

use super::Database;
use crate::knowledge::{documents, index, near};
use async_trait::async_trait;
use parlor_domain::DocumentId;
use parlor_domain::ports::{
    Chunk, DocumentLease, DocumentRecord, DocumentScope, DocumentState, DocumentStore, DocumentWork, Page,
    Paged, Passage, StoreError,
};

#[async_trait]
impl DocumentStore for Database {
    async fn document_add(
        &self,
        record: DocumentRecord,
        text: String,
        most: u64,
    ) -> Result<bool, StoreError> {
        self.change("add a document", documents::add(self.pools(), record, text, most)).await
    }

    async fn document_get(&self, id: DocumentId) -> Result<Option<DocumentRecord>, StoreError> {
        self.read("read a document", move |pools| documents::get(pools, id)).await
    }

    async fn document_list(
        &self,
        scope: DocumentScope,
        page: Page,
    ) -> Result<Paged<DocumentRecord>, StoreError> {
        self.read("list documents", move |pools| documents::list(pools, scope, page)).await
    }

    async fn document_delete(&self, id: DocumentId) -> Result<bool, StoreError> {
        self.change("remove a document", documents::delete(self.pools(), id)).await
    }

    async fn documents_of_gone(&self, limit: usize) -> Result<usize, StoreError> {
        let change = documents::delete_of_gone(self.pools(), limit);
        self.change("remove documents of what is gone", change).await
    }

    async fn documents_outdated(&self, model: &str) -> Result<usize, StoreError> {
        let query = |pools| documents::outdated(pools, model.to_owned());
        self.repeat("look for documents of another model", query).await
    }

    async fn document_claim(&self, lease: DocumentLease) -> Result<Option<DocumentWork>, StoreError> {
        let change = documents::claim(self.pools(), lease, self.inner.alone);
        self.change("look for a document to make ready", change).await
    }

    async fn document_hold(&self, id: DocumentId, lease: DocumentLease) -> Result<bool, StoreError> {
        self.repeat("hold a document", move |pools| documents::hold(pools, id, lease)).await
    }

    async fn document_index(
        &self,
        id: DocumentId,
        lease: DocumentLease,
        model: &str,
        chunks: Vec<Chunk>,
    ) -> Result<bool, StoreError> {
        let change = index::store(self.pools(), id, lease, model.to_owned(), chunks);
        self.change("make a document ready", change).await
    }

    async fn document_problem(
        &self,
        id: DocumentId,
        lease: DocumentLease,
        state: DocumentState,
        problem: &str,
    ) -> Result<(), StoreError> {
        let query = |pools| documents::problem(pools, id, lease, state, problem.to_owned());
        self.repeat("say why a document is not ready", query).await
    }

    async fn documents_any(&self, scopes: &[DocumentScope], model: &str) -> Result<bool, StoreError> {
        let query = |pools| near::any(pools, scopes.to_vec(), model.to_owned());
        self.read("look for documents", query).await
    }

    async fn passages_near(
        &self,
        scopes: &[DocumentScope],
        model: &str,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Passage>, StoreError> {
        let query = |pools| near::near(pools, scopes.to_vec(), model.to_owned(), vector.to_vec(), limit);
        self.read("look for passages", query).await
    }
}
