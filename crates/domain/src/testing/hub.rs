//! A whole domain in memory.

use super::{
    ManualClock, MemoryFiles, MemoryStore, PlainExtractor, PlainPrompts, ScriptedBackend, WordEmbedder,
};
use crate::ports::{Authenticator, Backend, Clock, Embedder, GrantId, Identity, Role, Scope, Store};
use crate::{ErrorCode, Hub, Ports, Provider, Session, Settings, UserId};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A [`Hub`] on a store, a backend and a clock of its own, all of which a test can reach.
pub struct TestHub {
    /// The domain.
    pub hub: Hub,
    /// Its store.
    pub store: Arc<MemoryStore>,
    /// Its only provider.
    pub backend: Arc<ScriptedBackend>,
    /// What makes its vectors.
    pub embedder: Arc<WordEmbedder>,
    /// Its files.
    pub files: Arc<MemoryFiles>,
    /// Its clock. Timers (typing, time limits) run on tokio's, which a test can pause.
    pub clock: Arc<ManualClock>,
}

impl TestHub {
    /// The key that lets workers in.
    pub const SERVICE_KEY: &str = "service-key";

    /// Starts with the settings that Parlor has unless told otherwise.
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// Starts with settings of one's own.
    pub async fn with(settings: Settings) -> Self {
        Self::on(Arc::new(MemoryStore::new()), settings).await
    }

    /// Starts on a store that is there already.
    pub async fn on(store: Arc<MemoryStore>, settings: Settings) -> Self {
        let backend = ScriptedBackend::new();
        let provider = Provider::from(Arc::clone(&backend) as Arc<dyn Backend>);
        Self::build(store, backend, vec![provider], false, settings).await
    }

    /// Starts where workers are waited for, and no provider is there: `backend` is asked nothing.
    pub async fn with_workers(settings: Settings) -> Self {
        let store = Arc::new(MemoryStore::new());
        Self::build(store, ScriptedBackend::new(), Vec::new(), true, settings).await
    }

    /// Starts with these providers, and workers where they are expected.
    ///
    /// # Panics
    /// Where the store fails at once.
    pub async fn build(
        store: Arc<MemoryStore>,
        backend: Arc<ScriptedBackend>,
        providers: Vec<Provider>,
        expects_workers: bool,
        settings: Settings,
    ) -> Self {
        let providers = |ports| Ports { providers, ..ports };
        Self::with_ports(store, backend, expects_workers, settings, providers).await
    }

    /// Starts with other ports where `change` says so: without it, there are no providers.
    ///
    /// # Panics
    /// Where the store fails at once.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its domain")]
    pub async fn with_ports(
        store: Arc<MemoryStore>,
        backend: Arc<ScriptedBackend>,
        expects_workers: bool,
        settings: Settings,
        change: impl FnOnce(Ports) -> Ports,
    ) -> Self {
        let embedder = Arc::new(WordEmbedder::default());
        let (clock, files) = (Arc::new(ManualClock::default()), Arc::new(MemoryFiles::default()));
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            authenticator: Arc::new(TrustingAuthenticator { clock: Arc::clone(&clock), expects_workers }),
            accounts: None,
            providers: Vec::new(),
            prompts: Arc::new(PlainPrompts),
            moderator: None,
            embedder: Some(Arc::clone(&embedder) as Arc<dyn Embedder>),
            extractor: Some(Arc::new(PlainExtractor)),
            files: Some(files.ports(true)),
        };
        let hub = Hub::start(change(ports), settings).await.expect("the store does not fail yet");
        Self { hub, store, backend, embedder, files, clock }
    }

    /// The user with this address, made if need be.
    ///
    /// # Panics
    /// Where the store fails.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its user")]
    pub async fn user(&self, email: &str) -> UserId {
        let made = self.store.user_ensure(email, None, self.clock.now()).await;
        made.expect("the store keeps users").id
    }

    /// A connection of the user with this address.
    ///
    /// # Panics
    /// Where the connection is refused.
    #[expect(clippy::expect_used, reason = "a test that wants a refusal asks the hub itself")]
    pub async fn connect(&self, email: &str) -> Session {
        let token = self.user(email).await.to_string();
        let caller = self.hub.authenticate(&token).await.expect("the user exists");
        self.hub.connect(&caller).expect("there is room for a connection")
    }
}

/// Takes a user's id for their token, with a sign-in behind a colon where there are several (`user:grant`). It is good
/// for an hour.
pub struct TrustingAuthenticator {
    /// What tells the time.
    pub clock: Arc<ManualClock>,
    /// Whether turns wait for workers. [`TestHub::SERVICE_KEY`] lets them in in any case.
    pub expects_workers: bool,
}

#[async_trait]
impl Authenticator for TrustingAuthenticator {
    async fn authenticate(&self, token: &str) -> Result<Identity, ErrorCode> {
        let (user, grant) = token.split_once(':').unwrap_or((token, token));
        let user: UserId = user.parse().map_err(|_| ErrorCode::InvalidToken)?;
        let grant = GrantId(grant.parse().map_err(|_| ErrorCode::InvalidToken)?);
        let expires_at = self.clock.now().plus(Duration::from_secs(3600));
        Ok(Identity { user, role: Role::User, expires_at, scope: Scope::Everything, grant })
    }

    fn is_service_key(&self, key: &str) -> bool {
        key == TestHub::SERVICE_KEY
    }

    fn has_service_keys(&self) -> bool {
        self.expects_workers
    }

    async fn issue_socket_token(&self, of: &Identity, _: Duration) -> Result<String, ErrorCode> {
        Ok(of.user.to_string())
    }
}
