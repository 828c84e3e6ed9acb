//! Removes for good what was deleted long ago.

use crate::hub::Shared;
use std::sync::Arc;
use std::time::Duration;

/// How often is looked at most; and at least, where deleted conversations are kept for less.
const EVERY: Duration = Duration::from_secs(3_600);
const AT_LEAST: Duration = Duration::from_secs(1);
/// How many are looked for at once.
const BATCH: usize = 16;

/// Runs until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let Some(kept) = shared.settings.deleted_kept else { return };
    let mut every = tokio::time::interval((kept / 2).clamp(AT_LEAST, EVERY));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = every.tick() => {}
        }
        remove(&shared, kept).await;
    }
}

async fn remove(shared: &Shared, kept: Duration) {
    while !shared.stop.is_cancelled() {
        let now = shared.clock.now();
        match shared.store.conversation_purge(now.minus(kept), BATCH, now).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return tracing::error!(%error, "deleted conversations could not be removed"),
        }
    }
}
