//! Conversations at rest: lists, search, pages, export, deletion and what can be brought back. Who is no participant of a
//! conversation learns that there is none.

mod manage;

use crate::audit::Doer;
use crate::caller::Caller;
use crate::conversation::MembershipRequest;
use crate::hub::{Hub, Shared};
use crate::message::{Message, Seq};
use crate::ports::{AuditAction, ConversationEntry, Exchange, Found, Page, Paged, StoreError};
use crate::room::MemberRole;
use crate::search::{self, Snippet};
use crate::{ConversationId, ErrorCode, MessageId, Refusal, UserId};
use std::sync::Arc;

/// The most entries of one page of a list.
const PAGE_MAX: usize = 200;
/// The longest question of a search, in bytes.
const QUESTION_MAX: usize = 500;
/// How many messages of an export are read at once.
const EXPORT_PAGE: usize = 64;

/// A conversation in which something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchHit {
    /// The conversation.
    pub entry: ConversationEntry,
    /// Its title, with what fits in it.
    pub title: Snippet,
    /// The messages that fit best, best first.
    pub messages: Vec<(MessageId, Seq, Snippet)>,
}

impl Hub {
    /// The caller's conversations that are no rooms, or those of them that were deleted, the last changed first; at most
    /// 200 a page.
    pub async fn conversation_list(
        &self,
        caller: &Caller,
        deleted: bool,
        page: Page,
    ) -> Result<Paged<ConversationEntry>, Refusal> {
        let listed = self.0.store.conversation_list(caller.identity.user, deleted, bounded(page)).await;
        listed.map_err(|error| Refusal::internal(&error))
    }

    /// The caller's conversations in which every word of `question` begins a word of the title or of one message, the
    /// best first. Errors: `INVALID_REQUEST` for a question without words or of more than 500 bytes, and where there is
    /// no search because messages are encrypted at rest.
    pub async fn conversation_search(
        &self,
        caller: &Caller,
        question: &str,
        page: Page,
    ) -> Result<Paged<SearchHit>, Refusal> {
        let asked = search::question(question);
        if asked.is_empty() || question.len() > QUESTION_MAX {
            let words = format!("a search has at least one word and at most {QUESTION_MAX} bytes");
            return Err(Refusal::new(ErrorCode::InvalidRequest, words));
        }
        let found =
            self.0.store.conversation_search(caller.identity.user, asked.clone(), bounded(page)).await;
        let found = found.map_err(|error| Refusal::internal(&error))?;
        let Some(Paged { items, total }) = found else {
            let words = "search is off: messages are encrypted at rest";
            return Err(Refusal::new(ErrorCode::InvalidRequest, words));
        };
        Ok(Paged { items: items.into_iter().map(|found| hit(found, &asked)).collect(), total })
    }

    /// One conversation of the caller's, with a page of its exchanges, oldest first. Error: `CONVERSATION_NOT_FOUND`,
    /// also for a stranger and for one that was deleted.
    pub async fn conversation_read(
        &self,
        caller: &Caller,
        id: ConversationId,
        page: Page,
    ) -> Result<(ConversationEntry, Paged<Exchange>), Refusal> {
        let entry = self.0.present(caller, id).await?;
        let exchanges = self.0.store.exchange_list(id, entry.visible_after, bounded(page)).await;
        Ok((entry, exchanges.map_err(|error| Refusal::internal(&error))?))
    }

    /// Deletes a conversation that is no room; its owner can bring it back until it is removed for good. Errors:
    /// `CONVERSATION_NOT_FOUND`, also for a stranger; `FORBIDDEN` for who is not its owner.
    pub async fn conversation_delete(&self, caller: &Caller, id: ConversationId) -> Result<(), Refusal> {
        let (caller, shared) = (caller.clone(), Arc::clone(&self.0));
        let work = async move {
            let deleted = shared.delete(&caller, id).await;
            let (action, subject) = (AuditAction::ConversationDelete, Some(id.to_string()));
            shared.audited_unless_done(Doer::from(&caller), action, subject, deleted).await
        };
        self.0.to_its_end(work).await
    }

