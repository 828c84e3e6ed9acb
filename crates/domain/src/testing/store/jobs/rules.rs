//! The rules of the queue, in their plainest form: everything is looked for among all that there is.

use crate::ports::{
    ClaimedJob, Job, JobCounts, JobEntry, JobLease, JobOutcome, JobResult, JobState, JobWork, JobWrite,
    JobWritten, NewJob, Page, Paged, Reclaimed,
};
use crate::{ErrorCode, JobId, Timestamp, UserId};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// How many jobs are taken back at once.
const RECLAIMED: usize = 1_000;

#[derive(Debug, Default)]
pub(in crate::testing::store) struct Jobs {
    all: BTreeMap<JobId, Row>,
    /// When, in whose turn, each user's last job was taken.
    turns: HashMap<UserId, u64>,
    turn: u64,
}

#[derive(Debug)]
struct Row {
    entry: JobEntry,
    work: JobWork,
    client_id: Option<String>,
    result: Option<JobResult>,
    fence: u64,
    node: Option<Uuid>,
    lease_until: Timestamp,
    due_at: Timestamp,
}

impl Row {
    fn is_due(&self, now: Timestamp) -> bool {
        self.entry.state == JobState::Waiting && self.due_at <= now
    }

    fn wait(&mut self, due_at: Timestamp) {
        (self.entry.state, self.due_at, self.node) = (JobState::Waiting, due_at, None);
    }

    fn end(&mut self, state: JobState, now: Timestamp) {
        (self.entry.state, self.entry.ended_at, self.node) = (state, Some(now), None);
    }
}

impl Jobs {
    pub(in crate::testing::store) fn apply(&mut self, write: JobWrite, now: Timestamp) -> JobWritten {
        match write {
            JobWrite::Enqueue { job, limit } => self.enqueue(job, limit, now),
            JobWrite::Claim { node, count, lease } => self.claim(node, count, now.plus(lease), now),
            JobWrite::Renew { lease, progress, hold } => match self.held(lease) {
                Ok(row) => {
                    (row.entry.progress, row.lease_until) = (progress, now.plus(hold));
                    JobWritten::Held
                }
                Err(state) => JobWritten::Lost { state },
            },
            JobWrite::Settle { lease, outcome } => self.settle(lease, outcome, now),
            JobWrite::Cancel { job, user } => self.cancel(job, user, now),
        }
    }

    fn enqueue(&mut self, job: NewJob, limit: usize, now: Timestamp) -> JobWritten {
        let NewJob { id, user, work, client_id, at } = job;
        let own = || self.all.values().filter(|row| row.entry.user == user);
        if let Some(client_id) = &client_id
            && let Some(row) = own().find(|row| row.client_id.as_ref() == Some(client_id))
        {
            if row.work != work {
                return JobWritten::Taken;
            }
            return JobWritten::Enqueued { job: row.entry.clone(), duplicate: row.entry.id != id };
        }
        if own().filter(|row| row.entry.state == JobState::Waiting).count() >= limit {
            return JobWritten::Full;
        }
        let entry = JobEntry {
            id,
            user,
            kind: work.kind(),
            state: JobState::Waiting,
            progress: 0,
            attempts: 0,
            failure: None,
            created_at: at,
            ended_at: None,
        };
        let job = entry.clone();
        let row = Row {
            entry,
            work,
            client_id,
            result: None,
            fence: 0,
            node: None,
            lease_until: now,
            due_at: at_once(),
        };
        self.all.entry(id).or_insert(row);
        JobWritten::Enqueued { job, duplicate: false }
    }

    fn claim(&mut self, node: Uuid, count: usize, lease_until: Timestamp, now: Timestamp) -> JobWritten {
        let mut jobs = Vec::new();
        while jobs.len() < count {
            let due = self.all.values().filter(|row| row.is_due(now));
            let turn = |row: &&Row| (self.turns.get(&row.entry.user).copied(), row.entry.user, row.entry.id);
            let Some(id) = due.min_by_key(turn).map(|row| row.entry.id) else { break };
            let Some(row) = self.all.get_mut(&id) else { break };
            (row.entry.state, row.entry.progress) = (JobState::Active, 0);
            (row.node, row.lease_until) = (Some(node), lease_until);
            row.entry.attempts += 1;
            row.fence += 1;
            self.turn += 1;
            self.turns.insert(row.entry.user, self.turn);
            jobs.push(ClaimedJob {
                lease: JobLease { job: id, user: row.entry.user, node, fence: row.fence },
                work: row.work.clone(),
                attempts: row.entry.attempts,
                created_at: row.entry.created_at,
            });
        }
        let waiting = self.all.values().filter(|row| row.entry.state == JobState::Waiting);
        let next = waiting.map(|row| row.due_at).min().map(|due_at| due_at.since(now));
        JobWritten::Claimed { jobs, next }
    }

