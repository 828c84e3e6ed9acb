//! Jobs, which no test wants to be slow; one has a node that cannot change them.

use super::SlowStore;
use async_trait::async_trait;
use parlor_domain::message::Fingerprint;
use parlor_domain::ports::{
    Job, JobCounts, JobEntry, JobState, JobStore, JobWrite, JobWritten, Page, Paged, Reclaimed, StoreError,
};
use parlor_domain::{JobId, Timestamp, UserId};
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl JobStore for SlowStore {
    async fn job_write(&self, now: Timestamp, writes: Vec<JobWrite>) -> Result<Vec<JobWritten>, StoreError> {
        if self.jobs_cut.load(Ordering::Relaxed) {
            return Err(StoreError { message: "cut off from the jobs".to_owned(), source: None });
        }
        self.store.job_write(now, writes).await
    }

    async fn job_reclaim(
        &self,
        now: Timestamp,
        node: Uuid,
        held: Vec<JobId>,
        attempts: u32,
    ) -> Result<Reclaimed, StoreError> {
        self.store.job_reclaim(now, node, held, attempts).await
    }

    async fn job_get(&self, user: UserId, id: JobId) -> Result<Option<Job>, StoreError> {
        self.store.job_get(user, id).await
    }

    async fn job_list(
        &self,
        user: UserId,
        state: Option<JobState>,
        page: Page,
    ) -> Result<Paged<JobEntry>, StoreError> {
        self.store.job_list(user, state, page).await
    }

    async fn jobs_failed(&self, page: Page) -> Result<Paged<JobEntry>, StoreError> {
        self.store.jobs_failed(page).await
    }

    async fn job_counts(&self) -> Result<JobCounts, StoreError> {
        self.store.job_counts().await
    }

    async fn jobs_elsewhere(
        &self,
        now: Timestamp,
        node: Uuid,
        within: Duration,
    ) -> Result<Vec<JobEntry>, StoreError> {
        self.store.jobs_elsewhere(now, node, within).await
    }

    async fn job_turn_elsewhere(&self, node: Uuid, question: Fingerprint) -> Result<bool, StoreError> {
        self.store.job_turn_elsewhere(node, question).await
    }

    async fn job_purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.store.job_purge(before, limit).await
    }
}
