//! Forgets jobs that ended long ago, with what came of them.

use crate::hub::Shared;
use std::sync::Arc;
use std::time::Duration;

/// How often is looked at most; and at least, where jobs are kept for less.
const EVERY: Duration = Duration::from_secs(3_600);
const AT_LEAST: Duration = Duration::from_secs(1);
/// How many are removed in one transaction.
const BATCH: usize = 500;

/// Runs until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let Some(kept) = shared.settings.jobs.kept else { return };
    let mut every = tokio::time::interval((kept / 2).clamp(AT_LEAST, EVERY));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = every.tick() => {}
        }
        while !shared.stop.is_cancelled() {
            match shared.store.job_purge(shared.clock.now().minus(kept), BATCH).await {
                Ok(0) => break,
                Ok(count) => tracing::debug!(count, "jobs were forgotten"),
                Err(error) => {
                    tracing::error!(%error, "old jobs could not be removed");
                    break;
                }
            }
        }
    }
}
