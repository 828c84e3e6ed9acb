//! The log in memory: what every [`Store`] must do, in its plainest form, with switches that make it fail or wait.

mod archive;
mod assistants;
mod books;
mod conversation;
mod documents;
mod jobs;
mod lists;
mod log;
mod people;
mod reports;
mod uploads;

use self::assistants::Assistants;
use self::books::Books;
use self::conversation::Conversation;
use self::documents::Documents;
use self::jobs::Jobs;
use self::log::{Log, Turn};
use self::people::{People, ensured};
use self::uploads::Files;
use crate::message::{Fingerprint, Message, Seq};
use crate::ports::{
    Account, AttemptRecord, Balance, Clock, ConversationRecord, MemberRecord, MembershipChange,
    MembershipStep, NewRoom, OrphanTurn, Reservation, Reserved, Role, RoomRecord, RoomScope, Store,
    StoreError, SystemClock, Totals, Unsynced, User, UserChange, Write, Written,
};
use crate::room::MemberRole;
use crate::{ConversationId, MessageId, RoomId, Timestamp, UserId};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

/// A [`Store`] that lives in memory and does what a test tells it.
///
/// It keeps the rules of the real ones (one suite tests all of them), and it can fail a write before or after it
/// was applied ([`fail_next_writes`](Self::fail_next_writes)), and keep writes "on their way to disk" until the test
/// lets them go ([`hold_writes`](Self::hold_writes)).
#[derive(Debug)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    /// How many calls of `write` wait at the closed gate.
    held: watch::Sender<usize>,
}

/// When an injected fault strikes. The caller cannot tell the two apart, and must survive both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFault {
    /// Nothing was changed.
    BeforeCommit,
    /// The change is in the log, but the caller gets an error.
    AfterCommit,
}

#[derive(Debug)]
struct Inner {
    log: Log,
    books: Books,
    assistants: Assistants,
    people: People,
    jobs: Jobs,
    documents: Documents,
    files: Files,
    shared: bool,
    closed: bool,
    waiting: VecDeque<Held>,
    write_faults: VecDeque<WriteFault>,
    job_faults: VecDeque<WriteFault>,
    read_faults: usize,
    commits: u64,
}

/// A call of `write` that waits at the gate.
#[derive(Debug)]
struct Held {
    writes: Vec<Write>,
    answer: oneshot::Sender<Result<Vec<Written>, StoreError>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store of one process, as an `SQLite` file is: the turns of every other node are dead ones.
    pub fn new() -> Self {
        Self::with(false)
    }

    /// An empty store that several nodes share, as `PostgreSQL` is: only a lease tells that a node is dead.
    pub fn shared() -> Self {
        Self::with(true)
    }

    fn with(shared: bool) -> Self {
        let inner = Inner {
            log: Log::new(),
            books: Books::default(),
            assistants: Assistants::default(),
            people: People::default(),
            jobs: Jobs::default(),
            documents: Documents::default(),
            files: Files::default(),
            shared,
            closed: false,
            waiting: VecDeque::new(),
            write_faults: VecDeque::new(),
            job_faults: VecDeque::new(),
            read_faults: 0,
            commits: 0,
        };
        Self { inner: Mutex::new(inner), held: watch::Sender::new(0) }
    }

    /// The next `count` calls of `write` fail, each in the way of `fault`. Calls of this function add up.
    pub fn fail_next_writes(&self, count: usize, fault: WriteFault) {
        self.inner.lock().write_faults.extend(std::iter::repeat_n(fault, count));
    }

    /// The next `count` calls of anything but `write` fail, having changed nothing.
    pub fn fail_next_reads(&self, count: usize) {
        self.inner.lock().read_faults += count;
    }

    /// Closes the gate: from now on calls of `write` wait on their way to disk, applied by none, seen by no reader.
    pub fn hold_writes(&self) {
        self.inner.lock().closed = true;
    }

    /// Opens the gate: what waits is committed in the order of its coming, also where its caller has gone.
    pub fn release_writes(&self) {
        let mut inner = self.inner.lock();
        inner.closed = false;
        while let Some(held) = inner.waiting.pop_front() {
            inner.commit(held);
        }
        self.held.send_replace(0);
    }

    /// Waits until `count` calls of `write`, or more, stand at the closed gate.
    pub async fn until_held(&self, count: usize) {
        // The sender lives in `self`, so the channel cannot end before this does.
        let _ = self.held.subscribe().wait_for(|held| *held >= count).await;
    }

