//! What accounts are kept in. Only hashes come here: of passwords, codes and refresh tokens.

use super::{GrantId, StoreError, User};
use crate::{Timestamp, UserId};
use async_trait::async_trait;
use std::time::Duration;

/// A SHA-256 or HMAC-SHA-256.
pub type Digest = [u8; 32];

/// What a code by mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodePurpose {
    /// To prove an address.
    SignUp,
    /// To prove a sign-in whose password was right.
    SignIn,
}

impl CodePurpose {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::SignIn => "sign_in",
        }
    }
}

/// A code that goes out by mail.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCode {
    /// To whom, in lower case.
    pub email: String,
    /// What for.
    pub purpose: CodePurpose,
    /// Its keyed hash. Codes of one address and purpose that are the same have the same hash.
    pub hash: Digest,
    /// When it was made.
    pub at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// With [`CodePurpose::SignUp`]: the hash of the password that the account will have.
    pub password_hash: Option<String>,
    /// With [`CodePurpose::SignUp`]: what the user will be called.
    pub username: Option<String>,
}

/// One guess at the codes of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeGuess {
    /// Of whom, in lower case.
    pub email: String,
    /// What for.
    pub purpose: CodePurpose,
    /// The keyed hash of what was guessed.
    pub hash: Digest,
    /// How many guesses a code bears, right or wrong.
    pub tries: u32,
    /// When.
    pub at: Timestamp,
}

/// An account with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user.
    pub user: User,
    /// The password's hash (PHC string, or bcrypt's own form); none where the user has no password.
    pub password_hash: Option<String>,
}

/// A refresh token on its way into the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefreshToken {
    /// Its hash.
    pub hash: Digest,
    /// The sign-in that it belongs to.
    pub grant: GrantId,
    /// Whose.
    pub user: UserId,
    /// When it was made.
    pub at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// What became of a refresh token that was to be exchanged.
#[derive(Clone, PartialEq, Eq)]
pub enum Rotated {
    /// It was good, and the next one is there in its place.
    Fresh {
        /// Whose, as they are now.
        user: User,
        /// The sign-in.
        grant: GrantId,
    },
    /// It was exchanged before. Nothing was changed.
    Reused {
        /// Whose.
        user: UserId,
        /// The sign-in.
        grant: GrantId,
    },
    /// There is none, its time is over, or its sign-in was revoked.
    Unknown,
}

/// How often something happened in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How often, this time included.
    pub count: u32,
    /// When the window ends, and the count with it.
    pub until: Timestamp,
}

/// Somebody whom another issuer vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignIdentity {
    /// The issuer.
    pub issuer: String,
    /// Its name for them.
    pub subject: String,
    /// Their address, in lower case, where the issuer has verified it: an account that has it is theirs.
    pub email: Option<String>,
    /// The address of an account of their own, where there is no verified one: nobody can get mail at it.
    pub placeholder: String,
    /// What they are called.
    pub username: Option<String>,
}

/// The credentials on disk. Every method is one transaction, durable when it returns, and means the same when two nodes do
/// it at once.
#[async_trait]
pub trait CredentialStore: Send + Sync + 'static {
    /// The account with this address, in lower case.
    async fn credential_find(&self, email: &str) -> Result<Option<Credential>, StoreError>;

    /// Gives a user another password hash in the place of `old`. False where it is not `old` any more.
    async fn credential_replace(&self, user: UserId, old: &str, new: &str) -> Result<bool, StoreError>;

    /// The user with this address, made if there is none, with this password hash. None where they have a password.
    async fn credential_import(
        &self,
        email: &str,
        username: Option<&str>,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError>;

    /// Keeps a code. Of those with its address and purpose the newest `live` remain, this one among them.
    async fn code_create(&self, code: NewCode, live: usize) -> Result<(), StoreError>;

    /// Guesses. The guess counts against every live code of its address and purpose: those that have not expired and
    /// bear another guess. Where it is right, all codes of the address and purpose are gone, and the user is given: with
    /// [`CodePurpose::SignUp`] the account is made, with the code's password and name; or, where there is one without a
    /// password, it gets that password. None: wrong; or, with `SignUp`, the account has a password already.
    async fn code_guess(&self, guess: CodeGuess) -> Result<Option<User>, StoreError>;

    /// Keeps the first refresh token of a sign-in.
    async fn refresh_create(&self, token: NewRefreshToken) -> Result<(), StoreError>;

    /// Exchanges the refresh token with this hash for the one with the hash `next`, of the same sign-in.
    async fn refresh_rotate(
        &self,
        hash: Digest,
        next: Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Rotated, StoreError>;

    /// Whose the refresh token with this hash is, used or not, while it has not expired.
    async fn refresh_owner(
        &self,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<(UserId, GrantId)>, StoreError>;

    /// Counts one more of `key` (at most 300 bytes). The first one opens a window of this length, at the end of which
    /// it is forgotten.
    async fn count(&self, key: &str, window: Duration, now: Timestamp) -> Result<Count, StoreError>;

    /// Forgets what was counted of `key`.
    async fn count_clear(&self, key: &str) -> Result<(), StoreError>;

    /// The user that an issuer's subject is, made on first sight.
    async fn identity_user(&self, identity: ForeignIdentity, now: Timestamp) -> Result<User, StoreError>;

    /// Removes what has expired by `now`: codes, refresh tokens, revocations, counts. Gives how many there were.
    async fn credentials_sweep(&self, now: Timestamp) -> Result<usize, StoreError>;
}