    /// The job, if the hold on it is good. Error: its state, if it is there.
    fn held(&mut self, lease: JobLease) -> Result<&mut Row, Option<JobState>> {
        let row = self.all.get_mut(&lease.job).ok_or(None)?;
        let good = row.node == Some(lease.node) && row.fence == lease.fence;
        if good { Ok(row) } else { Err(Some(row.entry.state)) }
    }

    fn settle(&mut self, lease: JobLease, outcome: JobOutcome, now: Timestamp) -> JobWritten {
        let done = match &outcome {
            JobOutcome::Completed(_) => JobState::Completed,
            JobOutcome::Failed(_) => JobState::Failed,
            JobOutcome::Retry { .. } | JobOutcome::Released => JobState::Waiting,
        };
        let row = match self.held(lease) {
            Ok(row) => row,
            Err(state) => {
                let same = |row: &&Row| row.fence == lease.fence && row.entry.state == done;
                let before = self.all.get(&lease.job).filter(same);
                return before
                    .map_or(JobWritten::Lost { state }, |row| JobWritten::Settled(row.entry.clone()));
            }
        };
        match outcome {
            JobOutcome::Completed(result) => {
                (row.result, row.entry.progress, row.entry.failure) = (Some(result), 100, None);
                row.end(done, now);
            }
            JobOutcome::Failed(code) => {
                row.entry.failure = Some(code);
                row.end(done, now);
            }
            JobOutcome::Retry { code, after } => {
                row.entry.failure = Some(code);
                row.wait(now.plus(after));
            }
            JobOutcome::Released => {
                row.entry.attempts -= 1;
                row.wait(at_once());
            }
        }
        JobWritten::Settled(row.entry.clone())
    }

    fn cancel(&mut self, job: JobId, user: UserId, now: Timestamp) -> JobWritten {
        let Some(row) = self.all.get_mut(&job).filter(|row| row.entry.user == user) else {
            return JobWritten::Cancelled { job: None, changed: false };
        };
        let changed = !row.entry.state.is_end();
        if changed {
            row.end(JobState::Cancelled, now);
        }
        JobWritten::Cancelled { job: Some(row.entry.clone()), changed }
    }

    pub(in crate::testing::store) fn reclaim(
        &mut self,
        now: Timestamp,
        node: Uuid,
        held: &[JobId],
        attempts: u32,
        shared: bool,
    ) -> Reclaimed {
        let mut reclaimed = Reclaimed::default();
        let lost = |row: &&mut Row| match row.node {
            Some(own) if own == node => !held.contains(&row.entry.id),
            Some(_) => !shared || row.lease_until <= now,
            None => false,
        };
        for row in self.all.values_mut().filter(lost).take(RECLAIMED) {
            if row.entry.attempts >= attempts {
                row.entry.failure = Some(ErrorCode::Internal);
                row.end(JobState::Failed, now);
                reclaimed.failed.push(row.entry.clone());
            } else {
                row.wait(at_once());
                reclaimed.waiting += 1;
            }
        }
        reclaimed
    }

    pub(in crate::testing::store) fn get(&self, user: UserId, id: JobId) -> Option<Job> {
        let row = self.all.get(&id).filter(|row| row.entry.user == user)?;
        Some(Job { entry: row.entry.clone(), result: row.result.clone() })
    }

    pub(in crate::testing::store) fn list(
        &self,
        listed: impl Fn(&JobEntry) -> bool,
        page: Page,
    ) -> Paged<JobEntry> {
        let all: Vec<_> = self.all.values().rev().map(|row| &row.entry).filter(|it| listed(it)).collect();
        let total = all.len() as u64;
        let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
        Paged { items: all.into_iter().skip(offset).take(page.limit).cloned().collect(), total }
    }

    pub(in crate::testing::store) fn counts(&self) -> JobCounts {
        let mut counts = JobCounts::default();
        self.all.values().for_each(|row| *counts.of(row.entry.state) += 1);
        counts
    }

    /// What other nodes have, and what ended since.
    pub(in crate::testing::store) fn elsewhere(&self, node: Uuid, since: Timestamp) -> Vec<JobEntry> {
        let is = |row: &&Row| match row.entry.ended_at {
            Some(at) => at >= since,
            None => row.node.is_some_and(|other| other != node),
        };
        self.all.values().filter(is).map(|row| row.entry.clone()).collect()
    }

    pub(in crate::testing::store) fn purge(&mut self, before: Timestamp, limit: usize) -> usize {
        let over = |row: &&Row| row.entry.ended_at.is_some_and(|at| at < before);
        let over: Vec<_> = self.all.values().filter(over).map(|row| row.entry.id).take(limit).collect();
        over.iter().for_each(|id| drop(self.all.remove(id)));
        over.len()
    }
}

/// When a job is due that need not wait: at a time that no clock is before.
fn at_once() -> Timestamp {
    Timestamp::from_microsecond(0)
}