    /// How many calls of `write` have been committed.
    pub fn commits(&self) -> u64 {
        self.inner.lock().commits
    }

    /// Changes the epoch, as putting the log back from a copy does.
    pub fn new_epoch(&self) {
        self.inner.lock().log.epoch = Uuid::new_v4().to_string();
    }

    fn with_log<T>(&self, action: impl FnOnce(&mut Log) -> T) -> Result<T, StoreError> {
        self.with_inner(|inner| action(&mut inner.log))
    }

    fn with_inner<T>(&self, action: impl FnOnce(&mut Inner) -> T) -> Result<T, StoreError> {
        let mut inner = self.inner.lock();
        if inner.read_faults > 0 {
            inner.read_faults -= 1;
            return Err(injected());
        }
        Ok(action(&mut inner))
    }
}

impl Inner {
    fn apply(&mut self, write: Write) -> Written {
        let entry = match &write {
            Write::Membership(change) => change.entry.clone(),
            _ => None,
        };
        let written = self.log.apply(write);
        match &written {
            Written::Stored { message, .. } => self.files.carried(message),
            Written::Changed(message) if message.deleted_at.is_some() => self.files.dropped(message),
            _ => {}
        }
        if let (Some(entry), false) = (entry, matches!(written, Written::Refused(_))) {
            self.people.audit(vec![*entry]);
        }
        written
    }

    fn commit(&mut self, held: Held) {
        let fault = self.write_faults.pop_front();
        let result = if fault == Some(WriteFault::BeforeCommit) {
            Err(injected())
        } else {
            self.commits += 1;
            let written = held.writes.into_iter().map(|write| self.apply(write)).collect();
            if fault.is_none() { Ok(written) } else { Err(injected()) }
        };
        // A caller that has gone does not want the answer; the change stays.
        let _ = held.answer.send(result);
    }
}

fn injected() -> StoreError {
    StoreError { message: "a fault that the test injected".into(), source: None }
}

#[async_trait]
impl Store for MemoryStore {
    async fn health(&self) -> Result<(), StoreError> {
        self.with_log(|_| ())
    }

    async fn epoch(&self) -> Result<String, StoreError> {
        self.with_log(|log| log.epoch.clone())
    }

