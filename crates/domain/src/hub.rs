//! The domain as one value: what a transport holds, and what the binary builds.

use crate::directory::Directory;
use crate::limits::UserLimits;
use crate::ports::{Authenticator, Backend, Clock, Identity, Store, StoreError};
use crate::registry::Registry;
use crate::session::Session;
use crate::settings::Settings;
use crate::{ConversationId, ErrorCode, Refusal, UserId, reaper};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// How many users are remembered to exist, so that their next connection asks no database.
const KNOWN_USERS: usize = 100_000;
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
    /// Who answers, in the order in which they are asked.
    pub backends: Vec<Arc<dyn Backend>>,
}

/// What every task of one server shares.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    authenticator: Arc<dyn Authenticator>,
    pub(crate) backends: Vec<Arc<dyn Backend>>,
    pub(crate) settings: Settings,
    pub(crate) registry: Registry,
    pub(crate) directory: Directory,
    pub(crate) user_limits: Arc<UserLimits>,
    pub(crate) epoch: Arc<str>,
    /// This process, among those that share a database.
    pub(crate) node: Uuid,
    known_users: Mutex<HashSet<UserId>>,
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
pub struct Hub(Arc<Shared>);

/// Figures of a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Authenticated connections.
    pub connections: usize,
    /// Conversations in memory.
    pub conversations: usize,
    /// Turns that have not ended.
    pub turns: usize,
}

impl Hub {
    /// Starts the domain: learns which log this is, ends the turns of dead nodes, and goes on looking for them.
    pub async fn start(ports: Ports, settings: Settings) -> Result<Self, StoreError> {
        let epoch = ports.store.epoch().await?.into();
        let user_limits = Arc::new(UserLimits::new(Arc::clone(&ports.clock), &settings.limits));
        let shared = Arc::new(Shared {
            store: ports.store,
            clock: ports.clock,
            authenticator: ports.authenticator,
            backends: ports.backends,
            settings,
            registry: Registry::default(),
            directory: Directory::default(),
            user_limits,
            epoch,
            node: Uuid::new_v4(),
            known_users: Mutex::default(),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            hard_stop: CancellationToken::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            live_turns: TaskTracker::new(),
        });
        shared.tasks.spawn(reaper::run(Arc::clone(&shared)));
        Ok(Self(shared))
    }

    /// Whose credential this is. Errors: `INVALID_TOKEN` (also where the user is gone), `TOKEN_EXPIRED`, `INTERNAL`.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Refusal> {
        let identity = self.0.authenticator.authenticate(token).await.map_err(Refusal::of)?;
        if self.0.known_users.lock().contains(&identity.user) {
            return Ok(identity);
        }
        match self.0.store.user_get(identity.user).await {
            Ok(Some(_)) => {
                self.remember(identity.user);
                Ok(identity)
            }
            Ok(None) => Err(Refusal::of(ErrorCode::InvalidToken)),
            Err(error) => Err(Refusal::internal(&error)),
        }
    }

    fn remember(&self, user: UserId) {
        let mut known = self.0.known_users.lock();
        if known.len() >= KNOWN_USERS {
            known.clear();
        }
        known.insert(user);
    }

    /// Opens a connection for an identity. Error: `TOO_MANY_CONNECTIONS`.
    pub fn connect(&self, identity: &Identity) -> Result<Session, Refusal> {
        Session::open(Arc::clone(&self.0), identity)
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
            self.0.route(id, crate::conversation::Work::Admit(user)).await;
        }
        Ok(added)
    }

    /// Whether the store answers.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.0.store.health().await
    }

    /// The backends' names, in the order in which they are asked.
    pub fn backends(&self) -> Vec<&str> {
        self.0.backends.iter().map(|backend| backend.name()).collect()
    }

    /// How much there is of everything.
    pub fn figures(&self) -> Figures {
        Figures {
            connections: self.0.registry.total(),
            conversations: self.0.directory.count(),
            turns: self.0.live_turns.len(),
        }
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
        if tokio::time::timeout(deadline, self.0.live_turns.wait()).await.is_err() {
            tracing::warn!(
                turns = self.0.live_turns.len(),
                "the drain's deadline is over: turns are interrupted"
            );
            self.0.hard_stop.cancel();
            if tokio::time::timeout(INTERRUPTION, self.0.live_turns.wait()).await.is_err() {
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
