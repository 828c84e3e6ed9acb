//! Whether what failed is tried again, and when.

use crate::Refusal;
use crate::ports::JobOutcome;
use crate::router::full_jitter;
use crate::settings::JobSettings;
use std::time::Duration;

/// No wait that a refusal asks for is longer.
const ASKED_MAX: Duration = Duration::from_hours(1);

/// What a refusal means for a job that was begun `attempts` times: another try where the same may succeed later, at a
/// time that `random` chooses, but not before the time that the refusal names.
pub(super) fn after(refusal: &Refusal, attempts: u32, settings: &JobSettings, random: u64) -> JobOutcome {
    let code = refusal.code;
    if !code.retryable() || attempts >= settings.retries.rounds {
        return JobOutcome::Failed(code);
    }
    let asked = refusal.retry_after.map_or(Duration::ZERO, Duration::from_secs).min(ASKED_MAX);
    let jitter = full_jitter(settings.retries, attempts.saturating_add(1), random);
    JobOutcome::Retry { code, after: asked.saturating_add(jitter) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        /// Protects providers from a crowd and users from a wait without end: whatever fails is tried a bounded number of
        /// times, each after a bounded time that is not shorter than what was asked for; what can never succeed is not.
        #[test]
        fn tries_and_waits_are_bounded(
            code in proptest::sample::select(ErrorCode::ALL),
            asked in proptest::option::of(0..u64::MAX),
            attempts in 0..u32::MAX,
            random: u64,
        ) {
            let settings = JobSettings::default();
            let refusal = Refusal { retry_after: asked, ..Refusal::of(code) };
            match after(&refusal, attempts, &settings, random) {
                JobOutcome::Failed(failed) => {
                    prop_assert_eq!(failed, code);
                    prop_assert!(!code.retryable() || attempts >= settings.retries.rounds);
                }
                JobOutcome::Retry { code: of, after } => {
                    prop_assert_eq!(of, code);
                    prop_assert!(code.retryable() && attempts < settings.retries.rounds);
                    prop_assert!(after <= ASKED_MAX + settings.retries.cap);
                    prop_assert!(after >= Duration::from_secs(asked.unwrap_or_default()).min(ASKED_MAX));
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
