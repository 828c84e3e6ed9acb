//! What the domain needs of the world, as traits. Other crates implement them; [`crate::testing`] has one of each
//! that lives in memory, so that the domain runs alone.

use crate::message::{Edit, Fingerprint, Message, Seq, Summary, Usage};
use crate::room::{MemberRole, Participant, Room};
use crate::{ConversationId, ErrorCode, MessageId, RoomId, Timestamp, UserId};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The time of day, and a clock that only goes forward. One clock serves a whole server.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, for what people and tokens see. It may jump.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, for rate limits. It never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_jiff(jiff::Timestamp::now())
    }

    fn monotonic(&self) -> Duration {
        use std::sync::LazyLock;
        use std::time::Instant;
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// What a user may do beyond their own conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Their own things.
    #[default]
    User,
    /// Everything that is for operators.
    Admin,
}

impl Role {
    /// The word in tokens and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::User, Self::Admin].into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role: user or admin")]
pub struct UnknownRole;

/// Who a credential speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
    /// When the credential stops to be good.
    pub expires_at: Timestamp,
    /// What it opens.
    pub scope: Scope,
}

/// What a credential opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Sockets and HTTP.
    #[default]
    Everything,
    /// Sockets alone: it may stand in a URL, and URLs end up in logs.
    Sockets,
}

/// Tells whose a credential is. Issuers of others (JWKS) stand behind the same trait.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Checks a bearer token. Errors: [`ErrorCode::InvalidToken`], [`ErrorCode::TokenExpired`], and
    /// [`ErrorCode::Internal`] where it could not be checked.
    async fn authenticate(&self, token: &str) -> Result<Identity, ErrorCode>;

    /// Issues a token of [`Scope::Sockets`] for a user, good for `ttl` from now. Error: [`ErrorCode::Internal`].
    async fn issue_socket_token(&self, user: UserId, role: Role, ttl: Duration) -> Result<String, ErrorCode>;
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their address, in lower case: unique.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl User {
    /// What others see of them: the part of the address before `@`.
    pub fn username(&self) -> &str {
        username_of(&self.email)
    }
}

/// What others see of the user with this address.
pub fn username_of(email: &str) -> &str {
    email.split_once('@').map_or(email, |(name, _)| name)
}

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

/// A conversation as its task needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRecord {
    /// What stands in lists.
    pub summary: Summary,
    /// What makes it a room, if it is one.
    pub room: Option<Room>,
    /// Who takes part, and who was removed.
    pub participants: Vec<Participant>,
}

/// One change of a conversation. Its task makes them, but for receipts, which are their user's own; the store commits
/// those of many tasks together.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A user's message.
    Message(Box<NewMessage>),
    /// A change to a message.
    Change(Box<MessageChange>),
    /// A change of who takes part, or the end of the conversation.
    Membership(MembershipChange),
    /// How far a participant has got and read.
    Receipt(Receipt),
    /// Another answer to a message that is already in the log.
    TurnOpen(NewTurn),
    /// What a live turn has produced so far, and that its node lives.
    TurnCheckpoint(Checkpoint),
    /// A turn's end: it becomes a message.
    TurnEnd(Box<TurnEnd>),
}

/// A user's message on its way into the log.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// The message, with seq 0.
    pub message: Message,
    /// Recognises a resend; none where the sender gave no id.
    pub fingerprint: Option<Fingerprint>,
    /// Where the message makes its conversation: the title; the author becomes its owner. A resend is then
    /// looked for among the sender's messages that made a conversation.
    pub creates: Option<String>,
    /// The turn that answers it, opened in the same transaction.
    pub turn: Option<NewTurn>,
}

/// A change to a message, on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageChange {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub message: MessageId,
    /// Who wants it.
    pub by: UserId,
    /// Whether they may change what others wrote.
    pub moderates: bool,
    /// They see only messages with a higher seq.
    pub visible_after: Seq,
    /// When.
    pub at: Timestamp,
    /// What is to be changed.
    pub edit: Edit,
}

