//! Conversations that are no rooms, as their participants find them afterwards: lists, search, pages, and the whole log.

use super::{AuditEntry, StoreError};
use crate::message::{Message, Seq, Summary};
use crate::room::MemberRole;
use crate::{ConversationId, MessageId, Timestamp, UserId};
use async_trait::async_trait;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many of the list stand before it.
    pub offset: u64,
    /// How many are wanted at most.
    pub limit: usize,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The part, in the list's order.
    pub items: Vec<T>,
    /// How many the whole list has.
    pub total: u64,
}

/// A conversation as it stands in its participants' lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationEntry {
    /// What it is.
    pub summary: Summary,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// What the one who asks is in it.
    pub role: MemberRole,
    /// They see only entries with a higher seq.
    pub visible_after: Seq,
}

/// A message that was asked, and what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The user's message.
    pub message: Message,
    /// The newest reply to it, if there is one.
    pub reply: Option<Message>,
}

/// A conversation in which something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The conversation.
    pub entry: ConversationEntry,
    /// The messages that fit best, best first, at most [`Found::MESSAGES`]; none where it is the title that fits.
    pub messages: Vec<FoundMessage>,
}

impl Found {
    /// How many messages of one conversation are shown.
    pub const MESSAGES: usize = 3;
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMessage {
    /// Which.
    pub id: MessageId,
    /// Its place.
    pub seq: Seq,
    /// Its text, as it is now.
    pub content: String,
}

/// Conversations at rest. Rooms are in none of these lists; neither is what a user does not see.
#[async_trait]
pub trait ConversationStore: Send + Sync + 'static {
    /// The conversation, deleted or not, for one of its participants.
    async fn conversation_entry(
        &self,
        id: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationEntry>, StoreError>;

    /// The conversations that a user takes part in, or those of them that were deleted; the last changed first (of
    /// equals, the higher id).
    async fn conversation_list(
        &self,
        user: UserId,
        deleted: bool,
        page: Page,
    ) -> Result<Paged<ConversationEntry>, StoreError>;

    /// The conversations in which every one of `words` ([`crate::search::words`]) begins a word of the title, or of
    /// one message that the user sees; the best first. Everything that was committed before is looked through. Of more
    /// than 1,000 messages that fit, the best 1,000 count. None where messages are encrypted at rest: then there is no
    /// search.
    async fn conversation_search(
        &self,
        user: UserId,
        words: Vec<String>,
        page: Page,
    ) -> Result<Option<Paged<Found>>, StoreError>;

    /// Brings a deleted conversation back and writes `entry` down, both or neither. False where there is none that
    /// `owner` owns.
    async fn conversation_restore(
        &self,
        id: ConversationId,
        owner: UserId,
        now: Timestamp,
        entry: AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Removes conversations, rooms too, that were deleted before `before`, with everything that belongs to them, at most
    /// `limit`. Each is gone together with an entry in the audit log, made at `now`, whose subject is its id. Gives how
    /// many there were.
    async fn conversation_purge(
        &self,
        before: Timestamp,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError>;

    /// The users' messages of a conversation with a seq above `after`, each with its newest reply, oldest first. These
    /// have what is [attached](Message::attached).
    async fn exchange_list(
        &self,
        conversation: ConversationId,
        after: Seq,
        page: Page,
    ) -> Result<Paged<Exchange>, StoreError>;

    /// The messages with a seq above `after`, of both sides, oldest first.
    async fn message_page(
        &self,
        conversation: ConversationId,
        after: Seq,
        page: Page,
    ) -> Result<Paged<Message>, StoreError>;

    /// The messages with a seq above `after` in their order, at most `limit`, with what is
    /// [attached](Message::attached).
    async fn log_export(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError>;

    /// The newest reply to a message, with what is [attached](Message::attached).
    async fn reply_to(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<Message>, StoreError>;
}
