//! The database.

use super::{
    Account, AssistantStore, AttemptRecord, AuditStore, Balance, ConversationRecord, ConversationStore,
    DocumentStore, GrantStore, JobStore, MemberRecord, NewRoom, OrphanTurn, ReportStore, Reservation,
    Reserved, Role, RoomRecord, RoomScope, Totals, Unsynced, UploadStore, User, UserChange, Write, Written,
};
use crate::message::{Fingerprint, Message, Seq};
use crate::{ConversationId, MessageId, RoomId, Timestamp, UserId};
use async_trait::async_trait;
use std::sync::Arc;
use uuid::Uuid;

/// The store failed. The change may or may not have been made; a resend finds out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("store: {message}")]
pub struct StoreError {
    /// What was being done.
    pub message: String,
    /// Why it failed.
    #[source]
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The database. Reads see what was committed before they began.
#[async_trait]
pub trait Store:
    ConversationStore
    + AuditStore
    + DocumentStore
    + GrantStore
    + AssistantStore
    + JobStore
    + ReportStore
    + UploadStore
{
    /// Whether it answers at all.
    async fn health(&self) -> Result<(), StoreError>;

    /// Which log this is: made with the database, changed where it is put back from a copy.
    async fn epoch(&self) -> Result<String, StoreError>;

    /// The user, if there is one.
    async fn user_get(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with `email`, made if there is none. Where a role is given the user has it from now on; without one,
    /// a new user is a plain user and an existing one keeps theirs.
    async fn user_ensure(&self, email: &str, role: Option<Role>, now: Timestamp) -> Result<User, StoreError>;

    /// Changes a user. They as they are then; none where there is no such user.
    async fn user_update(&self, id: UserId, change: UserChange) -> Result<Option<User>, StoreError>;

    /// The conversation, if there is one that was not deleted.
    async fn conversation_get(&self, id: ConversationId) -> Result<Option<ConversationRecord>, StoreError>;

    /// Makes a conversation with no messages, its owner the first participant.
    async fn conversation_create(
        &self,
        id: ConversationId,
        owner: UserId,
        title: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Gives a conversation another title. False where there is none that was not deleted. Its task does this, and
    /// nobody else.
    async fn conversation_retitle(&self, id: ConversationId, title: &str) -> Result<bool, StoreError>;

    /// Makes `user` a participant; harmless where they are. False where there is no such conversation.
    async fn participant_add(&self, id: ConversationId, user: UserId) -> Result<bool, StoreError>;

    /// Makes a room, its owner the first participant. False where its id is taken.
    async fn room_create(&self, new: NewRoom) -> Result<bool, StoreError>;

    /// The conversation of the room with this id, if there is one.
    async fn room_find(&self, id: &RoomId) -> Result<Option<ConversationId>, StoreError>;

    /// The room with this id as `user` finds it in lists, if there is one.
    async fn room_get(&self, id: &RoomId, user: UserId) -> Result<Option<RoomRecord>, StoreError>;

    /// Rooms by id, at most `limit`, those after `after`.
    async fn room_list(
        &self,
        user: UserId,
        scope: RoomScope,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomRecord>, StoreError>;

    /// The members of a conversation by id, at most `limit`, those after `after`.
    async fn member_list(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<MemberRecord>, StoreError>;

    /// The conversations that have entries beyond `user`'s delivered watermark, those that rested longest first, at
    /// most `limit`.
    async fn unsynced_list(&self, user: UserId, limit: usize) -> Result<Vec<Unsynced>, StoreError>;

    /// How much there is of everything.
    async fn totals(&self) -> Result<Totals, StoreError>;

    /// Commits `writes` in one transaction, in their order, and answers each: the log's only way in.
    ///
    /// Writes of other callers may share the transaction. When it returns, what is `Stored` survives kill -9.
    /// The seqs of one conversation rise in the order of the writes. Dropping the future does not undo anything.
    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError>;

    /// The entries with `after < position <= through`, in their order, at most `limit`: messages that are new after
    /// `after`, and older ones that were changed since, each at its [`Message::position`]. A message is there once,
    /// as it is now: changes that another has overtaken are left out.
    async fn log_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError>;

    /// The newest `limit` messages with `seq < before` (none: the newest of all), oldest first.
    async fn log_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError>;

    /// The message with this fingerprint that made its conversation, if there is one.
    async fn message_that_created(&self, fingerprint: Fingerprint) -> Result<Option<Message>, StoreError>;

    /// The message with this fingerprint in a conversation that was not deleted, if there is one.
    async fn message_sent(
        &self,
        conversation: ConversationId,
        fingerprint: Fingerprint,
    ) -> Result<Option<Message>, StoreError>;

    /// A message of a conversation, if it is there: an assistant's is there once its turn has ended.
    async fn message_get(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, StoreError>;

    /// A message of any conversation that was not deleted.
    async fn message_find(&self, id: MessageId) -> Result<Option<Message>, StoreError>;

    /// The newest message with `after < seq <= through` that a user other than `reader` wrote, if there is one.
    async fn message_covered(
        &self,
        conversation: ConversationId,
        after: Seq,
        through: Seq,
        reader: UserId,
    ) -> Result<Option<Message>, StoreError>;

    /// The live turns whose lease was over at `now`, at most 1,000.
    ///
    /// A store that only one process can open (`SQLite`) also gives those of every node but `node`, which must be
    /// dead, whatever their lease.
    async fn turns_orphaned(&self, node: Uuid, now: Timestamp) -> Result<Vec<OrphanTurn>, StoreError>;

    /// Sets tokens aside in every account of `reservation`, or in none: in each, used and reserved tokens together then
    /// are no more than its limit, whatever else is reserved at the same time and on whatever node. It is durable when
    /// this returns. The same attempt reserves once: again, it is `Granted` and nothing changes.
    async fn usage_reserve(&self, reservation: Reservation) -> Result<Reserved, StoreError>;

    /// Enters lines in the books: each once, whatever is sent again. In each of a line's accounts its tokens are used
    /// from now on, and what was reserved for the attempt is reserved no more.
    async fn usage_settle(&self, records: Vec<AttemptRecord>) -> Result<(), StoreError>;

    /// Settles reservations of dead nodes, as [`AttemptOutcome::Lost`](super::AttemptOutcome::Lost): of each the context
    /// counts as used, by its estimate. Dead are those that expired by `now`; in a store that only one process can open
    /// (`SQLite`) also those of every node but `node`. Gives how many there were, at most 1,000.
    async fn usage_expire(&self, node: Uuid, now: Timestamp) -> Result<usize, StoreError>;

    /// How an account stands; empty where it was never used.
    async fn usage_balance(&self, account: &Account) -> Result<Balance, StoreError>;

    /// The lines of a turn's attempts that are over, in their order.
    async fn usage_attempts(&self, turn: MessageId) -> Result<Vec<AttemptRecord>, StoreError>;
}
