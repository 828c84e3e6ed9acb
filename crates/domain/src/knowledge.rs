//! Documents: who may add, see and remove them. How they are made ready stands in `indexer`, how replies use them in
//! `turn/context/knowledge.rs`.

mod chunks;
pub(crate) mod indexer;

use crate::caller::Caller;
use crate::hub::Hub;
use crate::limits::Counted;
use crate::ports::{AuditAction, DocumentRecord, DocumentScope, DocumentState, ExtractError, Page, Paged};
use crate::room::MemberRole;
use crate::{AssistantId, ConversationId, DocumentId, ErrorCode, Refusal, RoomId, check};
use bytes::Bytes;

/// What a document is to be attached to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AttachTo {
    /// To who adds it.
    #[default]
    Me,
    /// To a room.
    Room(RoomId),
    /// To an assistant.
    Assistant(AssistantId),
}

/// A document that somebody wants to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentDraft {
    /// What it is called.
    pub title: String,
    /// The file.
    pub content: Bytes,
    /// What the file is, say `text/markdown` or `application/pdf`.
    pub content_type: String,
    /// What it is attached to.
    pub attach_to: AttachTo,
}

/// What is wanted of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Read,
    Change,
}

impl Hub {
    /// The largest file that may be a document, in bytes.
    pub fn document_max(&self) -> usize {
        self.0.settings.knowledge.max_file
    }

    /// Adds a document. It is kept when this returns, and made ready afterwards.
    ///
    /// Errors: `RATE_LIMIT`, `INVALID_REQUEST`, `FILE_TOO_LARGE`, `FILE_TYPE_NOT_ALLOWED`, `CONFLICT` where there are as many
    /// as there may be, `ROOM_NOT_FOUND` for who is no member, `FORBIDDEN` for who may not change what it is attached to,
    /// `MODEL_NOT_FOUND` where this server finds nothing by its meaning, `INTERNAL`.
    pub async fn document_add(
        &self,
        caller: &Caller,
        draft: DocumentDraft,
    ) -> Result<DocumentRecord, Refusal> {
        let (shared, owner) = (&self.0, caller.identity.user);
        shared.user_limits.check(Counted::Embeddings, owner)?;
        check::document(&draft, shared.settings.knowledge.max_file)?;
        if shared.embedder.is_none() {
            return Err(Refusal::of(ErrorCode::ModelNotFound));
        }
        let scope = self.document_scope(caller, &draft.attach_to, Wish::Change).await?;
        let content_type = essence(&draft.content_type);
        let text = self.document_text(draft.content, &content_type).await?;
        let (now, size) = (shared.clock.now(), text.len() as u64);
        let record = DocumentRecord {
            id: DocumentId::new(),
            owner,
            scope,
            title: draft.title,
            content_type,
            size,
            state: DocumentState::Pending,
            problem: None,
            chunks: 0,
            created_at: now,
            updated_at: now,
        };
        let added =
            shared.store.document_add(record.clone(), text, shared.settings.knowledge.documents).await;
        if !added.map_err(|error| Refusal::internal(&error))? {
            return Err(Refusal::new(ErrorCode::Conflict, "there are as many documents as there may be"));
        }
        shared.documents_added.notify_one();
        Ok(record)
    }

