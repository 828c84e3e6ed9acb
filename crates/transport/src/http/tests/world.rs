//! A server in memory, and requests to it.

use crate::{Options, Server};
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use parlor_domain::ports::{Authenticator, Backend, Clock, Identity, Role, Scope, Store};
use parlor_domain::testing::{ManualClock, MemoryStore, ScriptedBackend};
use parlor_domain::{ErrorCode, Hub, Ports, Provider, Settings, UserId};
use serde_json::Value;
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
        Ok(Identity { user, role, scope, expires_at: self.0.now().plus(Duration::from_secs(60)) })
    }

    fn is_service_key(&self, _: &str) -> bool {
        false
    }

    fn has_service_keys(&self) -> bool {
        false
    }

    async fn issue_socket_token(&self, user: UserId, _: Role, _: Duration) -> Result<String, ErrorCode> {
        Ok(format!("socket:{user}"))
    }
}

pub(super) struct World {
    pub(super) router: axum::Router,
    pub(super) backend: Arc<ScriptedBackend>,
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
}

/// An answer, its body as JSON where it is some.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
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
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::default()));
        let backend = ScriptedBackend::new();
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            authenticator: Arc::new(Words(Arc::clone(&clock))),
            providers: vec![Provider::from(Arc::clone(&backend) as Arc<dyn Backend>)],
        };
        let hub = Hub::start(ports, Settings::default()).await.unwrap();
        Self { router: Server::new(hub, options).router(), backend, store, clock }
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
        Answer { status: head.status, headers: head.headers, body }
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
