//! Sign-ins that were ended before their tokens are over.

use super::{AuditEntry, StoreError};
use crate::{Timestamp, UserId};
use async_trait::async_trait;
use std::fmt;
use uuid::Uuid;

/// One sign-in. Every token that comes of it names it, so that all of them end together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId(pub Uuid);

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A sign-in that was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Which.
    pub grant: GrantId,
    /// Whose.
    pub user: UserId,
    /// When it was ended.
    pub at: Timestamp,
    /// When the last of its tokens is over by itself, and this may be forgotten.
    pub until: Timestamp,
}

/// Revocations on disk.
#[async_trait]
pub trait GrantStore: Send + Sync + 'static {
    /// Ends a sign-in, removes its refresh tokens and writes `entry` down, all or nothing. Where that was done, only
    /// the entry is new.
    async fn grant_revoke(&self, revocation: Revocation, entry: AuditEntry) -> Result<(), StoreError>;

    /// The revocations made at or after `since` (none: all) whose `until` is after `now`.
    async fn grants_revoked(
        &self,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError>;
}