    async fn document_text(&self, content: Bytes, content_type: &str) -> Result<String, Refusal> {
        let (shared, most) = (&self.0, self.0.settings.knowledge.max_text);
        let extractor = shared.extractor.as_ref().ok_or(Refusal::of(ErrorCode::FileTypeNotAllowed))?;
        let text = extractor.extract(content, content_type, most).await.map_err(|error| {
            let words = error.to_string();
            match error {
                ExtractError::Type => Refusal::new(ErrorCode::FileTypeNotAllowed, words),
                ExtractError::Broken(_) => Refusal::new(ErrorCode::InvalidRequest, words),
                ExtractError::TooLarge => Refusal::new(ErrorCode::FileTooLarge, words),
            }
        })?;
        let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
        if text.trim().is_empty() {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "there is no text in the document"));
        }
        Ok(text)
    }

    /// The documents of the caller, of a room or of an assistant, newest first. Errors: `ROOM_NOT_FOUND` for who is no
    /// member, `FORBIDDEN` for who may not see an assistant's, `INTERNAL`.
    pub async fn document_list(
        &self,
        caller: &Caller,
        attached_to: &AttachTo,
        page: Page,
    ) -> Result<Paged<DocumentRecord>, Refusal> {
        let scope = self.document_scope(caller, attached_to, Wish::Read).await?;
        self.0.store.document_list(scope, page).await.map_err(|error| Refusal::internal(&error))
    }

    /// A document that the caller may see. Errors: `NOT_FOUND`, also for a stranger; `INTERNAL`.
    pub async fn document_get(&self, caller: &Caller, id: DocumentId) -> Result<DocumentRecord, Refusal> {
        let found = self.0.store.document_get(id).await.map_err(|error| Refusal::internal(&error))?;
        let record = found.ok_or(Refusal::of(ErrorCode::NotFound))?;
        match self.document_right(caller, record.scope, Wish::Read).await {
            Ok(()) => Ok(record),
            Err(refusal) if refusal.code == ErrorCode::Internal => Err(refusal),
            Err(_) => Err(Refusal::of(ErrorCode::NotFound)),
        }
    }

    /// Removes a document with all that was made of it: no later reply is made with it. Who did is written down.
    ///
    /// Errors: `NOT_FOUND`, also for a stranger; `FORBIDDEN` for a member of its room who has not added it and does not
    /// moderate; `INTERNAL`.
    pub async fn document_delete(&self, caller: &Caller, id: DocumentId) -> Result<(), Refusal> {
        let record = self.document_get(caller, id).await?;
        let own = record.owner == caller.identity.user;
        let right = if own { Ok(()) } else { self.document_right(caller, record.scope, Wish::Change).await };
        let outcome = match right {
            Ok(()) => self.document_remove(id).await,
            Err(refusal) => Err(refusal),
        };
        let subject = Some(id.to_string());
        self.0.audited(caller.into(), AuditAction::DocumentDelete, subject, outcome).await
    }

    async fn document_remove(&self, id: DocumentId) -> Result<(), Refusal> {
        match self.0.store.document_delete(id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::of(ErrorCode::NotFound)),
            Err(error) => Err(Refusal::internal(&error)),
        }
    }

    async fn document_scope(
        &self,
        caller: &Caller,
        attach_to: &AttachTo,
        wish: Wish,
    ) -> Result<DocumentScope, Refusal> {
        let scope = match attach_to {
            AttachTo::Me => DocumentScope::User(caller.identity.user),
            AttachTo::Room(room) => DocumentScope::Room(self.0.room_find(room).await?),
            AttachTo::Assistant(id) => DocumentScope::Assistant(*id),
        };
        self.document_right(caller, scope, wish).await?;
        Ok(scope)
    }

    /// Whether the caller may do that with what is attached so: the one table of it. A stranger learns of nothing.
    async fn document_right(&self, caller: &Caller, scope: DocumentScope, wish: Wish) -> Result<(), Refusal> {
        match scope {
            DocumentScope::User(user) if user == caller.identity.user => Ok(()),
            DocumentScope::User(_) => Err(Refusal::of(ErrorCode::NotFound)),
            DocumentScope::Room(room) => self.document_room_right(caller, room, wish).await,
            DocumentScope::Assistant(id) => self.assistant_right(caller, id).await,
        }
    }

    async fn document_room_right(
        &self,
        caller: &Caller,
        room: ConversationId,
        wish: Wish,
    ) -> Result<(), Refusal> {
        self.0.access(room, caller.identity.user).await.map_err(|refusal| refusal.about(true))?;
        if wish == Wish::Read {
            return Ok(());
        }
        let found = self.0.store.conversation_get(room).await.map_err(|error| Refusal::internal(&error))?;
        let people = found.map(|it| it.participants).unwrap_or_default();
        let own = people.iter().find(|it| it.user == caller.identity.user).and_then(|it| it.role);
        if own.is_some_and(MemberRole::moderates) {
            return Ok(());
        }
        let words = "only its owner and moderators change a room's documents";
        Err(Refusal::new(ErrorCode::Forbidden, words))
    }
}

/// A media type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
