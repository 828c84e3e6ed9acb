//! A clock that a test moves.

use crate::Timestamp;
use crate::ports::Clock;
use parking_lot::Mutex;
use std::time::Duration;

/// A [`Clock`] that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock(Mutex<(Timestamp, Duration)>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Mutex::new((Timestamp::from_microsecond(1_767_225_600_000_000), Duration::ZERO)))
    }
}

impl ManualClock {
    /// Sets the time of day, as somebody does who sets a clock: no time passes.
    pub fn set(&self, now: Timestamp) {
        self.0.lock().0 = now;
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.lock();
        *time = (time.0.plus(by), time.1 + by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().1
    }
}
