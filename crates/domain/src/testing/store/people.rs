//! Accounts, sign-ins that were ended, and the audit log.

mod rules;

use super::MemoryStore;
use crate::ports::{
    AuditEntry, AuditFilter, AuditStore, CodeGuess, Count, Credential, CredentialStore, Digest,
    ForeignIdentity, GrantId, GrantStore, NewCode, NewRefreshToken, Revocation, Rotated, StoreError, User,
};
use crate::{Timestamp, UserId};
use async_trait::async_trait;
use std::time::Duration;
use uuid::Uuid;

pub(super) use self::rules::{People, ensured};

#[async_trait]
impl AuditStore for MemoryStore {
    async fn audit_append(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.with_inner(|inner| inner.people.audit(entries))
    }

    async fn audit_list(
        &self,
        filter: AuditFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.with_inner(|inner| inner.people.audited(&filter, before, limit))
    }
}

#[async_trait]
impl GrantStore for MemoryStore {
    async fn grant_revoke(&self, revocation: Revocation, entry: AuditEntry) -> Result<(), StoreError> {
        self.with_inner(|inner| {
            inner.people.revoke(revocation);
            inner.people.audit(vec![entry]);
        })
    }

    async fn grants_revoked(
        &self,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.with_inner(|inner| inner.people.revoked(since, now))
    }
}

#[async_trait]
impl CredentialStore for MemoryStore {
    async fn credential_find(&self, email: &str) -> Result<Option<Credential>, StoreError> {
        self.with_inner(|inner| inner.people.credential(&inner.log.users, email))
    }

    async fn credential_replace(&self, user: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        self.with_inner(|inner| inner.people.password_replace(user, old, new))
    }

    async fn credential_import(
        &self,
        email: &str,
        username: Option<&str>,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError> {
        self.with_inner(|inner| {
            let user = ensured(&mut inner.log.users, email, username, now).clone();
            inner.people.password_first(user, password_hash)
        })
    }

    async fn code_create(&self, code: NewCode, live: usize) -> Result<(), StoreError> {
        self.with_inner(|inner| inner.people.code_create(code, live))
    }

    async fn code_guess(&self, guess: CodeGuess) -> Result<Option<User>, StoreError> {
        self.with_inner(|inner| inner.people.code_guess(&mut inner.log.users, &guess))
    }

    async fn refresh_create(&self, token: NewRefreshToken) -> Result<(), StoreError> {
        let nobody = || StoreError { message: format!("there is no user {}", token.user), source: None };
        let made = self.with_inner(|inner| inner.people.token_create(&inner.log.users, token.clone()))?;
        made.then_some(()).ok_or_else(nobody)
    }

    async fn refresh_rotate(
        &self,
        hash: Digest,
        next: Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Rotated, StoreError> {
        self.with_inner(|inner| inner.people.token_rotate(&inner.log.users, hash, next, expires_at, now))
    }

    async fn refresh_owner(
        &self,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<(UserId, GrantId)>, StoreError> {
        self.with_inner(|inner| inner.people.token_owner(hash, now))
    }

    async fn count(&self, key: &str, window: Duration, now: Timestamp) -> Result<Count, StoreError> {
        self.with_inner(|inner| inner.people.count(key, window, now))
    }

    async fn count_clear(&self, key: &str) -> Result<(), StoreError> {
        self.with_inner(|inner| inner.people.count_clear(key))
    }

    async fn identity_user(&self, identity: ForeignIdentity, now: Timestamp) -> Result<User, StoreError> {
        self.with_inner(|inner| inner.people.identity(&mut inner.log.users, identity, now))
    }

    async fn credentials_sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.with_inner(|inner| inner.people.sweep(now))
    }
}
