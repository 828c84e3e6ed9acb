//! The database as the rest of the server sees it.

mod archive;
mod assistants;
mod documents;
mod jobs;
mod keys;
mod people;
mod reports;
mod uploads;

use crate::cipher::{Cipher, words};
use crate::error::{OpenError, Result};
use crate::options::{Address, Options};
use crate::pools::Pools;
use crate::sqlite::FileLock;
use crate::writer::{Figures, Writer};
use crate::{conversations, members, messages, postgres, rooms, sqlite, state, turns, usage, users};
use async_trait::async_trait;
use parlor_domain::message::{Fingerprint, Message, Seq};
use parlor_domain::ports::{
    Account, AttemptRecord, Balance, Clock, ConversationRecord, MemberRecord, MembershipChange,
    MembershipStep, NewRoom, OrphanTurn, Reservation, Reserved, Role, RoomRecord, RoomScope, Store,
    StoreError, SystemClock, Totals, Unsynced, User, UserChange, Write, Written,
};
use parlor_domain::room::MemberRole;
use parlor_domain::{ConversationId, MessageId, RoomId, Timestamp, UserId};
use std::path::Path;
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// How often is tried what harms nothing where it is done twice.
const ATTEMPTS: u32 = 3;

/// A database that is open: the [`Store`] on SQLite or PostgreSQL. A clone is the same one.
///
/// It needs a multi-threaded tokio runtime.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    pools: Pools,
    writer: Writer,
    /// The writer, and every query under way. A query runs in a task of its own, so that a caller that goes away
    /// cannot leave a connection in the middle of it.
    tasks: TaskTracker,
    /// Whether no other process can have this database.
    alone: bool,
    _lock: Option<FileLock>,
}

impl Database {
    /// Opens the database at `url`, `sqlite://PATH` (the file is made if need be, its folder not) or `postgres://…`,
    /// and brings its tables up to date, one process at a time.
    ///
    /// Errors: the address makes no sense, the database cannot be reached, another server has the file, the tables
    /// cannot be changed, they are encrypted with a key that `options` does not have, or what their fingerprints are
    /// keyed with is lost.
    pub async fn open(url: &str, options: &Options) -> Result<Self, OpenError> {
        let (pools, lock) = match Address::parse(url)? {
            Address::Sqlite(path) => {
                let (lock, _) = open_file(&path, options.exclusive).await?;
                (sqlite::pools(&path, options).await?, lock)
            }
            Address::Postgres(url) => {
                let server = postgres::Server::parse(&url, options.connect_timeout)?;
                server.migrate().await?;
                (server.pools(options).await?, None)
            }
        };
        let cipher = Cipher::of(&pools, options.keyring.clone()).await?;
        let pools = pools.with(cipher);
        if pools.cipher().is_on() {
            words::empty(&pools)
                .await
                .map_err(|error| OpenError::unreachable("the index of words", error))?;
        }
        let tasks = TaskTracker::new();
        let writer = Writer::start(&pools, options.writers, &tasks);
        let alone = lock.is_some();
        Ok(Self { inner: Arc::new(Inner { pools, writer, tasks, alone, _lock: lock }) })
    }

    /// Brings the tables of the database at `url` up to date and gives the names of the steps that it took.
    ///
    /// Errors: as of [`open`](Self::open).
    pub async fn migrate(url: &str) -> Result<Vec<String>, OpenError> {
        let options = Options::default();
        match Address::parse(url)? {
            Address::Sqlite(path) => Ok(open_file(&path, true).await?.1),
            Address::Postgres(url) => postgres::Server::parse(&url, options.connect_timeout)?.migrate().await,
        }
    }

    /// Ends the writer, after it has committed and answered what it was given, and waits for the queries under way.
    /// Writes that come later fail. The file and its lock are let go when the last clone is dropped.
    pub async fn close(&self) {
        self.inner.writer.stop();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        if let Pools::Sqlite { write, .. } = &self.inner.pools {
            sqlite::tidy(write).await;
        }
    }

