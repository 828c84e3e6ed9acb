//! Whose a credential is.

use super::{Extra, GrantId};
use crate::{ErrorCode, Timestamp, UserId};
use async_trait::async_trait;
use std::time::Duration;

/// What a user may do beyond their own conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Their own things.
    #[default]
    User,
    /// Everything that is for operators.
    Admin,
}

impl Role {
    /// The word in tokens and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::User, Self::Admin].into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role: user or admin")]
pub struct UnknownRole;

/// Who a credential speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
    /// When the credential stops to be good.
    pub expires_at: Timestamp,
    /// What it opens.
    pub scope: Scope,
    /// The sign-in that it comes of.
    pub grant: GrantId,
}

/// What a credential opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Sockets and HTTP.
    #[default]
    Everything,
    /// Sockets alone: it may stand in a URL, and URLs end up in logs.
    Sockets,
}

/// Tells whose a credential is. Issuers of others (JWKS) stand behind the same trait.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Checks a bearer token. Errors: [`ErrorCode::InvalidToken`], [`ErrorCode::TokenExpired`], and
    /// [`ErrorCode::Internal`] where it could not be checked.
    async fn authenticate(&self, token: &str) -> Result<Identity, ErrorCode>;

    /// Whether this is a key that AI workers are let in with, compared in constant time. A key gives no user's rights.
    fn is_service_key(&self, key: &str) -> bool;

    /// Whether there are any such keys: if not, no worker can ever come.
    fn has_service_keys(&self) -> bool;

    /// Issues a token of [`Scope::Sockets`] that comes of the same sign-in as `of`, good for `ttl` from now. Error:
    /// [`ErrorCode::Internal`].
    async fn issue_socket_token(&self, of: &Identity, ttl: Duration) -> Result<String, ErrorCode>;
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their address, in lower case: unique.
    pub email: String,
    /// What they want to be called, if they have said so.
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// When the account was made.
    pub created_at: Timestamp,
    /// What they have said of themselves, for the AI: one JSON object.
    pub profile: Option<Extra>,
}

impl User {
    /// What others see of them: the name that they chose, else the part of the address before `@`.
    pub fn username(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| username_of(&self.email))
    }
}

/// What a user changes of themselves. What is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    /// What they want to be called: 1 to 64 bytes, no control characters.
    pub username: Option<String>,
    /// One JSON object in the place of the one before, at most 16 KiB.
    pub profile: Option<Extra>,
}

/// What others see of the user with this address who has chosen no name.
pub fn username_of(email: &str) -> &str {
    email.split_once('@').map_or(email, |(name, _)| name)
}
