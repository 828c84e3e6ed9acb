//! Does one job.

mod completion;
mod embeddings;

use super::{JobAnswer, backoff};
use crate::Refusal;
use crate::hub::Shared;
use crate::ports::{ClaimedJob, JobOutcome, JobWork};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What a runner needs beside its job.
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) job: ClaimedJob,
    pub(super) progress: Progress,
    /// Its user does not want it any more.
    pub(super) cancelled: CancellationToken,
}

/// How far a job is, in a hundred: written by its runner, read by the desk.
#[derive(Clone, Default)]
pub(super) struct Progress(Arc<AtomicU8>);

impl Progress {
    pub(super) fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    /// It never goes back, and 100 is for what is done.
    fn reach(&self, hundredths: u8) {
        self.0.fetch_max(hundredths.min(99), Ordering::Relaxed);
    }
}

/// How a runner has ended.
pub(super) struct Done {
    pub(super) outcome: JobOutcome,
    /// What came of it, for who listens.
    pub(super) answer: Option<JobAnswer>,
}

impl From<JobOutcome> for Done {
    fn from(outcome: JobOutcome) -> Self {
        Self { outcome, answer: None }
    }
}

impl Run {
    /// It was refused: whether it is tried again.
    fn failed(&self, refusal: &Refusal) -> Done {
        if self.shared.draining.is_cancelled() && refusal.code.retryable() {
            return JobOutcome::Released.into();
        }
        let (_, random) = Uuid::new_v4().as_u64_pair();
        backoff::after(refusal, self.job.attempts, &self.shared.settings.jobs, random).into()
    }
}

pub(super) async fn run(run: Run) -> Done {
    match run.job.work.clone() {
        JobWork::Completion(work) => completion::run(run, work).await,
        JobWork::Embeddings(work) => embeddings::run(run, work).await,
    }
}
