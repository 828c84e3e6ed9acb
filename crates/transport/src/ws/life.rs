//! Whether a connection should go on: when its client was last heard of, and when its token ends.

use parking_lot::Mutex;
use parlor_domain::{Caller, Timestamp};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What the three parts of a user's connection tell each other.
pub(super) struct Life {
    pub(super) pulse: Pulse,
    /// Who it is, by the newest token.
    caller: Mutex<Caller>,
}

/// When the other side was last heard of.
pub(super) struct Pulse {
    start: Instant,
    /// When it gave its last sign of life: milliseconds after `start`.
    seen: AtomicU64,
    /// Whether what it said is being done: its frames are not read then, its pongs among them.
    busy: AtomicBool,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), seen: AtomicU64::new(0), busy: AtomicBool::new(false) }
    }

    pub(super) fn saw(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.seen.store(now, Ordering::Relaxed);
    }

    /// A client that takes what a long command has to say lives, though it is not listened to.
    pub(super) fn wrote(&self) {
        if self.busy.load(Ordering::Relaxed) {
            self.saw();
        }
    }

    pub(super) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    pub(super) fn silent_for(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_millis(self.seen.load(Ordering::Relaxed)))
    }
}

impl Life {
    pub(super) fn new(caller: Caller) -> Self {
        Self { pulse: Pulse::new(), caller: Mutex::new(caller) }
    }

    pub(super) fn extend(&self, caller: Caller) {
        *self.caller.lock() = caller;
    }

    pub(super) fn caller(&self) -> Caller {
        self.caller.lock().clone()
    }

    /// When its token ends.
    pub(super) fn expires_at(&self) -> Timestamp {
        self.caller.lock().identity.expires_at
    }
}
