//! The store in memory, at a distance: its answers take time, as a database's do.

mod files;
mod jobs;
mod rest;

use async_trait::async_trait;
use parlor_domain::message::{Fingerprint, Message, Seq};
use parlor_domain::ports::{
    Account, AttemptRecord, Backend, Balance, ConversationRecord, MemberRecord, NewRoom, OrphanTurn,
    Reservation, Reserved, Role, RoomRecord, RoomScope, Store, StoreError, Totals, Unsynced, User,
    UserChange, Write, Written,
};
use parlor_domain::testing::{MemoryStore, ScriptedBackend, TestHub, TrustingAuthenticator, WordEmbedder};
use parlor_domain::{ConversationId, Hub, MessageId, Ports, Provider, RoomId, Settings, Timestamp, UserId};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::time::sleep;
use uuid::Uuid;

/// How long each way takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Delays {
    /// From the call of a read to its moment.
    pub(crate) read: Duration,
    /// From the call of a write to its commit.
    pub(crate) commit: Duration,
    /// From a commit to its answer.
    pub(crate) answer: Duration,
}

pub(crate) struct SlowStore {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) delays: Delays,
    /// Whether nothing can be changed about jobs.
    pub(crate) jobs_cut: Arc<AtomicBool>,
}

/// A server whose store is slow; its `store` is the one in memory behind it.
pub(crate) async fn slow_server(delays: Delays, settings: Settings) -> TestHub {
    slow_server_on(Arc::new(MemoryStore::new()), delays, settings).await
}

pub(crate) async fn slow_server_on(store: Arc<MemoryStore>, delays: Delays, settings: Settings) -> TestHub {
    server_on(SlowStore { store, delays, jobs_cut: Arc::default() }, settings).await
}

/// A server that cannot change jobs once the switch is set.
pub(crate) async fn server_cut_from_jobs(
    store: Arc<MemoryStore>,
    settings: Settings,
) -> (TestHub, Arc<AtomicBool>) {
    let cut = Arc::<AtomicBool>::default();
    let slow = SlowStore { store, delays: Delays::default(), jobs_cut: Arc::clone(&cut) };
    (server_on(slow, settings).await, cut)
}

async fn server_on(slow: SlowStore, settings: Settings) -> TestHub {
    let store = Arc::clone(&slow.store);
    let (backend, embedder, clock) = (ScriptedBackend::new(), Arc::<WordEmbedder>::default(), Arc::default());
    let ports = Ports {
        store: Arc::new(slow),
        clock: Arc::clone(&clock) as Arc<_>,
        authenticator: Arc::new(TrustingAuthenticator { clock: Arc::clone(&clock), expects_workers: false }),
        accounts: None,
        providers: vec![Provider::from(Arc::clone(&backend) as Arc<dyn Backend>)],
        prompts: Arc::new(parlor_domain::testing::PlainPrompts),
        moderator: None,
        embedder: Some(Arc::clone(&embedder) as Arc<_>),
        extractor: None,
        files: None,
    };
    let files = Arc::default();
    TestHub { hub: Hub::start(ports, settings).await.unwrap(), store, backend, embedder, files, clock }
}

#[async_trait]
impl Store for SlowStore {
    async fn health(&self) -> Result<(), StoreError> {
        self.store.health().await
    }

    async fn epoch(&self) -> Result<String, StoreError> {
        self.store.epoch().await
    }