    /// Brings a deleted conversation back. Errors: as of [`Hub::conversation_delete`].
    pub async fn conversation_restore(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<ConversationEntry, Refusal> {
        let (caller, shared) = (caller.clone(), Arc::clone(&self.0));
        let work = async move {
            let restored = shared.restore(&caller, id).await;
            let written_down = restored == Ok(true);
            let entry = match restored {
                Ok(_) => shared.present(&caller, id).await,
                Err(refusal) => Err(refusal),
            };
            if written_down {
                return entry;
            }
            let (action, subject) = (AuditAction::ConversationRestore, Some(id.to_string()));
            shared.audited(Doer::from(&caller), action, subject, entry).await
        };
        self.0.to_its_end(work).await
    }

    /// The whole of a conversation, read as it is taken. Errors: as of [`Hub::conversation_read`].
    pub async fn conversation_export(&self, caller: &Caller, id: ConversationId) -> Result<Export, Refusal> {
        let entry = self.0.present(caller, id).await;
        let subject = Some(id.to_string());
        let entry = self.0.audited(caller.into(), AuditAction::ConversationExport, subject, entry).await?;
        let (after, through) = (entry.visible_after, entry.summary.last_seq);
        let (shared, reader, page) = (Arc::clone(&self.0), caller.identity.user, Vec::new().into_iter());
        Ok(Export { shared, reader, entry, after, through, page })
    }
}

impl Shared {
    async fn delete(self: &Arc<Self>, caller: &Caller, id: ConversationId) -> Result<(), Refusal> {
        self.present(caller, id).await?;
        let (by, request) = (caller.identity.user, MembershipRequest::Delete);
        let entry =
            Doer::from(caller).entry(AuditAction::ConversationDelete, Some(id.to_string()), self.clock.now());
        self.membership(id, by, request, Some(entry)).await.map_err(|refusal| refusal.about(false))
    }

    /// Whether it was deleted, which is written down then.
    async fn restore(&self, caller: &Caller, id: ConversationId) -> Result<bool, Refusal> {
        let entry = self.entry(caller, id).await?;
        if entry.role != MemberRole::Owner {
            return Err(Refusal::new(ErrorCode::Forbidden, "only its owner brings a conversation back"));
        }
        let at = self.clock.now();
        let audit = Doer::from(caller).entry(AuditAction::ConversationRestore, Some(id.to_string()), at);
        let restored = self.store.conversation_restore(id, caller.identity.user, at, audit).await;
        restored.map_err(|error| Refusal::internal(&error))
    }

    /// A conversation that the caller takes part in, deleted or not.
    async fn entry(&self, caller: &Caller, id: ConversationId) -> Result<ConversationEntry, Refusal> {
        let entry = self.store.conversation_entry(id, caller.identity.user).await;
        let entry = entry.map_err(|error| Refusal::internal(&error))?;
        entry.ok_or(Refusal::of(ErrorCode::ConversationNotFound))
    }

    /// The same, if it was not deleted.
    async fn present(&self, caller: &Caller, id: ConversationId) -> Result<ConversationEntry, Refusal> {
        let entry = self.entry(caller, id).await?;
        if entry.deleted_at.is_some() {
            return Err(Refusal::of(ErrorCode::ConversationNotFound));
        }
        Ok(entry)
    }
}

pub(crate) fn bounded(page: Page) -> Page {
    Page { limit: page.limit.min(PAGE_MAX), ..page }
}

fn hit(found: Found, asked: &[String]) -> SearchHit {
    let title = search::snippet(&found.entry.summary.title, asked);
    let messages = found.messages.into_iter();
    let messages = messages.map(|it| (it.id, it.seq, search::snippet(&it.content, asked))).collect();
    SearchHit { entry: found.entry, title, messages }
}

/// A conversation that is exported: as it was when the export began, a page in memory at a time.
pub struct Export {
    shared: Arc<Shared>,
    reader: UserId,
    entry: ConversationEntry,
    after: Seq,
    /// The newest entry that there was at the beginning.
    through: Seq,
    page: std::vec::IntoIter<Message>,
}

impl Export {
    /// The conversation.
    pub fn entry(&self) -> &ConversationEntry {
        &self.entry
    }

    /// The next message, with what is [attached](Message::attached); none at the end. Error: the store failed, or the
    /// conversation was removed for good meanwhile, and what was read is not the whole of it.
    pub async fn next(&mut self) -> Result<Option<Message>, StoreError> {
        if self.page.len() == 0 {
            let id = self.entry.summary.id;
            let page = self.shared.store.log_export(id, self.after, EXPORT_PAGE).await?;
            self.after = page.last().map_or(self.through, |message| message.seq);
            self.page = page.into_iter();
        }
        match self.page.next().filter(|message| message.seq <= self.through) {
            Some(message) => Ok(Some(message)),
            None => self.ended().await.map(|()| None),
        }
    }

    /// A removal takes the people first and the log from its beginning: as long as the reader takes part, nothing of it was
    /// missing.
    async fn ended(&self) -> Result<(), StoreError> {
        let entry = self.shared.store.conversation_entry(self.entry.summary.id, self.reader).await?;
        let gone = "the conversation was removed while it was exported";
        entry.map(drop).ok_or_else(|| StoreError { message: gone.to_owned(), source: None })
    }
}
