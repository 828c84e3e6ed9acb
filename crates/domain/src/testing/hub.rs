//! A whole domain in memory.

use super::{ManualClock, MemoryStore, ScriptedBackend};
use crate::ports::{Authenticator, Backend, Clock, Identity, Role, Scope, Store};
use crate::{ErrorCode, Hub, Ports, Session, Settings, UserId};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A [`Hub`] on a store, a backend and a clock of its own, all of which a test can reach.
pub struct TestHub {
    /// The domain.
    pub hub: Hub,
    /// Its store.
    pub store: Arc<MemoryStore>,
    /// Its only backend.
    pub backend: Arc<ScriptedBackend>,
    /// Its clock. Timers (typing, time limits) run on tokio's, which a test can pause.
    pub clock: Arc<ManualClock>,
}

impl TestHub {
    /// Starts with the settings that Parlor has unless told otherwise.
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// Starts with settings of one's own.
    pub async fn with(settings: Settings) -> Self {
        Self::on(Arc::new(MemoryStore::new()), settings).await
    }

    /// Starts on a store that is there already.
    ///
    /// # Panics
    /// Where the store fails at once.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its domain")]
    pub async fn on(store: Arc<MemoryStore>, settings: Settings) -> Self {
        let (backend, clock) = (ScriptedBackend::new(), Arc::new(ManualClock::default()));
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            authenticator: Arc::new(TrustingAuthenticator(Arc::clone(&clock))),
            backends: vec![Arc::clone(&backend) as Arc<dyn Backend>],
        };
        let hub = Hub::start(ports, settings).await.expect("the store does not fail yet");
        Self { hub, store, backend, clock }
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

/// Takes a user's id for their token. It is good for an hour.
pub struct TrustingAuthenticator(pub Arc<ManualClock>);

#[async_trait]
impl Authenticator for TrustingAuthenticator {
    async fn authenticate(&self, token: &str) -> Result<Identity, ErrorCode> {
        let user = token.parse().map_err(|_| ErrorCode::InvalidToken)?;
        let expires_at = self.0.now().plus(Duration::from_secs(3600));
        Ok(Identity { user, role: Role::User, expires_at, scope: Scope::Everything })
    }

    async fn issue_socket_token(&self, user: UserId, _: Role, _: Duration) -> Result<String, ErrorCode> {
        Ok(user.to_string())
    }
}
