//! Tokens of one other issuer (`OpenID` Connect Core 1.0, Clerk): JWTs that are verified by the keys it publishes.
//!
//! A token's way: [`claims`] reads which key it names, [`cache`] has that key or gets it, [`keys`] says which algorithm the
//! key is for, [`claims`] checks what the token says, and [`users`] knows which user its subject is. A connection whose
//! key and subject are known costs neither a request nor a query.

mod cache;
mod claims;
mod config;
mod keys;
mod users;

use self::cache::{KeyCache, NoKey};
use self::claims::Claims;
use self::users::Users;
use crate::digest;
use crate::tokens::TOKEN_MAX;
pub use config::{InvalidIssuer, IssuerConfig};
use jsonwebtoken::{Validation, decode, decode_header};
use parlor_domain::ports::{Clock, CredentialStore, GrantId, Identity, Scope};
use parlor_domain::{ErrorCode, Timestamp};
use std::fmt;
use std::sync::Arc;
use uuid::Builder;

/// Verifies the tokens of another issuer, and knows their users.
pub struct Issuer {
    config: IssuerConfig,
    keys: Arc<KeyCache>,
    users: Users,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Issuer {
    /// The issuer of `config`, whose users are kept in `store`. It asks the issuer for nothing before a token comes.
    ///
    /// Error: [`InvalidIssuer`].
    pub fn new(
        config: IssuerConfig,
        store: Arc<dyn CredentialStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidIssuer> {
        config.check()?;
        let keys = Arc::new(KeyCache::new(config.jwks_url.clone(), Arc::clone(&clock))?);
        let users = Users::new(config.issuer.clone(), store, Arc::clone(&clock));
        Ok(Self { config, keys, users, clock })
    }

    /// Whose a token is. Its user is made on first sight.
    ///
    /// Errors: `INVALID_TOKEN`, `TOKEN_EXPIRED`, and `INTERNAL` where the issuer's keys or our database could not be had.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, ErrorCode> {
        let claims = self.verify(token).await?;
        let expires_at = Timestamp::from_microsecond(claims.expires_at().saturating_mul(1_000_000));
        let grant = self.grant(&claims, token);
        let user = self.users.user_of(claims).await?;
        Ok(Identity { user: user.id, role: user.role, expires_at, scope: Scope::Everything, grant })
    }

    /// What the token says, if this issuer signed it, for us, and it is good now.
    async fn verify(&self, token: &str) -> Result<Claims, ErrorCode> {
        if token.len() > TOKEN_MAX {
            return Err(ErrorCode::InvalidToken);
        }
        let header = decode_header(token).map_err(|_| ErrorCode::InvalidToken)?;
        // We understand no extension, and must refuse what demands one (RFC 7515 §4.1.11).
        let (None, Some(kid)) = (header.crit, header.kid) else { return Err(ErrorCode::InvalidToken) };
        let key = self.keys.key(&kid).await.map_err(|missing| match missing {
            NoKey::Unknown => ErrorCode::InvalidToken,
            NoKey::Unreachable => ErrorCode::Internal,
        })?;
        // The key says which algorithm it is for. The token's header only has to agree (RFC 8725 §3.1).
        let mut validation = Validation::new(key.algorithm);
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_aud) = (false, false);
        let decoded = decode::<Claims>(token, &key.key, &validation).map_err(|_| ErrorCode::InvalidToken)?;
        decoded.claims.check(&self.config, self.clock.now())?;
        Ok(decoded.claims)
    }

    /// The sign-in that a token belongs to: what its issuer calls it, else the token itself. It is hashed with the issuer,
    /// so that nobody else's sign-ins can be named, ours least of all.
    fn grant(&self, claims: &Claims, token: &str) -> GrantId {
        let (kind, name) = match (&claims.sid, &claims.jti) {
            (Some(sid), _) => ("sid", sid.as_str()),
            (None, Some(jti)) => ("jti", jti.as_str()),
            (None, None) => ("token", token),
        };
        let hash = digest::sha256(&[kind.as_bytes(), self.config.issuer.as_bytes(), name.as_bytes()]);
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        GrantId(Builder::from_custom_bytes(half).into_uuid())
    }

    /// Stops asking the issuer for keys, and waits for what is under way.
    pub async fn close(&self) {
        self.keys.close().await;
    }
}
