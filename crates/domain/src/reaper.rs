//! Looks for what dead nodes have left behind, at the start and from then on: turns, which their conversations end, and
//! reserved tokens.

use crate::conversation::Work;
use crate::hub::Shared;
use std::sync::Arc;

/// Runs until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut every = tokio::time::interval(shared.settings.turns.reap);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = every.tick() => {}
        }
        shared.user_limits.forget_rested();
        match shared.store.turns_orphaned(shared.node, shared.clock.now()).await {
            Ok(orphans) => {
                for orphan in orphans {
                    shared.route(orphan.conversation, Work::EndOrphan(orphan)).await;
                }
            }
            Err(error) => tracing::error!(%error, "turns of dead nodes could not be looked for"),
        }
        match shared.store.usage_expire(shared.node, shared.clock.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "attempts of dead nodes were entered in the books as lost"),
            Err(error) => tracing::error!(%error, "reservations of dead nodes could not be looked for"),
        }
    }
}
