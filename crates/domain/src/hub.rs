//! The domain as one value: what a transport holds, and what the binary builds.

use crate::assistants::Assistants;
use crate::caller::Caller;
use crate::directory::Directory;
use crate::generation::Books;
use crate::grants::Grants;
use crate::jobs::{self, Jobs};
use crate::limits::UserLimits;
use crate::moderation::Moderation;
use crate::own_turns::OwnTurns;
use crate::ports::{
    Accounts, AuditAction, Authenticator, Clock, Embedder, Extractor, JobCounts, Moderator, Prompts, Store,
    StoreError, Totals,
};
use crate::receipts::Receipts;
use crate::registry::Registry;
use crate::room::{MemberRole, Participant};
use crate::rooms::RoomIndex;
use crate::router::{BackendState, ModelEntry, Provider, Router};
use crate::session::{Manner, Session};
use crate::settings::Settings;
use crate::uploads::{self, FilePorts, Uploads};
use crate::{
    ConversationId, ErrorCode, Refusal, UserId, audit, generation, grants, knowledge, live, purge, reaper,
    receipts, workers,
};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// How many users are remembered by name, so that their next connection asks no database.
const KNOWN_USERS: usize = 100_000;
/// How long a token for sockets is good.
const SOCKET_TOKEN: Duration = Duration::from_hours(24);
/// How long turns may take to write down that they were interrupted, when the deadline of a drain is over.
const INTERRUPTION: Duration = Duration::from_secs(5);

/// The adapters that the domain runs on.
pub struct Ports {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whose a token is.
    pub authenticator: Arc<dyn Authenticator>,
    /// Accounts of our own; none where whoever embeds Parlor has theirs.
    pub accounts: Option<Arc<dyn Accounts>>,
    /// Who answers, beside the workers that come.
    pub providers: Vec<Provider>,
    /// Who fills in the instructions of assistants.
    pub prompts: Arc<dyn Prompts>,
    /// Who judges texts; none where they are not moderated.
    pub moderator: Option<Arc<dyn Moderator>>,
    /// What makes vectors of texts; none where nothing is to be found by its meaning.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// What reads the text of files; none where no documents are taken.
    pub extractor: Option<Arc<dyn Extractor>>,
    /// What files need; none where there are none.
    pub files: Option<FilePorts>,
}

/// What every task of one server shares.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) accounts: Option<Arc<dyn Accounts>>,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    pub(crate) extractor: Option<Arc<dyn Extractor>>,
    /// Tells the indexer that there is something to do.
    pub(crate) documents_added: Notify,
    pub(crate) grants: Grants,
    pub(crate) audited_at_once: Arc<Semaphore>,
    pub(crate) router: Arc<Router>,
    pub(crate) books: Books,
    pub(crate) workers_asked: workers::Asked,
    pub(crate) assistants: Assistants,
    pub(crate) prompts: Arc<dyn Prompts>,
    pub(crate) moderation: Option<Moderation>,
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) directory: Directory,
    pub(crate) user_limits: Arc<UserLimits>,
    pub(crate) uploads: Option<Uploads>,
    pub(crate) epoch: Arc<str>,
    /// This process, among those that share a database.
    pub(crate) node: Uuid,
    known_users: Mutex<HashMap<UserId, Arc<str>>>,
    pub(crate) rooms: RoomIndex,
    pub(crate) receipts: Receipts,
    pub(crate) own_turns: Arc<OwnTurns>,
    pub(crate) jobs: Jobs,
    started_at: Duration,
    /// For admins who watch.
    pub(crate) live: live::Watch,
    /// What the moments of timers are counted from that all conversations share.
    pub(crate) origin: Instant,
    /// No new turns, no new sockets.
    pub(crate) draining: CancellationToken,
    /// Sockets end.
    closing: CancellationToken,
    /// Turns end now.
    pub(crate) hard_stop: CancellationToken,
    /// Conversations end.
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// One token a turn that is not yet written down as ended.
    pub(crate) live_turns: TaskTracker,
}

/// One server's domain. Cheap to clone.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Shared>);

/// A token that opens sockets and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketToken {
    /// The token.
    pub token: String,
    /// For how long it is good.
    pub expires_in: Duration,
}

/// Everything that there is to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Of this process.
    pub figures: Figures,
    /// Of the database.
    pub totals: Totals,
    /// Jobs, of all nodes.
    pub jobs: JobCounts,
    /// How long this process has run.
    pub uptime: Duration,
}

/// Figures of a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Authenticated connections.
    pub connections: usize,
    /// Users who have one.
    pub users: usize,
    /// Conversations in memory.
    pub conversations: usize,
    /// Turns that have not ended.
    pub turns: usize,
    /// Of them, those that wait for a backend.
    pub turns_waiting: usize,
    /// Workers that are connected.
    pub workers: usize,
    /// Commands that wait for their conversation.
    pub commands_waiting: usize,
    /// Receipts that wait to be written.
    pub receipts_waiting: usize,
    /// Jobs that run here.
    pub jobs_running: usize,
}