impl MessageChange {
    /// The message as it is after the change; none where nothing changes. The rules of changes, for every store; the
    /// store gives the new message its `changed_seq`.
    ///
    /// Errors: [`ErrorCode::MessageNotFound`] (also where `by` cannot see it), [`ErrorCode::Forbidden`], and those
    /// of [`Message::edited`].
    pub fn apply(&self, message: &Message) -> Result<Option<Message>, ErrorCode> {
        if message.conversation != self.conversation || message.seq <= self.visible_after {
            return Err(ErrorCode::MessageNotFound);
        }
        let anybody = matches!(self.edit, Edit::React { .. });
        if !anybody && !self.moderates && message.author != crate::message::Author::User(self.by) {
            return Err(ErrorCode::Forbidden);
        }
        message.edited(&self.edit, self.by, self.at)
    }
}

/// A change of who takes part in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipChange {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whose part changes; for [`MembershipStep::Delete`], who deletes it.
    pub user: UserId,
    /// When.
    pub at: Timestamp,
    /// How.
    pub step: MembershipStep,
}

/// How a part in a conversation changes. Whether the user may do that has been decided before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipStep {
    /// They become a participant, with both watermarks at the head. Harmless where they are: nothing changes.
    Enter {
        /// As what.
        role: MemberRole,
        /// Refused with [`ErrorCode::RoomFull`] where so many, or more, are in it.
        most: Option<usize>,
        /// They see only what comes from now on.
        from_now: bool,
        /// Whether one who was removed may come back; else [`ErrorCode::RoomAccessDenied`].
        readmit: bool,
    },
    /// Another role. Refused with [`ErrorCode::NotFound`] where they are no participant.
    SetRole(MemberRole),
    /// They are no participant any more. Harmless where they are none.
    Leave {
        /// Who becomes owner in their place.
        heir: Option<UserId>,
    },
    /// The same, and they may not come back by themselves. Harmless where they are none: then they are barred.
    Remove,
    /// The conversation ends: nobody finds it any more, and its room id is free. Its live turns are ended
    /// as interrupted. The log stays in the database.
    Delete,
}

/// How far a participant has got: watermarks, which only rise, and not above the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whose.
    pub user: UserId,
    /// Everything up to here has reached a client of theirs; 0 says nothing.
    pub delivered: Seq,
    /// They have read up to here; 0 says nothing. What is read is delivered.
    pub read: Seq,
}

/// A turn that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTurn {
    /// The assistant message that it will become.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The message that it answers.
    pub in_reply_to: MessageId,
    /// The node that runs it.
    pub node: Uuid,
    /// Until when that node surely lives.
    pub lease_until: Timestamp,
}

/// The state of a live turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The turn.
    pub turn: MessageId,
    /// All its text so far; none where only the lease is renewed.
    pub content: Option<String>,
    /// Until when its node surely lives.
    pub lease_until: Timestamp,
}

/// A turn that ends.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnEnd {
    /// The message that it becomes, with seq 0; its `id` is the turn's and its `reply` is there.
    pub message: Message,
    /// Whether the text is the last checkpoint's (the turn of a dead node) instead of the message's.
    pub from_checkpoint: bool,
}

/// What became of a [`Write`].
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// It is in the log, with its seq. `message_count` counts it.
    Stored {
        /// The message, with the seq that it got.
        message: Box<Message>,
        /// How many messages the conversation has now.
        message_count: u64,
    },
    /// It was there already; nothing was changed. The first one may stand in another conversation.
    Duplicate(Box<Message>),
    /// The message was changed; its `changed_seq` is the entry.
    Changed(Box<Message>),
    /// The change would change nothing: the message as it is. No entry was made.
    Unchanged(Box<Message>),
    /// The user has this part now ([`MembershipStep::Enter`], [`MembershipStep::SetRole`]).
    Member(Participant),
    /// The read watermark went from the one to the other; the same, where it did not move.
    Marked {
        /// Before.
        read_from: Seq,
        /// Now.
        read_to: Seq,
    },
    /// The turn is open. With the seq of the message that it answers.
    TurnOpened(Seq),
    /// Noted.
    Done,
    /// Nothing was changed: the conversation is gone or a receipt's user takes no part in it
    /// ([`ErrorCode::ConversationNotFound`]), the message that a turn should answer is not a user's in this
    /// conversation ([`ErrorCode::MessageNotFound`]), the turn has ended before ([`ErrorCode::Conflict`]), or what
    /// [`MessageChange::apply`] and [`MembershipStep`] say.
    Refused(ErrorCode),
}

/// A turn whose node gave no sign of life for its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrphanTurn {
    /// The turn.
    pub turn: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The message that it answers.
    pub in_reply_to: MessageId,
}

