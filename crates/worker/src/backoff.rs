//! How long to wait before the next connection: with full jitter, so that the workers of a server that was gone do not
//! all come back at once.

use std::time::Duration;

/// The longest wait before the second connection.
const BASE: Duration = Duration::from_millis(500);
/// The longest wait before any.
const CAP: Duration = Duration::from_secs(30);
/// How long a connection must have lived to prove that all is well.
const WELL: Duration = Duration::from_secs(60);

/// The waits between connections.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after a connection that lived for `life`: nothing at all, to `BASE` doubled with each failure in a row.
    pub(crate) fn after(&mut self, life: Duration) -> Duration {
        if life >= WELL {
            self.failures = 0;
        }
        let longest = longest(self.failures);
        self.failures = self.failures.saturating_add(1);
        // Without randomness, which no system that we know lacks, the longest wait is as good.
        getrandom::u32().map_or(longest, |random| longest.mul_f64(f64::from(random) / f64::from(u32::MAX)))
    }
}

fn longest(failures: u32) -> Duration {
    2u32.checked_pow(failures).map_or(CAP, |factor| BASE.saturating_mul(factor).min(CAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects a server that comes back: its workers wait longer and longer, but never too long.
    #[test]
    fn waits_grow_to_a_limit_and_begin_anew_after_a_good_connection() {
        let waits: Vec<_> = (0..8).map(|failures| longest(failures).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(longest(u32::MAX), CAP);
        let mut backoff = Backoff { failures: 9 };
        assert!(backoff.after(Duration::ZERO) <= CAP);
        assert!(backoff.after(WELL) <= BASE);
        assert_eq!(backoff.failures, 1);
    }
}
