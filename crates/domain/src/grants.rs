//! Sign-ins that were ended: their tokens are refused, and their sockets closed, on this node at once and on others as
//! soon as these have read of it.

use crate::hub::Shared;
use crate::ports::{AuditEntry, GrantId, Revocation, StoreError};
use crate::{Refusal, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often other nodes' revocations are read.
const POLL: Duration = Duration::from_secs(2);
/// How far the clocks of two nodes, and the commits of two transactions, may be apart for that.
const OVERLAP: Duration = Duration::from_secs(60);
/// After how many readings all revocations are read, and not the latest alone: ten minutes. What a node whose clock is
/// wrong has revoked is found then.
const WHOLE: u32 = 300;

/// The sign-ins that were ended and whose tokens are not over yet.
#[derive(Debug, Default)]
pub(crate) struct Grants(Mutex<HashMap<GrantId, Timestamp>>);

impl Grants {
    pub(crate) fn is_revoked(&self, grant: GrantId) -> bool {
        self.0.lock().contains_key(&grant)
    }

    fn add(&self, revocation: &Revocation) -> bool {
        self.0.lock().insert(revocation.grant, revocation.until).is_none()
    }

    fn forget_over(&self, now: Timestamp) {
        self.0.lock().retain(|_, until| *until > now);
    }
}

impl Shared {
    /// Ends a sign-in, which `entry` says. When it returns nothing of it is good any more, here and after a crash. Error:
    /// `INTERNAL`.
    pub(crate) async fn revoke(&self, revocation: Revocation, entry: AuditEntry) -> Result<(), Refusal> {
        self.store.grant_revoke(revocation, entry).await.map_err(|error| Refusal::internal(&error))?;
        self.apply(&revocation);
        Ok(())
    }

    fn apply(&self, revocation: &Revocation) {
        if self.grants.add(revocation) {
            self.registry.end_grant(revocation.user, revocation.grant);
        }
    }
}

/// Learns what was revoked before this node started.
pub(crate) async fn load(shared: &Shared) -> Result<(), StoreError> {
    for revocation in shared.store.grants_revoked(None, shared.clock.now()).await? {
        shared.apply(&revocation);
    }
    Ok(())
}

/// Reads what other nodes revoke, until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut every = tokio::time::interval_at(tokio::time::Instant::now() + POLL, POLL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut read_at = shared.clock.now();
    for reading in (1..WHOLE).chain([0]).cycle() {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = every.tick() => {}
        }
        let now = shared.clock.now();
        let since = (reading > 0).then(|| read_at.minus(OVERLAP));
        match shared.store.grants_revoked(since, now).await {
            Ok(revoked) => {
                revoked.iter().for_each(|revocation| shared.apply(revocation));
                read_at = now;
            }
            Err(error) => tracing::error!(%error, "revoked sign-ins could not be read"),
        }
        shared.grants.forget_over(now);
    }
}
