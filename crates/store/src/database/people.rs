//! Accounts, sign-ins that were ended, and the audit log.
//!
//! What may be done twice is repeated where its outcome is not known. A guess, a count and a password are not.

use super::Database;
use crate::audit::AuditRow;
use crate::{audit, codes, counts, credentials, grants, identities, refresh, sweep};
use async_trait::async_trait;
use parlor_domain::ports::{
    AuditEntry, AuditFilter, AuditStore, CodeGuess, Count, Credential, CredentialStore, Digest,
    ForeignIdentity, GrantId, GrantStore, NewCode, NewRefreshToken, Revocation, Rotated, StoreError, User,
};
use parlor_domain::{Timestamp, UserId};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl AuditStore for Database {
    async fn audit_append(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        let rows: Vec<AuditRow> = entries.into_iter().map(Into::into).collect();
        if rows.is_empty() {
            return Ok(());
        }
        self.repeat("write to the audit log", |pools| audit::append(pools, rows.clone())).await
    }

    async fn audit_list(
        &self,
        filter: AuditFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let query = |pools| audit::list(pools, filter.clone(), before, limit);
        self.read("read the audit log", query).await
    }
}

#[async_trait]
impl GrantStore for Database {
    async fn grant_revoke(&self, revocation: Revocation, entry: AuditEntry) -> Result<(), StoreError> {
        let entry = AuditRow::from(entry);
        self.repeat("end a sign-in", |pools| grants::revoke(pools, revocation, entry.clone())).await
    }

    async fn grants_revoked(
        &self,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.read("read which sign-ins were ended", move |pools| grants::revoked(pools, since, now)).await
    }
}

#[async_trait]
impl CredentialStore for Database {
    async fn credential_find(&self, email: &str) -> Result<Option<Credential>, StoreError> {
        self.read("read a credential", |pools| credentials::find(pools, email.to_owned())).await
    }

    async fn credential_replace(&self, user: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        let change = credentials::replace(self.pools(), user, old.to_owned(), new.to_owned());
        self.change("replace a password's hash", change).await
    }

    async fn credential_import(
        &self,
        email: &str,
        username: Option<&str>,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError> {
        let (email, username) = (email.to_owned(), username.map(ToOwned::to_owned));
        let change = credentials::import(self.pools(), email, username, password_hash.to_owned(), now);
        self.change("import an account", change).await
    }

    async fn code_create(&self, code: NewCode, live: usize) -> Result<(), StoreError> {
        let (id, code) = (Uuid::now_v7(), Arc::new(code));
        self.repeat("keep a code", |pools| codes::create(pools, id, code.clone(), live)).await
    }

    async fn code_guess(&self, guess: CodeGuess) -> Result<Option<User>, StoreError> {
        self.change("guess a code", codes::guess(self.pools(), guess)).await
    }

    async fn refresh_create(&self, token: NewRefreshToken) -> Result<(), StoreError> {
        self.repeat("keep a refresh token", |pools| refresh::create(pools, token.clone())).await
    }

    async fn refresh_rotate(
        &self,
        hash: Digest,
        next: Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Rotated, StoreError> {
        let change = move |pools| refresh::rotate(pools, hash, next, expires_at, now);
        self.repeat("exchange a refresh token", change).await
    }

    async fn refresh_owner(
        &self,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<(UserId, GrantId)>, StoreError> {
        self.read("look for a refresh token", move |pools| refresh::owner(pools, hash, now)).await
    }

    async fn count(&self, key: &str, window: Duration, now: Timestamp) -> Result<Count, StoreError> {
        self.change("count", counts::count(self.pools(), key.to_owned(), window, now)).await
    }

    async fn count_clear(&self, key: &str) -> Result<(), StoreError> {
        self.repeat("forget a count", |pools| counts::clear(pools, key.to_owned())).await
    }

    async fn identity_user(&self, identity: ForeignIdentity, now: Timestamp) -> Result<User, StoreError> {
        let identity = Arc::new(identity);
        let change = |pools| identities::user(pools, identity.clone(), now);
        self.repeat("look for the user that a subject is", change).await
    }

    async fn credentials_sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.repeat("forget what has expired", move |pools| sweep::sweep(pools, now)).await
    }
}
