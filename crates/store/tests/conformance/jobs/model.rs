//! Any order of events: the databases do what the store in memory does, and all keep what is promised of turns and holds.

use super::{ErrorCode, HOUR, JobOutcome, JobState, JobWrite, JobWritten, NewJob, Queue, job, vector};
use crate::subject::Subject;
use parlor_domain::ports::JobLease;
use parlor_domain::{JobId, UserId};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

const USERS: usize = 4;

/// What may happen. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Event {
    Enqueue(usize),
    Claim(usize),
    Complete(usize),
    Retry(usize, bool),
    Release(usize),
    Cancel(usize),
    /// A hold of before is used once more.
    Stale(usize),
    /// The node dies, and another one takes back what it had.
    Die,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..USERS).prop_map(Event::Enqueue),
        5 => (1..4_usize).prop_map(Event::Claim),
        3 => any::<usize>().prop_map(Event::Complete),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, later)| Event::Retry(which, later)),
        1 => any::<usize>().prop_map(Event::Release),
        1 => any::<usize>().prop_map(Event::Cancel),
        1 => any::<usize>().prop_map(Event::Stale),
        1 => Just(Event::Die),
    ]
}

/// One store, and what its tests know of it.
struct World {
    queue: Queue,
    users: Vec<UserId>,
    /// The numbers of the jobs in the order of their coming, so that worlds can be compared.
    jobs: Vec<(JobId, UserId)>,
    held: Vec<JobLease>,
    stale: Vec<JobLease>,
    /// When each user was served last, in claims.
    served: HashMap<UserId, u64>,
    claims: u64,
    /// Those that are not due for a long time.
    later: HashSet<JobId>,
}

impl World {
    async fn of(subject: &Subject) -> Self {
        let queue = Queue::of(subject);
        let mut users = Vec::new();
        for number in 0..USERS {
            users.push(queue.user(&format!("user-{number}")).await);
        }
        let served = HashMap::new();
        let (jobs, held, stale) = (Vec::new(), Vec::new(), Vec::new());
        Self { queue, users, jobs, held, stale, served, claims: 0, later: HashSet::new() }
    }

    fn number(&self, id: JobId) -> usize {
        self.jobs.iter().position(|(job, _)| *job == id).unwrap()
    }

    /// Does it; what it came to, in numbers. Asserts what is promised on the way.
    async fn apply(&mut self, event: &Event) -> String {
        match event {
            Event::Enqueue(user) => {
                let new: NewJob = job(self.users[*user], "x");
                self.jobs.push((new.id, new.user));
                self.queue.enqueue(new).await;
                String::new()
            }
            Event::Claim(count) => self.claim(*count).await,
            Event::Complete(which) => self.settle(*which, JobOutcome::Completed(vector())).await,
            Event::Retry(which, later) => {
                let after = if *later { HOUR } else { Duration::ZERO };
                self.settle(*which, JobOutcome::Retry { code: ErrorCode::Internal, after }).await
            }
            Event::Release(which) => self.settle(*which, JobOutcome::Released).await,
            Event::Cancel(which) => {
                let Some((job, user)) = pick(&self.jobs, *which) else { return String::new() };
                let written = self.queue.write(JobWrite::Cancel { job, user }).await;
                let JobWritten::Cancelled { job: Some(job), changed } = written else { panic!("gone") };
                format!("{:?} {changed}", job.state)
            }
            Event::Stale(which) => {
                let Some(lease) = pick(&self.stale, *which) else { return String::new() };
                let before = self.queue.get(lease.user, lease.job).await;
                let written = self.queue.settle(lease, JobOutcome::Failed(ErrorCode::Internal)).await;
                assert!(matches!(written, JobWritten::Lost { .. }), "a hold of before was good: {written:?}");
                assert_eq!(self.queue.get(lease.user, lease.job).await, before);
                String::new()
            }
            Event::Die => {
                self.queue = Queue::on(&self.queue.store);
                self.stale.append(&mut self.held);
                let reclaimed = self.queue.reclaim(&[]).await;
                format!("{} {}", reclaimed.waiting, reclaimed.failed.len())
            }
        }
    }

    async fn claim(&mut self, count: usize) -> String {
        // Those that are due: whose jobs could be taken.
        let mut due: HashMap<UserId, Vec<JobId>> = HashMap::new();
        let page = parlor_domain::ports::Page { offset: 0, limit: 10_000 };
        for user in &self.users {
            let waiting = self.queue.store.job_list(*user, Some(JobState::Waiting), page).await.unwrap();
            due.insert(*user, waiting.items.iter().rev().map(|job| job.id).collect());
        }
        let claimed = self.queue.claim_for(count, Duration::ZERO).await;
        for (lease, _) in &claimed {
            self.claims += 1;
            let last = self.served.insert(lease.user, self.claims);
            for (user, jobs) in &due {
                let waits_longer = self.served.get(user).copied() < last && *user != lease.user;
                let could = jobs.iter().any(|job| !self.waits_for_later(*job));
                assert!(!(waits_longer && could), "somebody was served twice before another one");
            }
            let own = due.get_mut(&lease.user).unwrap();
            let first = own.iter().position(|job| !self.waits_for_later(*job)).unwrap();
            assert_eq!(own.remove(first), lease.job, "the oldest comes first");
            self.held.push(*lease);
        }
        let numbers: Vec<_> = claimed.iter().map(|(lease, _)| self.number(lease.job)).collect();
        format!("{numbers:?}")
    }

    fn waits_for_later(&self, job: JobId) -> bool {
        self.later.contains(&job)
    }

    async fn settle(&mut self, which: usize, outcome: JobOutcome) -> String {
        if self.held.is_empty() {
            return String::new();
        }
        let lease = self.held.swap_remove(which % self.held.len());
        self.stale.push(lease);
        if matches!(outcome, JobOutcome::Retry { after, .. } if after > Duration::ZERO) {
            self.later.insert(lease.job);
        }
        match self.queue.settle(lease, outcome).await {
            JobWritten::Settled(entry) => format!("{:?} {}", entry.state, entry.attempts),
            JobWritten::Lost { state } => format!("lost {state:?}"),
            other => panic!("{other:?}"),
        }
    }
}

fn pick<T: Copy>(all: &[T], which: usize) -> Option<T> {
    (!all.is_empty()).then(|| all[which % all.len()])
}

/// A world for each store, in which the same things happen.
async fn happens(subjects: &[Subject], events: &[Event]) {
    let mut worlds = Vec::new();
    for subject in subjects {
        worlds.push(World::of(subject).await);
    }
    for (step, event) in events.iter().enumerate() {
        let mut came_to = Vec::new();
        for world in &mut worlds {
            came_to.push(world.apply(event).await);
        }
        // Who is new comes first, in the order of ids, which differ from store to store: but how many is the same.
        let lengths: Vec<_> = came_to.iter().map(|it| it.matches(',').count()).collect();
        assert!(lengths.windows(2).all(|two| two[0] == two[1]), "step {step}, {event:?}: {came_to:?}");
    }
}

/// Protects turns and holds in any order of events: nobody is served twice while another one waits longer, a user's oldest
/// job comes first, no hold is good twice, and no job is lost or done twice.
#[tokio::test(flavor = "multi_thread")]
async fn turns_and_holds_in_any_order() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..12 {
        let events = prop::collection::vec(event(), 1..80).new_tree(&mut runner).unwrap().current();
        let subjects = [Subject::memory(), Subject::sqlite().await, Subject::postgres().await];
        happens(&subjects, &events).await;
    }
}
