//! Documents in memory: every passage is looked at.

use super::archive::paged;
use super::{Inner, MemoryStore};
use crate::ports::{
    Chunk, DocumentLease, DocumentRecord, DocumentScope, DocumentState, DocumentStore, DocumentWork, Page,
    Paged, Passage, StoreError,
};
use crate::{DocumentId, Timestamp};
use async_trait::async_trait;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug, Default)]
pub(super) struct Documents(BTreeMap<DocumentId, Document>);

#[derive(Debug)]
struct Document {
    record: DocumentRecord,
    text: String,
    model: Option<String>,
    chunks: Vec<Chunk>,
    tries: u32,
    lease: Option<(Uuid, Timestamp)>,
}

impl Document {
    fn set(&mut self, state: DocumentState, problem: Option<String>, at: Timestamp) {
        (self.record.state, self.record.problem, self.record.updated_at) = (state, problem, at);
    }

    fn found_by(&self, scopes: &[DocumentScope], model: &str) -> bool {
        self.record.state == DocumentState::Ready
            && self.model.as_deref() == Some(model)
            && scopes.contains(&self.record.scope)
    }
}

impl MemoryStore {
    /// Without the faults of reads: a test that wants one means the log, and not what looks for documents beside it.
    #[expect(clippy::unnecessary_wraps, reason = "as every other read")]
    fn with_documents<T>(&self, action: impl FnOnce(&mut Inner) -> T) -> Result<T, StoreError> {
        Ok(action(&mut self.inner.lock()))
    }
}

impl Inner {
    /// A document that this lease's node has.
    fn document_of(&mut self, id: DocumentId, lease: DocumentLease) -> Option<&mut Document> {
        let document = self.documents.0.get_mut(&id)?;
        document.lease.is_some_and(|(node, _)| node == lease.node).then_some(document)
    }
}

#[async_trait]
impl DocumentStore for MemoryStore {
    async fn document_add(
        &self,
        record: DocumentRecord,
        text: String,
        most: u64,
    ) -> Result<bool, StoreError> {
        self.with_documents(|inner| {
            let all = &mut inner.documents.0;
            if all.values().filter(|it| it.record.scope == record.scope).count() as u64 >= most {
                return false;
            }
            let (model, chunks, lease) = (None, Vec::new(), None);
            all.insert(record.id, Document { record, text, model, chunks, tries: 0, lease });
            true
        })
    }

    async fn document_get(&self, id: DocumentId) -> Result<Option<DocumentRecord>, StoreError> {
        self.with_documents(|inner| inner.documents.0.get(&id).map(|it| it.record.clone()))
    }

    async fn document_list(
        &self,
        scope: DocumentScope,
        page: Page,
    ) -> Result<Paged<DocumentRecord>, StoreError> {
        self.with_documents(|inner| {
            let all = inner.documents.0.values().map(|it| &it.record);
            let mut own: Vec<_> = all.filter(|it| it.scope == scope).cloned().collect();
            own.sort_by_key(|it| Reverse((it.created_at, it.id)));
            paged(own, page)
        })
    }

    async fn document_delete(&self, id: DocumentId) -> Result<bool, StoreError> {
        self.with_documents(|inner| inner.documents.0.remove(&id).is_some())
    }

    async fn documents_of_gone(&self, limit: usize) -> Result<usize, StoreError> {
        self.with_documents(|inner| {
            let gone = |it: &DocumentRecord| match it.scope {
                DocumentScope::Room(room) => {
                    inner.log.conversations.get(&room).is_none_or(|room| room.deleted_at.is_some())
                }
                DocumentScope::Assistant(assistant) => !inner.assistants.has(assistant),
                DocumentScope::User(_) => false,
            };
            let all = inner.documents.0.values().map(|it| &it.record);
            let due: Vec<_> = all.filter(|it| gone(it)).map(|it| it.id).take(limit).collect();
            due.iter().for_each(|id| drop(inner.documents.0.remove(id)));
            due.len()
        })
    }

    async fn documents_outdated(&self, model: &str) -> Result<usize, StoreError> {
        self.with_documents(|inner| {
            let ready = |it: &&mut Document| it.record.state == DocumentState::Ready;
            let others = |it: &&mut Document| it.model.as_deref() != Some(model);
            let mut count = 0;
            for document in inner.documents.0.values_mut().filter(ready).filter(others) {
                (document.record.state, document.tries, document.lease) = (DocumentState::Pending, 0, None);
                count += 1;
            }
            count
        })
    }

    async fn document_claim(&self, lease: DocumentLease) -> Result<Option<DocumentWork>, StoreError> {
        self.with_documents(|inner| {
            let shared = inner.shared;
            let free = |it: &Document| match it.lease {
                None => true,
                Some((node, until)) => until <= lease.now || (!shared && node != lease.node),
            };
            let all = inner.documents.0.values_mut();
            let due = all.filter(|it| it.record.state == DocumentState::Pending && free(it));
            let document = due.min_by_key(|it| (it.record.created_at, it.record.id))?;
            (document.lease, document.tries) = (Some((lease.node, lease.until)), document.tries + 1);
            let (record, text) = (document.record.clone(), document.text.clone());
            Some(DocumentWork { record, text, tries: document.tries })
        })
    }

    async fn document_hold(&self, id: DocumentId, lease: DocumentLease) -> Result<bool, StoreError> {
        self.with_documents(|inner| {
            let Some(document) = inner.document_of(id, lease) else { return false };
            document.lease = Some((lease.node, lease.until));
            true
        })
    }

    async fn document_index(
        &self,
        id: DocumentId,
        lease: DocumentLease,
        model: &str,
        chunks: Vec<Chunk>,
    ) -> Result<bool, StoreError> {
        self.with_documents(|inner| {
            let Some(document) = inner.document_of(id, lease) else { return false };
            document.record.chunks = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
            (document.model, document.chunks) = (Some(model.to_owned()), chunks);
            (document.lease, document.tries) = (None, 0);
            document.set(DocumentState::Ready, None, lease.now);
            true
        })
    }

    async fn document_problem(
        &self,
        id: DocumentId,
        lease: DocumentLease,
        state: DocumentState,
        problem: &str,
    ) -> Result<(), StoreError> {
        self.with_documents(|inner| {
            if let Some(document) = inner.document_of(id, lease) {
                document.set(state, Some(problem.to_owned()), lease.now);
                document.lease = Some((lease.node, lease.until));
            }
        })
    }

    async fn documents_any(&self, scopes: &[DocumentScope], model: &str) -> Result<bool, StoreError> {
        self.with_documents(|inner| inner.documents.0.values().any(|it| it.found_by(scopes, model)))
    }

    async fn passages_near(
        &self,
        scopes: &[DocumentScope],
        model: &str,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Passage>, StoreError> {
        self.with_documents(|inner| {
            let visible = inner.documents.0.values().filter(|it| it.found_by(scopes, model));
            let passage = |it: &Document, number: usize, chunk: &Chunk| Passage {
                document: it.record.id,
                title: it.record.title.clone(),
                chunk: u32::try_from(number).unwrap_or(u32::MAX),
                text: chunk.text.clone(),
                score: chunk.vector.iter().zip(vector).map(|(one, other)| one * other).sum(),
            };
            let mut found = Vec::new();
            for document in visible {
                let alike = |(_, chunk): &(usize, &Chunk)| chunk.vector.len() == vector.len();
                for (number, chunk) in document.chunks.iter().enumerate().filter(alike) {
                    found.push(passage(document, number, chunk));
                }
            }
            found.sort_by(|one, other| other.score.total_cmp(&one.score));
            found.truncate(limit);
            found
        })
    }
}
