//! Tokens: JWTs (RFC 7519) signed with HMAC-SHA-256, for the bearer of which a client speaks. An access token opens
//! everything; a socket token opens sockets alone, since a browser has to put it into a URL. All tokens of one sign-in
//! name it, so that they can be refused together.

use crate::{ServiceKeys, digest};
use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parlor_domain::ports::{Authenticator, Clock, GrantId, Identity, LinkSigner, Role, Scope};
use parlor_domain::{ErrorCode, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The one algorithm. What a token says of itself is never believed.
const ALGORITHM: Algorithm = Algorithm::HS256;
/// The `typ` claim of a token that opens everything.
const ACCESS: &str = "access";
/// The `typ` claim of a token that opens sockets alone.
const SOCKET: &str = "socket";

/// How far the clock of another node may be ahead of ours, in seconds: its tokens are good here. A token's end is its end.
const SKEW: i64 = 60;

/// What the key of the codes by mail is derived for.
const CODES: &[u8] = b"parlor codes by mail 1";

/// What the key of links to files is derived for.
const LINKS: &[u8] = b"parlor links to files 1";

/// The shortest secret, in bytes: as long as the hash (RFC 7518 §3.2).
pub const SECRET_MIN: usize = 32;
/// The longest token that is looked at, in bytes. Ours have some 300.
pub const TOKEN_MAX: usize = 8 * 1024;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The secret could be guessed.
    #[error("the secret has {0} bytes and needs at least {SECRET_MIN}")]
    WeakSecret(usize),
    /// The signing itself failed.
    #[error("the token could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    role: String,
    iat: i64,
    /// None of ours says it; one that was signed with our secret elsewhere may.
    #[serde(default, skip_serializing)]
    nbf: Option<i64>,
    exp: i64,
    jti: Uuid,
    /// The sign-in. Tokens that were made before there was this claim are sign-ins of their own.
    #[serde(default)]
    sid: Option<Uuid>,
    typ: String,
}

/// Issues and verifies tokens of both kinds, all signed with one secret.
pub struct Tokens {
    service_keys: ServiceKeys,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    code_key: digest::Key,
    link_key: digest::Key,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens signed with `secret`, which expire by `clock`.
    ///
    /// Errors: [`TokenError::WeakSecret`] under [`SECRET_MIN`] bytes.
    pub fn new(secret: &[u8], clock: Arc<dyn Clock>) -> Result<Self, TokenError> {
        if secret.len() < SECRET_MIN {
            return Err(TokenError::WeakSecret(secret.len()));
        }
        let mut validation = Validation::new(ALGORITHM);
        // The time is checked here, by our own clock and without leeway; there is no audience.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let (signing, verifying) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        let service_keys = ServiceKeys::default();
        let (code_key, link_key) = (digest::derive_key(secret, CODES), digest::derive_key(secret, LINKS));
        Ok(Self { service_keys, signing, verifying, validation, code_key, link_key, clock })
    }

    /// The same, which also lets workers in that have one of `keys`.
    #[must_use]
    pub fn with_service_keys(self, keys: ServiceKeys) -> Self {
        Self { service_keys: keys, ..self }
    }

    /// The key that codes by mail are hashed with: of the same secret, and of no use for anything else.
    pub(crate) fn code_key(&self) -> &digest::Key {
        &self.code_key
    }

    /// An access token for `user`, a sign-in of its own, good from `now` until `ttl` later, in whole seconds.
    ///
    /// Errors: [`TokenError::Signing`].
    pub fn issue(
        &self,
        user: UserId,
        role: Role,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        self.issue_for(GrantId(Uuid::new_v4()), user, role, ttl, now)
    }

    /// The same, of the sign-in `grant`.
    ///
    /// Errors: [`TokenError::Signing`].
    pub fn issue_for(
        &self,
        grant: GrantId,
        user: UserId,
        role: Role,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        let of = Identity { user, role, grant, expires_at: now.plus(ttl), scope: Scope::Everything };
        self.sign(&of, now)
    }

    fn sign(&self, of: &Identity, now: Timestamp) -> Result<String, TokenError> {
        let claims = Claims {
            sub: of.user,
            role: of.role.as_str().to_owned(),
            iat: now.as_second(),
            nbf: None,
            exp: of.expires_at.as_second(),
            jti: Uuid::new_v4(),
            sid: Some(of.grant.0),
            typ: type_of(of.scope).to_owned(),
        };
        jsonwebtoken::encode(&Header::new(ALGORITHM), &claims, &self.signing).map_err(TokenError::Signing)
    }

    fn verify(&self, token: &str) -> Result<Identity, ErrorCode> {
        if token.len() > TOKEN_MAX {
            return Err(ErrorCode::InvalidToken);
        }
        let token = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation)
            .map_err(|_| ErrorCode::InvalidToken)?;
        // We understand no extension, and must refuse what demands one (RFC 7515 §4.1.11).
        if token.header.crit.is_some() {
            return Err(ErrorCode::InvalidToken);
        }
        let scope = scope_of(&token.claims.typ).ok_or(ErrorCode::InvalidToken)?;
        let role = token.claims.role.parse().map_err(|_| ErrorCode::InvalidToken)?;
        let now = self.clock.now().as_second();
        if token.claims.iat.max(token.claims.nbf.unwrap_or(i64::MIN)) > now.saturating_add(SKEW) {
            return Err(ErrorCode::InvalidToken);
        }
        if now >= token.claims.exp {
            return Err(ErrorCode::TokenExpired);
        }
        let expires_at = Timestamp::from_microsecond(token.claims.exp.saturating_mul(1_000_000));
        let grant = GrantId(token.claims.sid.unwrap_or(token.claims.jti));
        Ok(Identity { user: token.claims.sub, role, expires_at, scope, grant })
    }
}

const fn type_of(scope: Scope) -> &'static str {
    match scope {
        Scope::Everything => ACCESS,
        Scope::Sockets => SOCKET,
    }
}

fn scope_of(kind: &str) -> Option<Scope> {
    [Scope::Everything, Scope::Sockets].into_iter().find(|scope| type_of(*scope) == kind)
}

/// Vouches for links to files, with a key that vouches for nothing else.
impl LinkSigner for Tokens {
    fn sign(&self, words: &[u8]) -> [u8; 32] {
        digest::hmac_sha256(&self.link_key, &[words])
    }
}

#[async_trait]
impl Authenticator for Tokens {
    async fn authenticate(&self, token: &str) -> Result<Identity, ErrorCode> {
        self.verify(token)
    }

    fn is_service_key(&self, key: &str) -> bool {
        self.service_keys.contains(key)
    }

    fn has_service_keys(&self) -> bool {
        !self.service_keys.is_empty()
    }

    async fn issue_socket_token(&self, of: &Identity, ttl: Duration) -> Result<String, ErrorCode> {
        let now = self.clock.now();
        let token = Identity { scope: Scope::Sockets, expires_at: now.plus(ttl), ..of.clone() };
        self.sign(&token, now).map_err(|error| {
            tracing::error!(user = %of.user, error = ?error, "a socket token could not be signed");
            ErrorCode::Internal
        })
    }
}