impl Hub {
    /// Starts the domain: learns which log this is, ends the turns of dead nodes, and goes on looking for them.
    pub async fn start(ports: Ports, settings: Settings) -> Result<Self, StoreError> {
        let epoch = ports.store.epoch().await?.into();
        let (receipts, receipts_inbox) = receipts::channel();
        let (jobs, jobs_inbox) = jobs::channel();
        let (books, books_inbox) = generation::channel();
        let expects_workers = ports.authenticator.has_service_keys();
        let router = Router::new(ports.providers, &settings.turns, expects_workers);
        let started_at = ports.clock.monotonic();
        let user_limits = Arc::new(UserLimits::new(Arc::clone(&ports.clock), &settings.limits));
        let shared = Arc::new(Shared {
            store: ports.store,
            clock: ports.clock,
            authenticator: ports.authenticator,
            accounts: ports.accounts,
            embedder: ports.embedder,
            extractor: ports.extractor,
            documents_added: Notify::new(),
            grants: Grants::default(),
            audited_at_once: Arc::new(Semaphore::new(audit::AT_ONCE)),
            router,
            books,
            workers_asked: workers::asked(),
            assistants: Assistants::default(),
            prompts: ports.prompts,
            moderation: ports.moderator.map(|it| Moderation::new(it, settings.moderation)),
            settings,
            registry: Registry::default(),
            directory: Directory::default(),
            user_limits,
            uploads: ports.files.map(Uploads::new),
            epoch,
            node: Uuid::new_v4(),
            known_users: Mutex::default(),
            rooms: RoomIndex::default(),
            receipts,
            own_turns: Arc::default(),
            jobs,
            started_at,
            live: live::Watch::default(),
            origin: Instant::now(),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            hard_stop: CancellationToken::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            live_turns: TaskTracker::new(),
        });
        grants::load(&shared).await?;
        shared.tasks.spawn(grants::run(Arc::clone(&shared)));
        shared.tasks.spawn(reaper::run(Arc::clone(&shared)));
        shared.tasks.spawn(purge::run(Arc::clone(&shared)));
        shared.tasks.spawn(jobs::purge(Arc::clone(&shared)));
        shared.tasks.spawn(jobs::hear_elsewhere(Arc::clone(&shared)));
        shared.tasks.spawn(jobs::run(Arc::clone(&shared), jobs_inbox));
        shared.tasks.spawn(knowledge::indexer::run(Arc::clone(&shared)));
        shared.tasks.spawn(uploads::run(Arc::clone(&shared)));
        shared.tasks.spawn(receipts::run(Arc::clone(&shared), receipts_inbox));
        shared.tasks.spawn(generation::run(Arc::clone(&shared), books_inbox));
        Ok(Self(shared))
    }

