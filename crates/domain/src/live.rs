//! What an admin sees of a running server as it goes. All of it is in memory, so that who watches costs nothing.

use crate::Refusal;
use crate::caller::Caller;
use crate::hub::{Figures, Hub};
use crate::ports::{AuditAction, GrantId, Role};
use crate::router::BackendState;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a look that was written down stands for those after it.
const LOOK: Duration = Duration::from_hours(1);

/// A look at this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// How much there is of everything.
    pub figures: Figures,
    /// Messages, of people and of the AI, that entered the log here since the start.
    pub messages: u64,
    /// Who answers, in the order in which they are asked.
    pub backends: Vec<BackendState>,
    /// How long this process has run.
    pub uptime: Duration,
}

/// What is counted for it, and who has looked.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    messages: AtomicU64,
    /// When a look of a sign-in was written down last.
    written: Mutex<HashMap<GrantId, Duration>>,
}

impl Watch {
    /// Counts a message that entered the log.
    pub(crate) fn message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether this look is to be written down.
    fn is_first(&self, grant: GrantId, now: Duration) -> bool {
        let mut written = self.written.lock();
        written.retain(|_, at| now.saturating_sub(*at) < LOOK);
        !written.contains_key(&grant)
    }

    fn wrote(&self, grant: GrantId, now: Duration) {
        self.written.lock().insert(grant, now);
    }
}

impl Hub {
    /// A look at this process, for who watches: admins alone. Watching is written down once an hour for each sign-in, as a
    /// look every few seconds would fill the audit log; a refusal is written down each time. Errors: `FORBIDDEN`,
    /// `INTERNAL`.
    pub async fn live(&self, caller: &Caller) -> Result<Live, Refusal> {
        let (watch, grant, now) = (&self.0.live, caller.identity.grant, self.0.clock.monotonic());
        if caller.identity.role != Role::Admin || watch.is_first(grant, now) {
            self.admin_reads(caller, AuditAction::StatsRead).await?;
            watch.wrote(grant, now);
        }
        Ok(self.live_figures())
    }

    /// The same for who watches on, by the role that they have now. Errors: as for [`Hub::live`].
    pub async fn live_again(&self, caller: &Caller) -> Result<Live, Refusal> {
        let user = self.0.store.user_get(caller.identity.user).await;
        let user = user.map_err(|error| Refusal::internal(&error))?;
        let mut caller = caller.clone();
        caller.identity.role = user.map_or(Role::User, |user| user.role);
        self.live(&caller).await
    }

    /// A look at this process, whoever asks: who shows it asks [`Hub::live`] first, and [`Hub::live_again`] now and then.
    pub fn live_figures(&self) -> Live {
        Live {
            figures: self.figures(),
            messages: self.0.live.messages.load(Ordering::Relaxed),
            backends: self.backend_states(),
            uptime: self.uptime(),
        }
    }
}