/// A room to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoom {
    /// The conversation that it will be.
    pub conversation: ConversationId,
    /// The room.
    pub room: Room,
    /// Its name.
    pub title: String,
    /// Its first member.
    pub owner: UserId,
    /// When.
    pub at: Timestamp,
}

/// A room as it stands in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRecord {
    /// Its conversation's summary.
    pub summary: Summary,
    /// The room.
    pub room: Room,
    /// When it was made.
    pub created_at: Timestamp,
    /// What the one who asks is in it; none where they are no member.
    pub role: Option<MemberRole>,
    /// How many members it has.
    pub members: u64,
}

/// Which rooms a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomScope {
    /// Those that the user is a member of.
    Own,
    /// The shared ones, which every user may enter.
    Shared,
}

/// A member as they stand in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// Who.
    pub user: UserId,
    /// What they are called; nothing where the account is gone.
    pub username: Option<String>,
    /// What they may do.
    pub role: MemberRole,
    /// Since when.
    pub joined_at: Timestamp,
    /// Everything up to here has reached a client of theirs.
    pub delivered: Seq,
    /// They have read up to here.
    pub read: Seq,
}

/// A conversation of which a user has not got everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsynced {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its room id, if it is a room.
    pub room: Option<RoomId>,
    /// How far they have got.
    pub delivered: Seq,
    /// They see only entries with a higher seq.
    pub visible_after: Seq,
    /// Its newest entry.
    pub last_seq: Seq,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts.
    pub users: u64,
    /// Conversations that were not deleted, rooms among them.
    pub conversations: u64,
    /// Rooms.
    pub rooms: u64,
    /// Messages in those conversations.
    pub messages: u64,
}

/// The database. Reads see what was committed before they began.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Whether it answers at all.
    async fn health(&self) -> Result<(), StoreError>;

    /// Which log this is: made with the database, changed where it is put back from a copy.
    async fn epoch(&self) -> Result<String, StoreError>;

    /// The user, if there is one.
    async fn user_get(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with `email`, made if there is none. Where a role is given the user has it from now on; without one,
    /// a new user is a plain user and an existing one keeps theirs.
    async fn user_ensure(&self, email: &str, role: Option<Role>, now: Timestamp) -> Result<User, StoreError>;

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
}

/// Who said a piece of a turn's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Instructions.
    System,
    /// A person.
    User,
    /// The AI.
    Assistant,
}

/// One piece of a turn's context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextMessage {
    /// Who said it.
    pub speaker: Speaker,
    /// What that person is called, where there may be several.
    pub name: Option<Arc<str>>,
    /// What they said.
    pub content: String,
}

impl ContextMessage {
    /// A piece of a conversation in which nobody needs a name.
    pub fn new(speaker: Speaker, content: impl Into<String>) -> Self {
        Self { speaker, name: None, content: content.into() }
    }
}

/// What a backend is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnRequest {
    /// The turn.
    pub turn: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The model that was asked for; none leaves it to the backend.
    pub model: Option<String>,
    /// The context, oldest first; the last piece is the message to answer.
    pub context: Vec<ContextMessage>,
    /// How many tokens the reply may have; none leaves it to the backend.
    pub max_tokens: Option<u32>,
    /// How freely it chooses its words, 0 to 2; none leaves it to the backend.
    pub temperature: Option<f64>,
}

/// A piece of what a backend streams.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Text of the reply.
    Content(String),
    /// What it cost so far, or in the end: the last one counts.
    Usage(Usage),
    /// The model that really answers, as soon as it is known.
    Model(String),
    /// The reply is whole. A stream that ends without it was cut off.
    End,
}

/// Why a backend did not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// It could not be reached, or the connection broke.
    #[error("the backend cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("the backend answered {status}: {message}")]
    Status {
        /// The HTTP status, or what comes nearest.
        status: u16,
        /// What it said, cut to 500 bytes; never a credential.
        message: String,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// What it sent makes no sense.
    #[error("the backend's stream is malformed: {0}")]
    Malformed(String),
}

/// A reply as it is made. Dropping it tells the backend to stop.
pub type TurnStream = BoxStream<'static, Result<Delta, BackendError>>;

/// Something that answers: an LLM API or the built-in demo. Time limits and the turn's end are the domain's.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Its name in logs and figures.
    fn name(&self) -> &str;

    /// Whether it serves `model` (none: any will do).
    fn serves(&self, model: Option<&str>) -> bool;

    /// Begins a reply.
    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError>;
}