    async fn user_get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.store.user_get(id).await
    }

    async fn user_ensure(&self, email: &str, role: Option<Role>, now: Timestamp) -> Result<User, StoreError> {
        self.store.user_ensure(email, role, now).await
    }

    async fn user_update(&self, id: UserId, change: UserChange) -> Result<Option<User>, StoreError> {
        self.store.user_update(id, change).await
    }

    async fn conversation_get(&self, id: ConversationId) -> Result<Option<ConversationRecord>, StoreError> {
        sleep(self.delays.read).await;
        self.store.conversation_get(id).await
    }

    async fn conversation_create(
        &self,
        id: ConversationId,
        owner: UserId,
        title: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.store.conversation_create(id, owner, title, now).await
    }

    async fn conversation_retitle(&self, id: ConversationId, title: &str) -> Result<bool, StoreError> {
        self.store.conversation_retitle(id, title).await
    }

    async fn participant_add(&self, id: ConversationId, user: UserId) -> Result<bool, StoreError> {
        self.store.participant_add(id, user).await
    }

    async fn room_create(&self, new: NewRoom) -> Result<bool, StoreError> {
        self.store.room_create(new).await
    }

    async fn room_find(&self, id: &RoomId) -> Result<Option<ConversationId>, StoreError> {
        sleep(self.delays.read).await;
        self.store.room_find(id).await
    }

    async fn room_get(&self, id: &RoomId, user: UserId) -> Result<Option<RoomRecord>, StoreError> {
        self.store.room_get(id, user).await
    }

    async fn room_list(
        &self,
        user: UserId,
        scope: RoomScope,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomRecord>, StoreError> {
        self.store.room_list(user, scope, after, limit).await
    }

    async fn member_list(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<MemberRecord>, StoreError> {
        self.store.member_list(conversation, after, limit).await
    }

    async fn unsynced_list(&self, user: UserId, limit: usize) -> Result<Vec<Unsynced>, StoreError> {
        let listed = self.store.unsynced_list(user, limit).await;
        sleep(self.delays.read).await;
        listed
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.store.totals().await
    }

    async fn message_find(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        sleep(self.delays.read).await;
        self.store.message_find(id).await
    }

    async fn message_covered(
        &self,
        conversation: ConversationId,
        after: Seq,
        through: Seq,
        reader: UserId,
    ) -> Result<Option<Message>, StoreError> {
        sleep(self.delays.read).await;
        self.store.message_covered(conversation, after, through, reader).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError> {
        sleep(self.delays.commit).await;
        let written = self.store.write(writes).await;
        sleep(self.delays.answer).await;
        written
    }

    async fn log_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        sleep(self.delays.read).await;
        self.store.log_after(conversation, after, through, limit).await
    }

    async fn log_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        sleep(self.delays.read).await;
        self.store.log_before(conversation, before, limit).await
    }

    async fn message_that_created(&self, fingerprint: Fingerprint) -> Result<Option<Message>, StoreError> {
        sleep(self.delays.read).await;
        self.store.message_that_created(fingerprint).await
    }

    async fn message_sent(
        &self,
        conversation: ConversationId,
        fingerprint: Fingerprint,
    ) -> Result<Option<Message>, StoreError> {
        sleep(self.delays.read).await;
        self.store.message_sent(conversation, fingerprint).await
    }

    async fn message_get(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, StoreError> {
        sleep(self.delays.read).await;
        self.store.message_get(conversation, id).await
    }

    async fn turns_orphaned(&self, node: Uuid, now: Timestamp) -> Result<Vec<OrphanTurn>, StoreError> {
        self.store.turns_orphaned(node, now).await
    }

    async fn usage_reserve(&self, reservation: Reservation) -> Result<Reserved, StoreError> {
        sleep(self.delays.commit).await;
        self.store.usage_reserve(reservation).await
    }

    async fn usage_settle(&self, records: Vec<AttemptRecord>) -> Result<(), StoreError> {
        sleep(self.delays.commit).await;
        self.store.usage_settle(records).await
    }

    async fn usage_expire(&self, node: Uuid, now: Timestamp) -> Result<usize, StoreError> {
        self.store.usage_expire(node, now).await
    }

    async fn usage_balance(&self, account: &Account) -> Result<Balance, StoreError> {
        self.store.usage_balance(account).await
    }

    async fn usage_attempts(&self, turn: MessageId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.store.usage_attempts(turn).await
    }
}
