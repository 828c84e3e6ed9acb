//! The one task of a node that changes jobs. It collects what is to be changed, and while a transaction is on its way the
//! next ones wait together: so there are as few as can be, without a timer.
//!
//! The holds of this node are good for [`lease`](crate::JobSettings::lease) and kept good from here. A runner whose hold may
//! be good no more is ended; what it says afterwards is refused by the store, which knows the fence of the last claim.

mod batch;
mod held;
mod settled;

use self::batch::Batch;
use self::held::{Ended, Held};
use super::Request;
use super::clock::JobClock;
use super::runner::{self, Done, Progress, Run};
use crate::hub::Shared;
use crate::ports::{ClaimedJob, JobOutcome};
use crate::{JobId, Refusal};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How many requests go into one transaction.
const REQUESTS: usize = 256;
/// How often is looked at what runs here.
const LOOK: Duration = Duration::from_secs(1);
/// How long the desk rests after the store failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How soon is looked again for a job that is due, but that somebody was about to change.
const SOON: Duration = Duration::from_millis(20);
/// How long runners may take to end when the server stops.
const LAST: Duration = Duration::from_secs(2);

/// A runner's end, or its panic.
type Joined = Result<(Id, Done), JoinError>;

pub(super) struct Desk {
    shared: Arc<Shared>,
    clock: JobClock,
    inbox: mpsc::Receiver<Request>,
    requests: Vec<Request>,
    held: HashMap<JobId, Held>,
    runners: JoinSet<Done>,
    /// Of this node's jobs, those that are still to be let go of.
    ended: Vec<Ended>,
    /// The last claim got all that it wanted: there may be more.
    hungry: bool,
    claim_at: Instant,
    reclaim_at: Instant,
    look_at: Instant,
}

