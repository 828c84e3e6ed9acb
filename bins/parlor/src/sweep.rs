//! Removes what has expired of sign-ins, now and then: codes, refresh tokens, revocations, counts. Nothing depends on it
//! but the size of the database.

use parlor_domain::ports::{Clock, CredentialStore, SystemClock};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often. A code lives for minutes, a refresh token for weeks.
const EVERY: Duration = Duration::from_secs(3_600);

/// Sweeps at once and then every hour, until it is dropped.
pub(crate) async fn run(store: &dyn CredentialStore) -> Infallible {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        match store.credentials_sweep(SystemClock.now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "what had expired of sign-ins was removed"),
            Err(error) => tracing::error!(%error, "what has expired of sign-ins could not be removed"),
        }
    }
}
