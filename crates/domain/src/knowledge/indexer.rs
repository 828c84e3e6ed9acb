//! Makes documents ready: one after the other, each cut into passages, their vectors asked for in batches, and all of it kept
//! in one step. What a process that dies was about is taken up by the next: a document is pending until it is ready.

use super::chunks::{Sizes, chunks};
use crate::hub::Shared;
use crate::ports::{Chunk, DocumentLease, DocumentState, DocumentWork, Embedder, StoreError};
use crate::{ErrorCode, Refusal, generation};
use std::sync::Arc;
use std::time::Duration;

/// How often is looked for documents that nobody told of: other nodes', and those that waited.
const EVERY: Duration = Duration::from_secs(5);
/// For how long a document is its indexer's alone; it is renewed with each batch.
const LEASE: Duration = Duration::from_secs(180);
/// How many passages are embedded at once.
const BATCH: usize = 64;
/// How often is tried what fails in passing, and the waits before it is tried again.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// How many documents of rooms and assistants that are gone are removed at once.
const SWEEP: usize = 64;

/// Runs until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let Some(embedder) = shared.embedder.clone() else { return };
    let outdated = shared.store.documents_outdated(embedder.model()).await;
    report("documents of another model could not be found", outdated.map(drop));
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.documents_added.notified() => {}
            _ = every.tick() => {}
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = work(&shared, &*embedder) => {}
        }
    }
}

/// Does all that there is to do now.
async fn work(shared: &Shared, embedder: &dyn Embedder) {
    loop {
        match shared.store.document_claim(lease(shared, LEASE)).await {
            Ok(Some(work)) => {
                let made = make_ready(shared, embedder, work).await;
                report("a document could not be made ready", made);
            }
            Ok(None) => break,
            Err(error) => return report("documents could not be looked for", Err(error)),
        }
    }
    let removed = shared.store.documents_of_gone(SWEEP).await;
    report("documents of what is gone could not be removed", removed.map(drop));
}

fn report(what: &str, result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::error!(%error, "{what}");
    }
}

fn lease(shared: &Shared, lasts: Duration) -> DocumentLease {
    let now = shared.clock.now();
    DocumentLease { node: shared.node, now, until: now.plus(lasts) }
}

async fn make_ready(shared: &Shared, embedder: &dyn Embedder, work: DocumentWork) -> Result<(), StoreError> {
    let id = work.record.id;
    match passages(shared, embedder, &work).await {
        Ok(Some(chunks)) => {
            let count = chunks.len();
            let kept =
                shared.store.document_index(id, lease(shared, LEASE), embedder.model(), chunks).await?;
            tracing::info!(%id, count, kept, "a document is ready");
            Ok(())
        }
        // It was deleted meanwhile, or another node has it.
        Ok(None) => Ok(()),
        Err(refusal) => {
            let passes = matches!(refusal.code, ErrorCode::AiUnavailable | ErrorCode::Internal);
            let again = passes && work.tries < TRIES;
            let state = if again { DocumentState::Pending } else { DocumentState::Failed };
            let pause = (PAUSE * 2_u32.saturating_pow(work.tries.saturating_sub(1))).min(PAUSE_MAX);
            tracing::warn!(%id, code = %refusal.code, tries = work.tries, "a document is not ready");
            shared.store.document_problem(id, lease(shared, pause), state, &refusal.message).await
        }
    }
}

/// The passages with their vectors; none where the document is not ours any more.
async fn passages(
    shared: &Shared,
    embedder: &dyn Embedder,
    work: &DocumentWork,
) -> Result<Option<Vec<Chunk>>, Refusal> {
    let settings = &shared.settings.knowledge;
    let sizes = Sizes { most: settings.chunk_tokens, overlap: settings.chunk_overlap };
    let texts = chunks(&work.text, sizes);
    let mut made = Vec::with_capacity(texts.len());
    for batch in texts.chunks(BATCH) {
        let held = shared.store.document_hold(work.record.id, lease(shared, LEASE)).await;
        if !held.map_err(|error| Refusal::internal(&error))? {
            return Ok(None);
        }
        let model = embedder.model();
        let found = generation::embed(shared, embedder, work.record.owner, batch, model).await?;
        if found.vectors.len() != batch.len() {
            return Err(Refusal::of(ErrorCode::AiUnavailable));
        }
        let pairs = batch.iter().zip(found.vectors);
        made.extend(pairs.map(|(text, vector)| Chunk { text: text.clone(), vector: unit(vector) }));
    }
    Ok(Some(made))
}

/// The same direction, of length 1, so that a product of two is their cosine.
pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|it| f64::from(*it) * f64::from(*it)).sum::<f64>().sqrt();
    if length > 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "a part of a vector of length 1")]
        vector.iter_mut().for_each(|it| *it = (f64::from(*it) / length) as f32);
    }
    vector
}
