//! What other nodes do with jobs: told to the connections that their users have here. It is read from the store, like the
//! sign-ins that other nodes end. In a store that one process has alone there is nothing to read.

use super::answer::JobAnswer;
use crate::JobId;
use crate::hub::Shared;
use crate::ports::{JobEntry, JobState};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// How often is read: as often as progress is told at most.
const POLL: Duration = Duration::from_secs(1);
/// How long the commit of an end may take.
const OVERLAP: Duration = Duration::from_secs(10);
/// How far back is read where readings failed; of what ended before, nothing is told.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut every = tokio::time::interval(POLL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut news = Elsewhere { shared: Arc::clone(&shared), read_at: None, running: HashMap::new() };
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = every.tick() => {}
        }
        news.read().await;
        shared.jobs.told.forget_old();
    }
}

struct Elsewhere {
    shared: Arc<Shared>,
    /// When the last reading began that succeeded.
    read_at: Option<Instant>,
    /// How far the jobs of other nodes were then.
    running: HashMap<JobId, u8>,
}

impl Elsewhere {
    async fn read(&mut self) {
        let begin = Instant::now();
        let since = self.read_at.map_or(Duration::ZERO, |at| begin - at);
        let (now, within) = (self.shared.clock.now(), (since + OVERLAP).min(LONGEST));
        match self.shared.store.jobs_elsewhere(now, self.shared.node, within).await {
            Ok(jobs) => {
                let is_first = self.read_at.replace(begin).is_none();
                let before = std::mem::take(&mut self.running);
                for job in jobs {
                    if is_first && job.state.is_end() {
                        self.shared.jobs.told.first(job.id); // before this node was there
                    } else if job.state.is_end() {
                        self.ended(job).await;
                    } else {
                        self.runs(job, &before);
                    }
                }
            }
            Err(error) => tracing::error!(%error, "what other nodes do with jobs could not be read"),
        }
    }

    fn runs(&mut self, job: JobEntry, before: &HashMap<JobId, u8>) {
        let (id, progress) = (job.id, job.progress);
        if progress > 0 && before.get(&id) != Some(&progress) {
            self.shared.tell_job(job, None);
        }
        self.running.insert(id, progress);
    }

    async fn ended(&self, job: JobEntry) {
        if self.shared.jobs.told.is(job.id) {
            return;
        }
        let answer = if job.state == JobState::Completed && self.shared.registry.is_listening(job.user) {
            self.answer(&job).await
        } else {
            None
        };
        self.shared.tell_job(job, answer);
    }

    /// What came of a job. Where it cannot be read it is left out: who wants it asks for it.
    async fn answer(&self, job: &JobEntry) -> Option<JobAnswer> {
        let found = async {
            match self.shared.store.job_get(job.user, job.id).await? {
                Some(job) => self.shared.job_answer(job).await.map(|found| found.answer),
                None => Ok(None),
            }
        };
        found.await.unwrap_or_else(|error| {
            tracing::error!(job = %job.id, %error, "what came of a job could not be read");
            None
        })
    }
}
