//! Removes for good what was deleted long ago.

use crate::audit::Doer;
use crate::hub::Shared;
use crate::ports::AuditAction;
use std::sync::Arc;
use std::time::Duration;

/// How often is looked at most; and at least, where deleted conversations are kept for less.
const EVERY: Duration = Duration::from_secs(3_600);
const AT_LEAST: Duration = Duration::from_secs(1);
/// How many are removed in one transaction.
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
        let removed = remove(&shared, kept).await;
        if removed > 0 {
            let subject = Some(removed.to_string());
            // What it could not be written down for is in the log of this process.
            let _ = shared.audit(Doer::default(), AuditAction::ConversationPurge, subject, None).await;
        }
    }
}

async fn remove(shared: &Shared, kept: Duration) -> usize {
    let mut removed = 0;
    while !shared.stop.is_cancelled() {
        match shared.store.conversation_purge(shared.clock.now().minus(kept), BATCH).await {
            Ok(0) => break,
            Ok(count) => removed += count,
            Err(error) => {
                tracing::error!(%error, "deleted conversations could not be removed");
                break;
            }
        }
    }
    removed
}
