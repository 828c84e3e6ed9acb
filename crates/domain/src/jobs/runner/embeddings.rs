//! A text that becomes a vector. Nothing is left of a try that was cut off but a line in the books, so that it may be made
//! anew.

use super::{Done, Run};
use crate::hub::Hub;
use crate::jobs::{JobAnswer, draft};
use crate::ports::{Embedded, EmbeddingsWork, JobOutcome, JobResult};
use crate::{ErrorCode, Refusal};
use std::sync::Arc;

pub(super) async fn run(run: Run, work: EmbeddingsWork) -> Done {
    let hub = Hub(Arc::clone(&run.shared));
    let embedded = tokio::select! {
        embedded = hub.embed_unlimited(run.job.lease.user, draft::vector_of(&work)) => embedded,
        () = run.cancelled.cancelled() => return JobOutcome::Released.into(),
        () = run.shared.hard_stop.cancelled() => return JobOutcome::Released.into(),
    };
    match embedded.map(first) {
        Ok(Some((vector, model, tokens))) => {
            let answer =
                JobAnswer::Embeddings { vector: vector.clone().into(), model: model.as_str().into(), tokens };
            let outcome = JobOutcome::Completed(JobResult::Embeddings { vector, model, tokens });
            Done { outcome, answer: Some(answer) }
        }
        Ok(None) => run.failed(&Refusal::of(ErrorCode::AiUnavailable)),
        Err(refusal) => run.failed(&refusal),
    }
}

fn first(embedded: Embedded) -> Option<(Vec<f32>, String, u64)> {
    let Embedded { mut vectors, model, tokens } = embedded;
    Some((vectors.pop()?, model, tokens))
}