    async fn user_get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.with_log(|log| log.users.values().find(|user| user.id == id).cloned())
    }

    async fn user_ensure(&self, email: &str, role: Option<Role>, now: Timestamp) -> Result<User, StoreError> {
        self.with_log(|log| {
            let user = ensured(&mut log.users, email, None, now);
            user.role = role.unwrap_or(user.role);
            user.clone()
        })
    }

    async fn user_update(&self, id: UserId, change: UserChange) -> Result<Option<User>, StoreError> {
        self.with_log(|log| {
            let user = log.users.values_mut().find(|user| user.id == id)?;
            user.name = change.username.or(user.name.take());
            user.profile = change.profile.or(user.profile.take());
            Some(user.clone())
        })
    }

    async fn conversation_get(&self, id: ConversationId) -> Result<Option<ConversationRecord>, StoreError> {
        self.with_log(|log| log.conversation(id).map(Conversation::record))
    }

    async fn conversation_create(
        &self,
        id: ConversationId,
        owner: UserId,
        title: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let made = self.with_log(|log| {
            let free = !log.conversations.contains_key(&id);
            if free {
                log.conversations.insert(id, Conversation::new(id, owner, title.to_owned(), now));
            }
            free
        })?;
        let taken = || StoreError { message: format!("there is a conversation {id} already"), source: None };
        made.then_some(()).ok_or_else(taken)
    }

    async fn conversation_retitle(&self, id: ConversationId, title: &str) -> Result<bool, StoreError> {
        self.with_log(|log| log.conversation_mut(id).map(|one| title.clone_into(&mut one.title)).is_ok())
    }

    async fn participant_add(&self, id: ConversationId, user: UserId) -> Result<bool, StoreError> {
        let step =
            MembershipStep::Enter { role: MemberRole::Member, most: None, from_now: false, readmit: true };
        let change = MembershipChange { conversation: id, user, at: SystemClock.now(), step, entry: None };
        let written = self.with_log(|log| log.apply(Write::Membership(change)))?;
        Ok(matches!(written, Written::Member(_)))
    }

    async fn room_create(&self, new: NewRoom) -> Result<bool, StoreError> {
        self.with_inner(|inner| {
            let (conversation, assistant) = (new.conversation, new.assistant);
            let made = inner.log.room_create(new);
            if let Some(id) = assistant.filter(|_| made) {
                inner.assistants.set(conversation, id);
            }
            made
        })
    }

    async fn room_find(&self, id: &RoomId) -> Result<Option<ConversationId>, StoreError> {
        self.with_log(|log| log.room_find(id))
    }

    async fn room_get(&self, id: &RoomId, user: UserId) -> Result<Option<RoomRecord>, StoreError> {
        self.with_log(|log| log.room_get(id, user))
    }

    async fn room_list(
        &self,
        user: UserId,
        scope: RoomScope,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomRecord>, StoreError> {
        self.with_log(|log| log.room_list(user, scope, after, limit))
    }

    async fn member_list(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<MemberRecord>, StoreError> {
        self.with_log(|log| log.member_list(conversation, after, limit))
    }

    async fn unsynced_list(&self, user: UserId, limit: usize) -> Result<Vec<Unsynced>, StoreError> {
        self.with_log(|log| log.unsynced_list(user, limit))
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.with_log(|log| log.totals())
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let held = Held { writes, answer };
        {
            let mut inner = self.inner.lock();
            if inner.closed {
                inner.waiting.push_back(held);
                self.held.send_replace(inner.waiting.len());
            } else {
                inner.commit(held);
            }
        }
        answered.await.unwrap_or_else(|_| Err(injected()))
    }

    async fn log_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.with_log(|log| {
            log.conversation(conversation).map_or_else(Vec::new, |found| found.after(after, through, limit))
        })
    }

    async fn log_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.with_log(|log| {
            log.conversation(conversation).map_or_else(Vec::new, |found| found.before(before, limit))
        })
    }

    async fn message_that_created(&self, fingerprint: Fingerprint) -> Result<Option<Message>, StoreError> {
        self.with_log(|log| log.first_with(fingerprint).cloned())
    }

    async fn message_sent(
        &self,
        conversation: ConversationId,
        fingerprint: Fingerprint,
    ) -> Result<Option<Message>, StoreError> {
        self.with_log(|log| log.conversation(conversation)?.with_fingerprint(fingerprint).cloned())
    }

    async fn message_get(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, StoreError> {
        self.with_log(|log| log.message(conversation, id).cloned())
    }

    async fn message_find(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.with_log(|log| log.message_anywhere(id).cloned())
    }

    async fn message_covered(
        &self,
        conversation: ConversationId,
        after: Seq,
        through: Seq,
        reader: UserId,
    ) -> Result<Option<Message>, StoreError> {
        self.with_log(|log| log.conversation(conversation)?.covered(after, through, reader).cloned())
    }

    async fn turns_orphaned(&self, node: Uuid, now: Timestamp) -> Result<Vec<OrphanTurn>, StoreError> {
        let mut inner = self.inner.lock();
        let shared = inner.shared;
        if inner.read_faults > 0 {
            inner.read_faults -= 1;
            return Err(injected());
        }
        let live = inner.log.turns.values().filter(|turn| turn.live);
        let orphaned = live.filter(|turn| turn.lease_until <= now || (!shared && turn.opened.node != node));
        Ok(orphaned.take(1_000).map(Turn::orphan).collect())
    }

    async fn usage_reserve(&self, reservation: Reservation) -> Result<Reserved, StoreError> {
        self.with_inner(|inner| inner.books.reserve(reservation))
    }

    async fn usage_settle(&self, records: Vec<AttemptRecord>) -> Result<(), StoreError> {
        self.with_inner(|inner| records.into_iter().for_each(|record| inner.books.settle(record)))
    }

    async fn usage_expire(&self, node: Uuid, now: Timestamp) -> Result<usize, StoreError> {
        self.with_inner(|inner| {
            let alone = (!inner.shared).then_some(node);
            inner.books.expire(now, alone)
        })
    }

    async fn usage_balance(&self, account: &Account) -> Result<Balance, StoreError> {
        self.with_inner(|inner| inner.books.balance(account))
    }

    async fn usage_attempts(&self, turn: MessageId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.with_inner(|inner| inner.books.attempts(turn))
    }
}
