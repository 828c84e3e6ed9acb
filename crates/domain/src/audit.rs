//! Who did what of consequence. It is written down before it is answered, and done to its end whether or not who asked for
//! it waits for the answer: nobody keeps out of the log by going away. What cannot be undone, or undoes a deletion, stands
//! in the log by the same transaction.

use crate::caller::Caller;
use crate::hub::{Hub, Shared};
use crate::ports::{AuditAction, AuditEntry, AuditFilter, Role};
use crate::{ErrorCode, Refusal, Timestamp, UserId};
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;

/// How much that is audited is done at the same time; what comes then waits, as long as who asked for it does.
pub(crate) const AT_ONCE: usize = 1_024;
/// The longest address of an account that is written down, in bytes (RFC 5321 §4.5.3.1.3).
const ACCOUNT_MAX: usize = 254;

/// Who did something, as far as is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doer {
    pub(crate) actor: Option<UserId>,
    pub(crate) account: Option<String>,
    pub(crate) address: Option<IpAddr>,
}

impl Doer {
    /// Somebody who has not proved who they are.
    pub(crate) fn claimed(account: &str, address: Option<IpAddr>) -> Self {
        let mut account: String = account.chars().filter(|it| !it.is_control()).take(ACCOUNT_MAX).collect();
        account.truncate(account.floor_char_boundary(ACCOUNT_MAX));
        Self { actor: None, account: Some(account), address }
    }

    /// The entry of what they have done.
    pub(crate) fn entry(self, action: AuditAction, subject: Option<String>, at: Timestamp) -> AuditEntry {
        let Self { actor, account, address } = self;
        AuditEntry { actor, account, address, subject, ..AuditEntry::new(action, at) }
    }
}

impl From<&Caller> for Doer {
    fn from(caller: &Caller) -> Self {
        Self { actor: Some(caller.identity.user), account: None, address: caller.address }
    }
}

impl Shared {
    /// Writes down what was done, or was refused. Error: `INTERNAL`.
    pub(crate) async fn audit(
        &self,
        doer: Doer,
        action: AuditAction,
        subject: Option<String>,
        refused: Option<ErrorCode>,
    ) -> Result<(), Refusal> {
        let entry = doer.entry(action, subject, self.clock.now()).refused(refused);
        let written = self.store.audit_append(vec![entry]).await;
        written.map_err(|error| Refusal::internal(&error))
    }

    /// The same of an outcome, which is given back.
    pub(crate) async fn audited<T>(
        &self,
        doer: Doer,
        action: AuditAction,
        subject: Option<String>,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let refused = outcome.as_ref().err().map(|refusal| refusal.code);
        self.audit(doer, action, subject, refused).await?;
        outcome
    }

    /// The same of what was written down where it was done: of a refusal.
    pub(crate) async fn audited_unless_done<T>(
        &self,
        doer: Doer,
        action: AuditAction,
        subject: Option<String>,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if outcome.is_ok() { outcome } else { self.audited(doer, action, subject, outcome).await }
    }

    /// Does what is audited to its end, in a task of its own: who asked for it may be gone before. Errors: those of `work`,
    /// and `INTERNAL` where it panicked.
    pub(crate) async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.audited_at_once).acquire_owned().await;
        let place = place.map_err(|error| Refusal::internal(&error))?;
        let task = self.tasks.spawn(async move {
            let _held = place;
            work.await
        });
        task.await.unwrap_or_else(|error| Err(Refusal::internal(&error)))
    }
}

impl Hub {
    /// The audit log, newest first, at most `limit` entries, those before `before`. This, too, is written down. Error:
    /// `FORBIDDEN` for who is no admin.
    pub async fn audit_list(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, Refusal> {
        self.admin_reads(caller, AuditAction::AuditRead).await?;
        let listed = self.0.store.audit_list(filter, before, limit).await;
        listed.map_err(|error| Refusal::internal(&error))
    }

    /// Lets admins read, and writes down who did or wanted to.
    pub(crate) async fn admin_reads(&self, caller: &Caller, action: AuditAction) -> Result<(), Refusal> {
        let allowed = match caller.identity.role {
            Role::Admin => Ok(()),
            Role::User => Err(Refusal::of(ErrorCode::Forbidden)),
        };
        self.0.audited(caller.into(), action, None, allowed).await
    }
}