    /// Says that this log is not a continuation of the one before: to be called when the database was put back from
    /// a copy, so that clients do not trust positions in entries that are gone. Gives the new epoch.
    pub async fn new_epoch(&self) -> Result<String, StoreError> {
        self.change("change the epoch", state::new_epoch(self.pools())).await
    }

    /// What the writer has done since the database was opened.
    pub fn figures(&self) -> Figures {
        self.inner.writer.figures()
    }

    fn pools(&self) -> Pools {
        self.inner.pools.clone()
    }

    /// Makes a change in a task of its own; `doing` says what for.
    async fn change<T, F>(&self, doing: &'static str, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let result = self.inner.tasks.spawn(change).await.unwrap_or_else(|error| Err(error.into()));
        result.map_err(|error| error.while_doing(doing))
    }

    /// Reads in a task of its own; `doing` says what for. A read that lost its connection is tried again.
    async fn read<T, Q, F>(&self, doing: &'static str, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: Fn(Pools) -> F,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.repeat(doing, query).await
    }

    /// The same for what may also change something, where doing it twice is as good as once.
    async fn repeat<T, Q, F>(&self, doing: &'static str, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: Fn(Pools) -> F,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut tries = 1;
        loop {
            let task = self.inner.tasks.spawn(query(self.pools()));
            match task.await.unwrap_or_else(|error| Err(error.into())) {
                Err(error) if tries < ATTEMPTS && error.passes() => tries += 1,
                result => return result.map_err(|error| error.while_doing(doing)),
            }
        }
    }
}

async fn open_file(path: &Path, exclusive: bool) -> Result<(Option<FileLock>, Vec<String>), OpenError> {
    let owned = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || sqlite::open(&owned, exclusive)).await;
    opened.unwrap_or_else(|error| Err(OpenError::unreachable(path.display().to_string(), error)))
}

#[async_trait]
impl Store for Database {
    async fn health(&self) -> Result<(), StoreError> {
        self.read("ask the database for a sign of life", state::ping).await
    }

    async fn epoch(&self) -> Result<String, StoreError> {
        self.read("read the epoch", state::epoch).await
    }

