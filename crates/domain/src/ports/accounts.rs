//! Sign-up, sign-in and what follows from them: how a person comes to have a token.

use super::{GrantId, User};
use crate::Refusal;
use async_trait::async_trait;
use std::net::IpAddr;
use std::time::Duration;

/// Who wants an account.
#[derive(Clone, PartialEq, Eq)]
pub struct SignUp {
    /// Their address.
    pub email: String,
    /// What they want to sign in with.
    pub password: String,
    /// What others are to see of them; none is the part of the address before `@`.
    pub username: Option<String>,
}

/// Somebody who has proved who they are.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// What every token of this sign-in names.
    pub grant: GrantId,
    /// A token for everything.
    pub access_token: String,
    /// For how long it is good.
    pub expires_in: Duration,
    /// What gets the next access token, once.
    pub refresh_token: String,
}

/// Why there is no next access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshError {
    /// The token is not known, too old, or its sign-in has ended. Or we failed.
    Refused(Refusal),
    /// The token was used before: it was stolen, or its thief used it first. The whole sign-in must end.
    Reused {
        /// Which.
        grant: GrantId,
        /// Whose.
        user: crate::UserId,
    },
}

/// Accounts of our own: addresses, passwords, codes by mail. Whoever embeds Parlor and has accounts already does without.
///
/// Addresses are compared in lower case. No answer, and no answer's time, tells whether an address is known. Errors of
/// all: [`ErrorCode::InvalidRequest`](crate::ErrorCode::InvalidRequest) for what can be no address, password or name,
/// [`ErrorCode::RateLimit`](crate::ErrorCode::RateLimit) for too many for one account, and
/// [`ErrorCode::Internal`](crate::ErrorCode::Internal).
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// Counts one more of the steps below, before it is made, for who speaks from there; none is one of us. Who is refused
    /// here costs nothing more and is not written down: a flood must fill nothing. Error:
    /// [`ErrorCode::RateLimit`](crate::ErrorCode::RateLimit).
    fn admit(&self, from: Option<IpAddr>) -> Result<(), Refusal>;

    /// Wants an account; a code goes out by mail. The account comes to be when the code comes back.
    async fn sign_up(&self, who: SignUp) -> Result<(), Refusal>;

    /// Brings the code of a sign-up. Error: [`ErrorCode::InvalidCode`](crate::ErrorCode::InvalidCode).
    async fn verify_email(&self, email: &str, code: &str) -> Result<SignedIn, Refusal>;

    /// Brings a password; a code goes out by mail. Error:
    /// [`ErrorCode::InvalidCredentials`](crate::ErrorCode::InvalidCredentials).
    async fn sign_in(&self, email: &str, password: &str) -> Result<(), Refusal>;

    /// Brings the code of a sign-in. Error: [`ErrorCode::InvalidCode`](crate::ErrorCode::InvalidCode).
    async fn verify_sign_in(&self, email: &str, code: &str) -> Result<SignedIn, Refusal>;

    /// Whether people without an account may try the server. They may not, unless somebody says so.
    fn takes_guests(&self) -> bool {
        false
    }

    /// Makes a user for one of them, whom nobody can be later: what is theirs ends with their tokens. Error:
    /// [`ErrorCode::Forbidden`](crate::ErrorCode::Forbidden) where they may not.
    async fn guest(&self, from: Option<IpAddr>) -> Result<SignedIn, Refusal> {
        let _ = from;
        Err(Refusal::new(crate::ErrorCode::Forbidden, "this server takes no guests"))
    }

    /// Exchanges a refresh token for the next pair. Error in it:
    /// [`ErrorCode::InvalidToken`](crate::ErrorCode::InvalidToken).
    async fn refresh(&self, refresh_token: &str) -> Result<SignedIn, RefreshError>;

    /// The sign-in that a refresh token belongs to, used or not; none where it is not known.
    async fn refresh_owner(&self, refresh_token: &str) -> Result<Option<(crate::UserId, GrantId)>, Refusal>;
}

impl std::fmt::Debug for SignUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignUp").field("username", &self.username).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn").field("user", &self.user.id).finish_non_exhaustive()
    }
}
