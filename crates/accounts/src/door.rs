//! The authenticator of a server that takes tokens of two issuers: itself, and perhaps another.

use crate::{Issuer, Tokens};
use async_trait::async_trait;
use parlor_domain::ErrorCode;
use parlor_domain::ports::{Authenticator, Identity};
use std::sync::Arc;
use std::time::Duration;

/// Tries our own tokens, then the other issuer's. Workers' keys and tokens for sockets are our own alone.
#[derive(Debug, Clone)]
pub struct Door {
    tokens: Arc<Tokens>,
    issuer: Option<Arc<Issuer>>,
}

impl Door {
    /// A door for these.
    pub fn new(tokens: Arc<Tokens>, issuer: Option<Arc<Issuer>>) -> Self {
        Self { tokens, issuer }
    }
}

#[async_trait]
impl Authenticator for Door {
    async fn authenticate(&self, token: &str) -> Result<Identity, ErrorCode> {
        match (self.tokens.authenticate(token).await, &self.issuer) {
            (Err(ErrorCode::InvalidToken), Some(issuer)) => issuer.authenticate(token).await,
            (own, _) => own,
        }
    }

    fn is_service_key(&self, key: &str) -> bool {
        self.tokens.is_service_key(key)
    }

    fn has_service_keys(&self) -> bool {
        self.tokens.has_service_keys()
    }

    async fn issue_socket_token(&self, of: &Identity, ttl: Duration) -> Result<String, ErrorCode> {
        self.tokens.issue_socket_token(of, ttl).await
    }
}