    async fn user_get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read("read a user", move |pools| users::get(pools, id)).await
    }

    async fn user_ensure(&self, email: &str, role: Option<Role>, now: Timestamp) -> Result<User, StoreError> {
        self.change("make a user", users::ensure(self.pools(), email.to_owned(), role, now)).await
    }

    async fn user_update(&self, id: UserId, change: UserChange) -> Result<Option<User>, StoreError> {
        self.repeat("change a user", |pools| users::update(pools, id, change.clone())).await
    }

    async fn conversation_get(&self, id: ConversationId) -> Result<Option<ConversationRecord>, StoreError> {
        let query = move |pools| conversations::get(pools, id);
        self.read("read a conversation", query).await
    }

    async fn conversation_create(
        &self,
        id: ConversationId,
        owner: UserId,
        title: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = conversations::create(self.pools(), id, owner, title.to_owned(), now);
        self.change("make a conversation", change).await
    }

    async fn conversation_retitle(&self, id: ConversationId, title: &str) -> Result<bool, StoreError> {
        let change = conversations::retitle(self.pools(), id, title.to_owned());
        self.change("give a conversation another title", change).await
    }

    /// Through the log's one way in, so that whoever counts the participants there has counted this one.
    async fn participant_add(&self, id: ConversationId, user: UserId) -> Result<bool, StoreError> {
        let step =
            MembershipStep::Enter { role: MemberRole::Member, most: None, from_now: false, readmit: true };
        let change = MembershipChange { conversation: id, user, at: SystemClock.now(), step, entry: None };
        let written = self.write(vec![Write::Membership(change)]).await?;
        Ok(matches!(written[..], [Written::Member(_)]))
    }

    async fn room_create(&self, new: NewRoom) -> Result<bool, StoreError> {
        self.change("make a room", rooms::create(self.pools(), new)).await
    }

    async fn room_find(&self, id: &RoomId) -> Result<Option<ConversationId>, StoreError> {
        let query = |pools| rooms::find(pools, id.clone());
        self.read("look for a room", query).await
    }

    async fn room_get(&self, id: &RoomId, user: UserId) -> Result<Option<RoomRecord>, StoreError> {
        let query = |pools| rooms::get(pools, id.clone(), user);
        self.read("read a room", query).await
    }

    async fn room_list(
        &self,
        user: UserId,
        scope: RoomScope,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomRecord>, StoreError> {
        let query = |pools| rooms::list(pools, user, scope, after.cloned(), limit);
        self.read("list rooms", query).await
    }

    async fn member_list(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<MemberRecord>, StoreError> {
        let query = move |pools| members::list(pools, conversation, after, limit);
        self.read("list members", query).await
    }

    async fn unsynced_list(&self, user: UserId, limit: usize) -> Result<Vec<Unsynced>, StoreError> {
        let query = move |pools| members::unsynced(pools, user, limit);
        self.read("look for what a user has missed", query).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.read("count everything", state::totals).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError> {
        self.inner.writer.write(writes).await
    }

    async fn log_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let query = move |pools| messages::after(pools, conversation, after, through, limit);
        self.read("read the log", query).await
    }

    async fn log_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let query = move |pools| messages::before(pools, conversation, before, limit);
        self.read("read the log", query).await
    }

    async fn message_that_created(&self, fingerprint: Fingerprint) -> Result<Option<Message>, StoreError> {
        let query = move |pools| messages::that_created(pools, fingerprint);
        self.read("look for a first message", query).await
    }

    async fn message_sent(
        &self,
        conversation: ConversationId,
        fingerprint: Fingerprint,
    ) -> Result<Option<Message>, StoreError> {
        let query = move |pools| messages::sent(pools, conversation, fingerprint);
        self.read("look for a message that was sent", query).await
    }

    async fn message_get(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, StoreError> {
        let query = move |pools| messages::get(pools, conversation, id);
        self.read("read a message", query).await
    }

    async fn message_find(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.read("look for a message", move |pools| messages::find(pools, id)).await
    }

    async fn message_covered(
        &self,
        conversation: ConversationId,
        after: Seq,
        through: Seq,
        reader: UserId,
    ) -> Result<Option<Message>, StoreError> {
        let query = move |pools| messages::covered(pools, conversation, after, through, reader);
        self.read("look for what was read", query).await
    }

    async fn turns_orphaned(&self, node: Uuid, now: Timestamp) -> Result<Vec<OrphanTurn>, StoreError> {
        let alone = self.inner.alone;
        let query = move |pools| turns::orphaned(pools, node, now, alone);
        self.read("look for turns of dead nodes", query).await
    }

    async fn usage_reserve(&self, reservation: Reservation) -> Result<Reserved, StoreError> {
        let reservation = Arc::new(reservation);
        let change = |pools| usage::reserve(pools, reservation.clone());
        self.repeat("reserve tokens", change).await
    }

    async fn usage_settle(&self, records: Vec<AttemptRecord>) -> Result<(), StoreError> {
        let records: Arc<[AttemptRecord]> = records.into();
        let change = |pools| usage::settle(pools, records.clone());
        self.repeat("enter attempts in the books", change).await
    }

    async fn usage_expire(&self, node: Uuid, now: Timestamp) -> Result<usize, StoreError> {
        let alone = self.inner.alone;
        let change = move |pools| usage::expire(pools, node, now, alone);
        self.repeat("settle reservations of dead nodes", change).await
    }

    async fn usage_balance(&self, account: &Account) -> Result<Balance, StoreError> {
        let query = |pools| usage::balance(pools, account.to_string());
        self.read("read a balance", query).await
    }

    async fn usage_attempts(&self, turn: MessageId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.read("read attempts", move |pools| usage::attempts(pools, turn)).await
    }
}