    /// Whose credential this is. Errors: `INVALID_TOKEN` (also where the user is gone), `TOKEN_EXPIRED`, `INTERNAL`.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Refusal> {
        let identity = self.0.authenticator.authenticate(token).await.map_err(Refusal::of)?;
        if self.0.grants.is_revoked(identity.grant) {
            return Err(Refusal::of(ErrorCode::InvalidToken));
        }
        let known = self.0.known_users.lock().get(&identity.user).cloned();
        if let Some(username) = known {
            return Ok(Caller { identity, username, address: None });
        }
        let user = self.0.store.user_get(identity.user).await.map_err(|error| Refusal::internal(&error))?;
        let username = Arc::from(user.ok_or(Refusal::of(ErrorCode::InvalidToken))?.username());
        self.remember(identity.user, Arc::clone(&username));
        Ok(Caller { identity, username, address: None })
    }

    pub(crate) fn remember(&self, user: UserId, name: Arc<str>) {
        let mut known = self.0.known_users.lock();
        if known.len() >= KNOWN_USERS {
            known.clear();
        }
        known.insert(user, name);
    }

    /// A token for the caller's sockets alone, which may stand in a URL. Error: `INTERNAL`.
    pub async fn issue_socket_token(&self, caller: &Caller) -> Result<SocketToken, Refusal> {
        let token = self.0.authenticator.issue_socket_token(&caller.identity, SOCKET_TOKEN).await;
        Ok(SocketToken { token: token.map_err(Refusal::of)?, expires_in: SOCKET_TOKEN })
    }

    /// Opens a connection for a caller. Errors: `TOO_MANY_CONNECTIONS`; `INVALID_TOKEN` where their sign-in has just
    /// ended.
    pub fn connect(&self, caller: &Caller) -> Result<Session, Refusal> {
        Session::open(Arc::clone(&self.0), caller, Manner::Client)
    }

    /// The same for a connection that begins with [`Action::Sync`](crate::Action::Sync) or
    /// [`Action::Hold`](crate::Action::Hold): from its very beginning on what comes by itself waits behind what it missed.
    pub fn connect_to_catch_up(&self, caller: &Caller) -> Result<Session, Refusal> {
        Session::open(Arc::clone(&self.0), caller, Manner::Reader)
    }

    /// The same for a connection that gets answers to what it asks, and hears of nothing else: what it did not get is
    /// not taken for delivered.
    pub fn connect_for_answers(&self, caller: &Caller) -> Result<Session, Refusal> {
        Session::open(Arc::clone(&self.0), caller, Manner::Asker)
    }

    /// The same for a connection of the AI API, which also hears of every turn that its user asks for, wherever that is:
    /// the question, the turn's beginning, its text as it comes, and the answer. Its messages count with all that its
    /// user sends by that API. It begins with [`Action::FollowOwn`](crate::Action::FollowOwn).
    pub fn connect_to_own_turns(&self, caller: &Caller) -> Result<Session, Refusal> {
        Session::open(Arc::clone(&self.0), caller, Manner::Own)
    }

    /// The time, by the domain's clock.
    pub fn now(&self) -> crate::Timestamp {
        self.0.clock.now()
    }

    /// Makes a conversation with no messages. For who embeds Parlor; clients make theirs by sending.
    pub async fn conversation_create(
        &self,
        owner: UserId,
        title: &str,
    ) -> Result<ConversationId, StoreError> {
        let id = ConversationId::new();
        self.0.store.conversation_create(id, owner, title, self.now()).await?;
        Ok(id)
    }

    /// Makes a user a participant. False where there is no such conversation.
    pub async fn participant_add(&self, id: ConversationId, user: UserId) -> Result<bool, StoreError> {
        let added = self.0.store.participant_add(id, user).await?;
        if added {
            let role = Some(MemberRole::Member);
            let participant = Participant { user, role, joined_at: self.now(), visible_after: 0 };
            self.0.route(id, crate::conversation::Work::Admit(participant)).await;
        }
        Ok(added)
    }

    /// Whether the store answers.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.0.store.health().await
    }

    /// The backends' names, in the order in which they are asked: workers first.
    pub fn backends(&self) -> Vec<String> {
        self.0.router.states().into_iter().map(|state| state.name).collect()
    }

    /// The models that are known to be served now, by name.
    pub fn models(&self) -> Vec<ModelEntry> {
        self.0.router.models()
    }

    /// How the backends are doing, in the order in which they are asked: workers first.
    pub fn backend_states(&self) -> Vec<BackendState> {
        self.0.router.states()
    }

    /// How much there is of everything.
    pub fn figures(&self) -> Figures {
        Figures {
            connections: self.0.registry.total(),
            users: self.0.registry.users(),
            conversations: self.0.directory.count(),
            turns: self.0.live_turns.len(),
            turns_waiting: self.0.router.waiting(),
            workers: self.0.router.workers(),
            commands_waiting: self.0.directory.waiting(),
            receipts_waiting: self.0.receipts.waiting(),
            jobs_running: self.0.jobs.running(),
        }
    }

    /// How much there is of everything, in the database too. It is written down who asked. Error: `FORBIDDEN` for who is
    /// no admin.
    pub async fn stats(&self, caller: &Caller) -> Result<Stats, Refusal> {
        self.admin_reads(caller, AuditAction::StatsRead).await?;
        let totals = self.0.store.totals().await.map_err(|error| Refusal::internal(&error))?;
        let jobs = self.0.store.job_counts().await.map_err(|error| Refusal::internal(&error))?;
        Ok(Stats { figures: self.figures(), totals, jobs, uptime: self.uptime() })
    }

    /// How long this process has run.
    pub(crate) fn uptime(&self) -> Duration {
        self.0.clock.monotonic().saturating_sub(self.0.started_at)
    }

    /// Waits until the server is on its way to its end: clients should come back elsewhere, or later.
    pub async fn draining(&self) {
        self.0.draining.cancelled().await;
    }

    /// Whether the server is on its way to its end.
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Waits until every socket is to be closed with 1001.
    pub async fn closing(&self) {
        self.0.closing.cancelled().await;
    }

    /// Begins the end: no turn begins any more, those that run may finish within `deadline`, and are interrupted
    /// after it with their text kept. When it returns, sockets are to close ([`Hub::closing`]).
    pub async fn drain(&self, deadline: Duration) {
        self.0.draining.cancel();
        self.0.live_turns.close();
        self.0.jobs.held.close();
        let at_rest = || async { tokio::join!(self.0.live_turns.wait(), self.0.jobs.held.wait()) };
        if tokio::time::timeout(deadline, at_rest()).await.is_err() {
            tracing::warn!(
                turns = self.0.live_turns.len(),
                "the drain's deadline is over: turns are interrupted"
            );
            self.0.hard_stop.cancel();
            if tokio::time::timeout(INTERRUPTION, at_rest()).await.is_err() {
                tracing::error!("turns could not be written down as ended; the next start does it");
            }
        }
        self.0.closing.cancel();
    }

    /// Ends all tasks of the domain, after the sockets have closed.
    pub async fn shutdown(&self) {
        self.0.hard_stop.cancel();
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}
