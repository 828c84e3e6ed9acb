//! A server in memory, and requests to it.

use crate::{Options, Server};
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use parking_lot::Mutex;
use parlor_domain::ports::{
    Accounts, Authenticator, Backend, Clock, GrantId, Identity, RefreshError, Role, Scope, SignUp, SignedIn,
    Store, User,
};
use parlor_domain::testing::{ManualClock, MemoryStore, PlainExtractor, ScriptedBackend, WordEmbedder};
use parlor_domain::{ErrorCode, Hub, Ports, Provider, Refusal, Settings, UserId};
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// Takes `user:`, `admin:` and `socket:` with a user's id behind it for tokens.
struct Words(Arc<ManualClock>);

#[async_trait]
impl Authenticator for Words {
    async fn authenticate(&self, token: &str) -> Result<Identity, ErrorCode> {
        let (kind, user) = token.split_once(':').ok_or(ErrorCode::InvalidToken)?;
        let role = if kind == "admin" { Role::Admin } else { Role::User };
        let scope = if kind == "socket" { Scope::Sockets } else { Scope::Everything };
        let user = user.parse().map_err(|_| ErrorCode::InvalidToken)?;
        let expires_at = self.0.now().plus(Duration::from_secs(60));
        Ok(Identity { user, role, scope, expires_at, grant: GrantId(user.as_uuid()) })
    }

    fn is_service_key(&self, _: &str) -> bool {
        false
    }

    fn has_service_keys(&self) -> bool {
        false
    }

    async fn issue_socket_token(&self, of: &Identity, _: Duration) -> Result<String, ErrorCode> {
        Ok(format!("socket:{}", of.user))
    }
}

/// Lets everybody in whose password is `password`, whose code is `123456` and whose refresh token is `refresh:` with a
/// user's id behind it.
pub(super) struct Trusting {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    /// From where it was asked last.
    pub(super) asked_from: Mutex<Option<IpAddr>>,
}

impl Trusting {
    fn signed_in(user: User) -> SignedIn {
        let (access_token, refresh_token) = (format!("user:{}", user.id), format!("refresh:{}", user.id));
        let (grant, expires_in) = (GrantId(user.id.as_uuid()), Duration::from_secs(3_600));
        SignedIn { user, grant, access_token, expires_in, refresh_token }
    }

    async fn code(&self, email: &str, code: &str) -> Result<SignedIn, Refusal> {
        if code != "123456" {
            return Err(Refusal::of(ErrorCode::InvalidCode));
        }
        Ok(Self::signed_in(self.store.user_ensure(email, None, self.clock.now()).await.unwrap()))
    }
}

#[async_trait]
impl Accounts for Trusting {
    fn admit(&self, from: Option<IpAddr>) -> Result<(), Refusal> {
        *self.asked_from.lock() = from;
        Ok(())
    }

    async fn sign_up(&self, _: SignUp) -> Result<(), Refusal> {
        Ok(())
    }

    async fn verify_email(&self, email: &str, code: &str) -> Result<SignedIn, Refusal> {
        self.code(email, code).await
    }

    async fn sign_in(&self, _: &str, password: &str) -> Result<(), Refusal> {
        match password {
            "password" => Ok(()),
            "again" => Err(Refusal::retry_after(ErrorCode::RateLimit, Duration::from_secs(7))),
            _ => Err(Refusal::of(ErrorCode::InvalidCredentials)),
        }
    }

    async fn verify_sign_in(&self, email: &str, code: &str) -> Result<SignedIn, Refusal> {
        self.code(email, code).await
    }

    async fn refresh(&self, token: &str) -> Result<SignedIn, RefreshError> {
        let unknown = || RefreshError::Refused(Refusal::of(ErrorCode::InvalidToken));
        let user = token.strip_prefix("refresh:").and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
        let user = self.store.user_get(user).await.unwrap();
        user.map(Self::signed_in).ok_or_else(unknown)
    }

    async fn refresh_owner(&self, token: &str) -> Result<Option<(UserId, GrantId)>, Refusal> {
        let user: Option<UserId> = token.strip_prefix("refresh:").and_then(|id| id.parse().ok());
        Ok(user.map(|user| (user, GrantId(user.as_uuid()))))
    }
}

pub(super) struct World {
    pub(super) router: axum::Router,
    pub(super) backend: Arc<ScriptedBackend>,
    pub(super) hub: Hub,
    pub(super) store: Arc<MemoryStore>,
    pub(super) accounts: Arc<Trusting>,
    clock: Arc<ManualClock>,
}

/// An answer, its body as JSON where it is some.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    /// The body as it came.
    pub(super) text: String,
}

impl Answer {
    /// The status and the code of a refusal, in our own form or in that of the completions.
    pub(super) fn refusal(&self) -> (u16, &str) {
        if let Some(code) = self.body["error"]["code"].as_str() {
            return (self.status.as_u16(), code);
        }
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], self.status.as_u16());
        (self.status.as_u16(), self.body["code"].as_str().unwrap())
    }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(super) async fn with(options: Options) -> Self {
        Self::build(options, true).await
    }

    /// A server that is embedded by somebody who has accounts already.
    pub(super) async fn without_accounts() -> Self {
        Self::build(Options::default(), false).await
    }

    async fn build(options: Options, has_accounts: bool) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::default()));
        let backend = ScriptedBackend::new();
        let accounts = Arc::new(Trusting {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            asked_from: Mutex::default(),
        });
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            authenticator: Arc::new(Words(Arc::clone(&clock))),
            accounts: has_accounts.then(|| Arc::clone(&accounts) as Arc<dyn Accounts>),
            providers: vec![Provider::from(Arc::clone(&backend) as Arc<dyn Backend>)],
            prompts: Arc::new(parlor_domain::testing::PlainPrompts),
            moderator: None,
            embedder: Some(Arc::new(WordEmbedder::default())),
            extractor: Some(Arc::new(PlainExtractor)),
            files: None,
        };
        let hub = Hub::start(ports, Settings::default()).await.unwrap();
        Self { router: Server::new(hub.clone(), options).router(), backend, hub, store, accounts, clock }
    }

    /// The user with this name, made if need be.
    pub(super) async fn user(&self, name: &str) -> UserId {
        let email = format!("{name}@example.org");
        self.store.user_ensure(&email, None, self.clock.now()).await.unwrap().id
    }

    pub(super) async fn token(&self, name: &str) -> String {
        format!("user:{}", self.user(name).await)
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: head.status, headers: head.headers, body, text }
    }

    /// A request with a token and, where it is not null, a body.
    pub(super) async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path);
        self.send(request.header("authorization", format!("Bearer {token}")).body(body).unwrap()).await
    }

    pub(super) async fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(token, "GET", path, Value::Null).await
    }
}

/// A path of the document with names in the place of its parameters.
pub(super) fn named(path: &str) -> String {
    let id = "01930000-0000-7000-8000-000000000001";
    let path = path.replace("{room_id}", "r").replace("{session_id}", id).replace("{conversation_id}", id);
    path.replace("{job_id}", id).replace("{assistant_id}", id)
}