impl Desk {
    pub(super) fn new(shared: Arc<Shared>, inbox: mpsc::Receiver<Request>) -> Self {
        let now = Instant::now();
        Self {
            clock: JobClock::new(Arc::clone(&shared.clock)),
            shared,
            inbox,
            requests: Vec::new(),
            held: HashMap::new(),
            runners: JoinSet::new(),
            ended: Vec::new(),
            hungry: false,
            claim_at: now,
            reclaim_at: now,
            look_at: now + LOOK,
        }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let wake = self.wake_at();
            tokio::select! {
                () = shared.stop.cancelled() => break,
                _ = self.inbox.recv_many(&mut self.requests, REQUESTS) => {}
                Some(joined) = self.runners.join_next_with_id() => self.runner_ended(joined),
                () = sleep_until(wake) => {}
            }
            while let Some(joined) = self.runners.try_join_next_with_id() {
                self.runner_ended(joined);
            }
            if self.step().await.is_err() {
                tokio::select! {
                    () = shared.stop.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
        self.finish().await;
    }

    /// When there is something to do without anybody's asking.
    fn wake_at(&self) -> Instant {
        let look = (!self.held.is_empty()).then_some(self.look_at);
        let claim = (self.room() > 0 && !self.shared.draining.is_cancelled()).then_some(self.claim_at);
        look.into_iter().chain(claim).fold(self.reclaim_at, Instant::min)
    }

    /// How many runners are free.
    fn room(&self) -> usize {
        self.shared.settings.jobs.workers.saturating_sub(self.held.len())
    }

    /// Does what is due. Error: the store failed, and it is due still.
    async fn step(&mut self) -> Result<(), ()> {
        let now = Instant::now();
        if self.reclaim_at <= now {
            self.reclaim().await?;
            self.reclaim_at = now + self.shared.settings.turns.reap;
        }
        if self.look_at <= now {
            self.look_at = now + LOOK;
            self.end_stale(now);
        }
        let batch = self.batch(now);
        self.commit(batch).await
    }

    /// What is to be changed now.
    fn batch(&mut self, now: Instant) -> Batch {
        let jobs = &self.shared.settings.jobs;
        let freed = !self.ended.is_empty();
        let mut batch = Batch::default();
        batch.settle(std::mem::take(&mut self.ended));
        let every = jobs.lease / 3;
        for held in self.held.values_mut().filter(|held| held.is_due(now, every)) {
            batch.renew(held, jobs.lease);
        }
        let wanted = batch.ask(std::mem::take(&mut self.requests));
        let room = self.room();
        let claims = wanted || self.claim_at <= now || (freed && self.hungry);
        if room > 0 && claims && !self.shared.draining.is_cancelled() {
            batch.claim(self.shared.node, room, jobs.lease);
        }
        batch
    }

    fn start(&mut self, job: &ClaimedJob, now: Instant) {
        let (progress, cancelled) = (Progress::default(), CancellationToken::new());
        let run = Run {
            shared: Arc::clone(&self.shared),
            job: job.clone(),
            progress: progress.clone(),
            cancelled: cancelled.clone(),
        };
        let runner = self.runners.spawn(runner::run(run));
        let guard = self.shared.jobs.held.token();
        self.held.insert(job.lease.job, Held::new(job, runner, cancelled, progress, guard, now));
        self.counted();
    }

    fn runner_ended(&mut self, joined: Joined) {
        let id = joined.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let job = self.held.values().find(|held| held.runner() == id).map(|held| held.lease.job);
        // One that was ended because its hold was lost has nothing to let go of.
        let Some(held) = job.and_then(|job| self.held.remove(&job)) else { return };
        let done = match joined {
            Ok((_, done)) => done,
            Err(error) => {
                let (code, after) = (Refusal::internal(&error).code, self.shared.settings.jobs.retries.base);
                JobOutcome::Retry { code, after }.into()
            }
        };
        self.ended.push(held.ended(done));
        self.counted();
    }

    /// Ends the runners whose holds could not be kept good: soon somebody else may have their jobs.
    fn end_stale(&mut self, now: Instant) {
        let lease = self.shared.settings.jobs.lease;
        let stale = |held: &Held| now.saturating_duration_since(held.renewed) + LOOK * 2 >= lease;
        for (job, held) in self.held.extract_if(|_, held| stale(held)) {
            tracing::warn!(%job, "a job's lease could not be renewed: its runner is ended");
            held.abort();
        }
        self.counted();
    }

    /// Takes back what nobody holds any more.
    async fn reclaim(&mut self) -> Result<(), ()> {
        let held = self.held.keys().copied().chain(self.ended.iter().map(|it| it.lease.job)).collect();
        let attempts = self.shared.settings.jobs.retries.rounds;
        let now = self.clock.now();
        let reclaimed = self.shared.store.job_reclaim(now, self.shared.node, held, attempts).await;
        let reclaimed = reclaimed
            .map_err(|error| tracing::error!(%error, "jobs of dead nodes could not be looked for"))?;
        if reclaimed.waiting > 0 {
            tracing::warn!(count = reclaimed.waiting, "jobs that nobody held any more wait again");
            self.claim_at = Instant::now();
        }
        for job in reclaimed.failed {
            tracing::error!(job = %job.id, attempts = job.attempts, "a job was begun too often: it has failed");
            self.shared.tell_job(job, None);
        }
        Ok(())
    }

    fn counted(&self) {
        self.shared.jobs.running.store(self.held.len(), Ordering::Relaxed);
    }

    /// When to look for the jobs of others: at a time of this node's own, so that nodes do not look in step.
    fn poll(&self) -> Duration {
        let poll = self.shared.settings.jobs.poll;
        let (_, random) = Uuid::new_v4().as_u64_pair();
        poll / 2 + poll * u32::from(random.to_be_bytes()[7]) / 256
    }

    /// The server stops: what runs is let go of, and who waits is answered.
    async fn finish(mut self) {
        self.inbox.close();
        while let Ok(request) = self.inbox.try_recv() {
            self.requests.push(request);
        }
        let all = async {
            while let Some(joined) = self.runners.join_next_with_id().await {
                self.runner_ended(joined);
            }
        };
        // What has not ended by then is given up with its hold.
        let _ = timeout(LAST, all).await;
        let mut batch = Batch::default();
        batch.settle(std::mem::take(&mut self.ended));
        batch.ask(std::mem::take(&mut self.requests));
        if self.commit(batch).await.is_err() {
            tracing::warn!("jobs could not be let go of; the next start takes them back");
        }
    }
}
