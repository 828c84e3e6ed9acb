//! The time that jobs are due by.

use crate::Timestamp;
use crate::ports::Clock;
use std::sync::Arc;
use std::time::Duration;

/// The time of day as long as that goes forward. Where it jumps back, time goes on from where it was: what was due stays
/// due, and a wait is not longer than it was meant to be.
pub(super) struct JobClock {
    clock: Arc<dyn Clock>,
    last: (Timestamp, Duration),
}

impl JobClock {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let last = (clock.now(), clock.monotonic());
        Self { clock, last }
    }

    pub(super) fn now(&mut self) -> Timestamp {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let (before, then) = self.last;
        let now = wall.max(before.plus(monotonic.saturating_sub(then)));
        self.last = (now, monotonic);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    struct Odd(Mutex<(i64, u64)>);

    impl Clock for Odd {
        fn now(&self) -> Timestamp {
            Timestamp::from_microsecond(self.0.lock().0 * 1_000_000)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.lock().1)
        }
    }

    /// Protects jobs from a clock that is set: time never goes back, and goes on at its own pace after a jump back.
    #[test]
    fn time_only_goes_forward() {
        let odd = Arc::new(Odd(Mutex::new((1_000, 0))));
        let mut clock = JobClock::new(Arc::clone(&odd) as Arc<dyn Clock>);
        let mut at = |wall, monotonic| {
            *odd.0.lock() = (wall, monotonic);
            clock.now().as_second()
        };
        assert_eq!(at(1_001, 1), 1_001);
        assert_eq!(at(401, 2), 1_002, "set back by ten minutes");
        assert_eq!(at(411, 12), 1_012);
        assert_eq!(at(4_000, 13), 4_000, "set forward");
        assert_eq!(at(3_999, 13), 4_000);
    }
}
