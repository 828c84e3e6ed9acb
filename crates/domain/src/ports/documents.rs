//! Documents that replies may be made with, and where their passages are found.

use super::{Page, Paged, StoreError};
use crate::{AssistantId, ConversationId, DocumentId, Timestamp, UserId};
use async_trait::async_trait;
use uuid::Uuid;

/// What a document is attached to: whoever has that in a turn has the document, and nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentScope {
    /// A user: their own conversations, where nobody else is.
    User(UserId),
    /// A room, by its conversation: its members.
    Room(ConversationId),
    /// An assistant, by its id: whoever asks it.
    Assistant(AssistantId),
}

impl DocumentScope {
    /// The word of its kind in the database.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Room(_) => "room",
            Self::Assistant(_) => "assistant",
        }
    }

    /// The id of what it is attached to.
    pub const fn id(self) -> Uuid {
        match self {
            Self::User(user) => user.as_uuid(),
            Self::Room(room) => room.as_uuid(),
            Self::Assistant(assistant) => assistant.as_uuid(),
        }
    }

    /// What these words of a database say; none where they say nothing.
    pub fn from_words(kind: &str, id: Uuid) -> Option<Self> {
        Some(match kind {
            "user" => Self::User(id.into()),
            "room" => Self::Room(id.into()),
            "assistant" => Self::Assistant(id.into()),
            _ => return None,
        })
    }
}

/// How far a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentState {
    /// It waits to be cut into passages, or is being cut.
    Pending,
    /// Its passages are found.
    Ready,
    /// It could not be made ready.
    Failed,
}

impl DocumentState {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// What this word says; none where it says nothing.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Ready, Self::Failed].into_iter().find(|state| state.as_str() == word)
    }
}

/// A document, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRecord {
    /// Its id.
    pub id: DocumentId,
    /// Who added it: the tokens of its vectors are at their expense.
    pub owner: UserId,
    /// What it is attached to.
    pub scope: DocumentScope,
    /// What it is called.
    pub title: String,
    /// What it was given as, say `application/pdf`.
    pub content_type: String,
    /// How long its text is, in bytes.
    pub size: u64,
    /// How far it is.
    pub state: DocumentState,
    /// Why it failed, or is not ready yet.
    pub problem: Option<String>,
    /// How many passages it has; 0 until it is ready.
    pub chunks: u32,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// A document whose passages are to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentWork {
    /// The document.
    pub record: DocumentRecord,
    /// Its whole text.
    pub text: String,
    /// How often it has been tried, this time too.
    pub tries: u32,
}

/// A passage of a document and its vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// The text.
    pub text: String,
    /// Its vector, of length 1.
    pub vector: Vec<f32>,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The document.
    pub document: DocumentId,
    /// The document's title.
    pub title: String,
    /// Which of its passages, from 0.
    pub chunk: u32,
    /// The text.
    pub text: String,
    /// The cosine between its vector and the one that was looked for.
    pub score: f32,
}

/// Who looks for documents to make ready, and until when they have them for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentLease {
    /// The node.
    pub node: Uuid,
    /// Now.
    pub now: Timestamp,
    /// Until when nobody else takes the document.
    pub until: Timestamp,
}

/// Documents and their passages on disk.
#[async_trait]
pub trait DocumentStore: Send + Sync + 'static {
    /// Adds a document, pending; nothing where its scope has `most` already. False then.
    async fn document_add(&self, record: DocumentRecord, text: String, most: u64)
    -> Result<bool, StoreError>;

    /// A document, if there is one.
    async fn document_get(&self, id: DocumentId) -> Result<Option<DocumentRecord>, StoreError>;

    /// The documents of a scope, newest first.
    async fn document_list(
        &self,
        scope: DocumentScope,
        page: Page,
    ) -> Result<Paged<DocumentRecord>, StoreError>;

    /// Removes a document with all its passages. False where there is none.
    async fn document_delete(&self, id: DocumentId) -> Result<bool, StoreError>;

    /// Removes every document of rooms and assistants that are no more, at most `limit`. Gives how many.
    async fn documents_of_gone(&self, limit: usize) -> Result<usize, StoreError>;

    /// Makes pending again what is ready by another model than `model`, or cannot be found as it is kept. Gives how many.
    async fn documents_outdated(&self, model: &str) -> Result<usize, StoreError>;

    /// The pending document that waited longest and is nobody's, now the caller's; none where there is none.
    ///
    /// In a store that only one process can open (`SQLite`), what another node has is nobody's: that node is dead.
    async fn document_claim(&self, lease: DocumentLease) -> Result<Option<DocumentWork>, StoreError>;

    /// Keeps a document that the caller has for longer. False where it is gone or another's.
    async fn document_hold(&self, id: DocumentId, lease: DocumentLease) -> Result<bool, StoreError>;

    /// Gives a document its passages by `model`, all of them in one step, and makes it ready. Nothing where it is gone or
    /// another node's: false then.
    async fn document_index(
        &self,
        id: DocumentId,
        lease: DocumentLease,
        model: &str,
        chunks: Vec<Chunk>,
    ) -> Result<bool, StoreError>;

    /// Says why a document is not ready: it has failed, or waits until the lease ends and is anybody's then.
    async fn document_problem(
        &self,
        id: DocumentId,
        lease: DocumentLease,
        state: DocumentState,
        problem: &str,
    ) -> Result<(), StoreError>;

    /// Whether anything of these scopes is ready by `model`.
    async fn documents_any(&self, scopes: &[DocumentScope], model: &str) -> Result<bool, StoreError>;

    /// The passages nearest to `vector`, of length 1, among those of these scopes by `model` and no others, nearest first,
    /// at most `limit`.
    async fn passages_near(
        &self,
        scopes: &[DocumentScope],
        model: &str,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Passage>, StoreError>;
}
