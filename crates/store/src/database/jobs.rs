//! Jobs.
//!
//! All of it may be done twice: a claim whose answer was lost is found by who reclaims, and the rest is answered the same.

use super::Database;
use crate::jobs::{self, Changes};
use crate::turns;
use async_trait::async_trait;
use parlor_domain::message::Fingerprint;
use parlor_domain::ports::{
    Job, JobCounts, JobEntry, JobState, JobStore, JobWrite, JobWritten, Page, Paged, Reclaimed, StoreError,
};
use parlor_domain::{JobId, Timestamp, UserId};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl JobStore for Database {
    async fn job_write(&self, now: Timestamp, writes: Vec<JobWrite>) -> Result<Vec<JobWritten>, StoreError> {
        const DOING: &str = "change jobs";
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let changes = Changes::of(&self.inner.pools, writes).map_err(|error| error.while_doing(DOING))?;
        self.repeat(DOING, |pools| jobs::write(pools, now, changes.clone())).await
    }

    async fn job_reclaim(
        &self,
        now: Timestamp,
        node: Uuid,
        held: Vec<JobId>,
        attempts: u32,
    ) -> Result<Reclaimed, StoreError> {
        let (held, alone) = (HashSet::<JobId>::from_iter(held), self.inner.alone);
        let change = |pools| jobs::reclaim(pools, now, node, held.clone(), attempts, alone);
        self.repeat("take jobs back", change).await
    }

    async fn job_get(&self, user: UserId, id: JobId) -> Result<Option<Job>, StoreError> {
        self.read("read a job", move |pools| jobs::get(pools, user, id)).await
    }

    async fn job_list(
        &self,
        user: UserId,
        state: Option<JobState>,
        page: Page,
    ) -> Result<Paged<JobEntry>, StoreError> {
        self.read("list jobs", move |pools| jobs::list(pools, user, state, page)).await
    }

    async fn jobs_failed(&self, page: Page) -> Result<Paged<JobEntry>, StoreError> {
        self.read("list jobs that failed", move |pools| jobs::failed(pools, page)).await
    }

    async fn job_counts(&self) -> Result<JobCounts, StoreError> {
        self.read("count jobs", jobs::counts).await
    }

    async fn jobs_elsewhere(
        &self,
        now: Timestamp,
        node: Uuid,
        within: Duration,
    ) -> Result<Vec<JobEntry>, StoreError> {
        if self.inner.alone {
            return Ok(Vec::new());
        }
        let query = move |pools| jobs::elsewhere(pools, now, node, within);
        self.read("read what other nodes do with jobs", query).await
    }

    async fn job_turn_elsewhere(&self, node: Uuid, question: Fingerprint) -> Result<bool, StoreError> {
        let query = move |pools| turns::elsewhere(pools, node, question);
        self.read("look for another node's turn", query).await
    }

    async fn job_purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.repeat("forget jobs", move |pools| jobs::purge(pools, before, limit)).await
    }
}
