//! How long to wait before a backend is asked again.

use crate::settings::Retries;
use std::time::Duration;

/// The wait before round `round` (from 2): between nothing and the round's most, wherever `random` falls. Everybody
/// waiting a time of their own is what spreads those who failed together ("full jitter").
pub(crate) fn full_jitter(retries: Retries, round: u32, random: u64) -> Duration {
    let doubled = 1_u32.checked_shl(round.saturating_sub(2)).unwrap_or(u32::MAX);
    let most = retries.base.saturating_mul(doubled).min(retries.cap);
    let nanoseconds = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random % nanoseconds.saturating_add(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects a provider that is down from a crowd in step, and turns from waiting without end: every wait is
        /// within its round's bound, for any figures.
        #[test]
        fn waits_are_bounded(base in 0..u64::MAX, cap in 0..u64::MAX, round in 0..u32::MAX, random: u64) {
            let retries =
                Retries { rounds: 3, base: Duration::from_nanos(base), cap: Duration::from_nanos(cap) };
            prop_assert!(full_jitter(retries, round, random) <= retries.cap);
            prop_assert!(full_jitter(retries, 2, random) <= retries.base);
        }
    }

    /// The whole range is used, and it doubles.
    #[test]
    fn rounds_double_up_to_the_cap() {
        let retries = Retries { rounds: 5, base: Duration::from_nanos(100), cap: Duration::from_nanos(300) };
        let most = |round| (0..1_000).map(|random| full_jitter(retries, round, random)).max().unwrap();
        assert_eq!([2, 3, 4].map(most), [100, 200, 300].map(Duration::from_nanos));
        assert_eq!(full_jitter(retries, 2, 101), Duration::ZERO);
    }
}
