//! Jobs that this node has.

use crate::jobs::JobAnswer;
use crate::jobs::runner::{Done, Progress};
use crate::ports::{ClaimedJob, JobEntry, JobLease, JobOutcome, JobState};
use std::time::Duration;
use tokio::task::{AbortHandle, Id};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A job that runs here.
pub(super) struct Held {
    pub(super) lease: JobLease,
    /// The job, as it was when it was claimed.
    job: JobEntry,
    runner: AbortHandle,
    pub(super) cancelled: CancellationToken,
    progress: Progress,
    /// How far it was when that was last written down.
    written: u8,
    /// Since when the hold is surely good for a whole lease: when the last renewal was sent.
    pub(super) renewed: Instant,
    /// Keeps the server from ending before the job is let go of.
    guard: TaskTrackerToken,
}

/// A job that has ended here, and is to be let go of.
pub(super) struct Ended {
    pub(super) lease: JobLease,
    pub(super) outcome: JobOutcome,
    pub(super) answer: Option<JobAnswer>,
    _guard: TaskTrackerToken,
}

impl Held {
    pub(super) fn new(
        job: &ClaimedJob,
        runner: AbortHandle,
        cancelled: CancellationToken,
        progress: Progress,
        guard: TaskTrackerToken,
        now: Instant,
    ) -> Self {
        let lease = job.lease;
        let job = JobEntry {
            id: lease.job,
            user: lease.user,
            kind: job.work.kind(),
            state: JobState::Active,
            progress: 0,
            attempts: job.attempts,
            failure: None,
            created_at: job.created_at,
            ended_at: None,
        };
        Self { lease, job, runner, cancelled, progress, written: 0, renewed: now, guard }
    }

    pub(super) fn runner(&self) -> Id {
        self.runner.id()
    }

    /// Whether there is something to write down: that it is held after `every`, and how far it is.
    pub(super) fn is_due(&self, now: Instant, every: Duration) -> bool {
        let since = now.saturating_duration_since(self.renewed);
        // What was cancelled is nobody's any more; its turn has until the end of its lease to end.
        !self.cancelled.is_cancelled()
            && since >= every.min(super::LOOK)
            && (since >= every || self.progress.get() != self.written)
    }

    pub(super) fn progress(&self) -> u8 {
        self.progress.get()
    }

    /// A renewal that was sent at `at` is on disk. Gives whether it told something new.
    pub(super) fn renewed(&mut self, at: Instant, progress: u8) -> bool {
        self.renewed = at;
        std::mem::replace(&mut self.written, progress) != progress
    }

    /// The job, being so far.
    pub(super) fn at(&self, progress: u8) -> JobEntry {
        JobEntry { progress, ..self.job.clone() }
    }

    pub(super) fn abort(&self) {
        self.runner.abort();
    }

    pub(super) fn ended(self, done: Done) -> Ended {
        Ended { lease: self.lease, outcome: done.outcome, answer: done.answer, _guard: self.guard }
    }
}
