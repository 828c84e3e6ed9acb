//! What follows a commit.

use super::batch::{Batch, For};
use super::{Desk, SOON};
use crate::jobs::Request;
use crate::ports::{JobLease, JobState, JobWritten, StoreError};
use std::time::Duration;
use tokio::time::Instant;

impl Desk {
    /// Makes the changes, and draws their consequences. Error: the store failed. What was this node's own is due still;
    /// each request is tried alone, so that what one of them has done wrong does not fail the others.
    pub(super) async fn commit(&mut self, batch: Batch) -> Result<(), ()> {
        let Batch { writes, purposes } = batch;
        if writes.is_empty() {
            return Ok(());
        }
        let (at, now) = (Instant::now(), self.clock.now());
        match self.shared.store.job_write(now, writes).await {
            Ok(written) => {
                for (purpose, written) in purposes.into_iter().zip(written) {
                    self.settled(purpose, written, at);
                }
                Ok(())
            }
            Err(error) => {
                self.failed(purposes, &error).await;
                Err(())
            }
        }
    }

    async fn failed(&mut self, purposes: Vec<For>, error: &StoreError) {
        tracing::error!(%error, changes = purposes.len(), "jobs could not be changed");
        let alone = purposes.len() == 1;
        for purpose in purposes {
            match purpose {
                For::Ended(ended) => self.ended.push(*ended),
                For::Held { .. } => {}
                For::Request(Request { answer, .. }) if alone => drop(answer.send(Err(error.clone()))),
                For::Request(request) => self.alone(request).await,
                // Whether something was claimed is not known: what was is found by who takes jobs back.
                For::Runners(_) => self.reclaim_at = Instant::now(),
            }
        }
    }

    async fn alone(&mut self, request: Request) {
        let (at, now) = (Instant::now(), self.clock.now());
        let written = self.shared.store.job_write(now, vec![request.write.clone()]).await;
        match written.map(|mut written| written.pop()) {
            Ok(Some(written)) => {
                self.settled(For::Request(request), written, at);
                self.claim_at = at;
            }
            Ok(None) => {}
            Err(error) => drop(request.answer.send(Err(error))),
        }
    }

    fn settled(&mut self, purpose: For, written: JobWritten, at: Instant) {
        match (purpose, written) {
            (For::Ended(ended), JobWritten::Settled(job)) if job.state.is_end() => {
                self.shared.tell_job(job, ended.answer);
            }
            (For::Ended(_), JobWritten::Settled(job)) => {
                tracing::info!(job = %job.id, attempts = job.attempts, failure = ?job.failure, "a job waits again");
                self.claim_at = at;
            }
            (For::Ended(ended), JobWritten::Lost { state }) => {
                tracing::info!(job = %ended.lease.job, ?state, "what a job came to does not count any more");
            }
            (For::Held { lease, progress }, JobWritten::Held) => self.renewed(lease, progress, at),
            (For::Held { lease, .. }, JobWritten::Lost { state }) => self.lost(lease, state),
            (For::Request(request), written) => self.answer(request, written),
            (For::Runners(wanted), JobWritten::Claimed { jobs, next }) => {
                self.hungry = jobs.len() >= wanted;
                let wait = next.map_or(Duration::MAX, |next| next.max(SOON));
                self.claim_at = at + if self.hungry { SOON } else { wait.min(self.poll()) };
                jobs.into_iter().for_each(|job| self.start(&job, at));
            }
            (_, written) => tracing::error!(?written, "the store answered another question"),
        }
    }

    fn renewed(&mut self, lease: JobLease, progress: u8, at: Instant) {
        let Some(held) = self.held.get_mut(&lease.job) else { return };
        if held.renewed(at, progress) {
            self.shared.tell_job(held.at(progress), None);
        }
    }

    /// Somebody else has the job, or it has ended: it must not go on here. One that was cancelled ends its turn first.
    fn lost(&mut self, lease: JobLease, state: Option<JobState>) {
        tracing::info!(job = %lease.job, ?state, "a job is this node's no more");
        if state == Some(JobState::Cancelled) {
            if let Some(held) = self.held.get(&lease.job) {
                held.cancelled.cancel();
            }
        } else if let Some(held) = self.held.remove(&lease.job) {
            held.abort();
            self.counted();
        }
    }

    fn answer(&mut self, request: Request, written: JobWritten) {
        if let JobWritten::Cancelled { job: Some(job), changed: true } = &written {
            if let Some(held) = self.held.get(&job.id) {
                held.cancelled.cancel();
            }
            self.shared.tell_job(job.clone(), None);
        }
        // Who asked may be gone: what was done stays.
        drop(request.answer.send(Ok(written)));
    }
}
