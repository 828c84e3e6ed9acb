//! Jobs.

mod rules;

use super::{MemoryStore, WriteFault, injected};
use crate::message::Fingerprint;
use crate::ports::{
    Job, JobCounts, JobEntry, JobState, JobStore, JobWrite, JobWritten, Page, Paged, Reclaimed, StoreError,
};
use crate::{JobId, Timestamp, UserId};
use async_trait::async_trait;
use std::time::Duration;
use uuid::Uuid;

pub(super) use self::rules::Jobs;

impl MemoryStore {
    /// The next `count` calls of `job_write` fail, each in the way of `fault`. Calls of this function add up.
    pub fn fail_next_job_writes(&self, count: usize, fault: WriteFault) {
        self.inner.lock().job_faults.extend(std::iter::repeat_n(fault, count));
    }
}

#[async_trait]
impl JobStore for MemoryStore {
    async fn job_write(&self, now: Timestamp, writes: Vec<JobWrite>) -> Result<Vec<JobWritten>, StoreError> {
        let mut inner = self.inner.lock();
        let fault = inner.job_faults.pop_front();
        if fault == Some(WriteFault::BeforeCommit) {
            return Err(injected());
        }
        let written = writes.into_iter().map(|write| inner.jobs.apply(write, now)).collect();
        if fault.is_none() { Ok(written) } else { Err(injected()) }
    }

    async fn job_reclaim(
        &self,
        now: Timestamp,
        node: Uuid,
        held: Vec<JobId>,
        attempts: u32,
    ) -> Result<Reclaimed, StoreError> {
        let mut inner = self.inner.lock();
        let shared = inner.shared;
        Ok(inner.jobs.reclaim(now, node, &held, attempts, shared))
    }

    async fn job_get(&self, user: UserId, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.inner.lock().jobs.get(user, id))
    }

    async fn job_list(
        &self,
        user: UserId,
        state: Option<JobState>,
        page: Page,
    ) -> Result<Paged<JobEntry>, StoreError> {
        let listed = |job: &JobEntry| job.user == user && state.is_none_or(|state| job.state == state);
        Ok(self.inner.lock().jobs.list(listed, page))
    }

    async fn jobs_failed(&self, page: Page) -> Result<Paged<JobEntry>, StoreError> {
        Ok(self.inner.lock().jobs.list(|job| job.state == JobState::Failed, page))
    }

    async fn job_counts(&self) -> Result<JobCounts, StoreError> {
        Ok(self.inner.lock().jobs.counts())
    }

    async fn jobs_elsewhere(
        &self,
        now: Timestamp,
        node: Uuid,
        within: Duration,
    ) -> Result<Vec<JobEntry>, StoreError> {
        let inner = self.inner.lock();
        Ok(if inner.shared { inner.jobs.elsewhere(node, now.minus(within)) } else { Vec::new() })
    }

    async fn job_turn_elsewhere(&self, node: Uuid, question: Fingerprint) -> Result<bool, StoreError> {
        self.with_log(|log| {
            let mut elsewhere = log.turns.values().filter(|turn| turn.live && turn.opened.node != node);
            elsewhere.any(|turn| log.is_question(turn, question))
        })
    }

    async fn job_purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Ok(self.inner.lock().jobs.purge(before, limit))
    }
}
