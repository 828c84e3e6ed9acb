//! The queue of jobs: kept once, taken once, in turns between users, and let go of by who has them alone.

mod at_once;
mod model;

use crate::subject::{Subject, suite};
use crate::write::{Scene, at, ending, stored};
use parlor_domain::message::Fingerprint;
use parlor_domain::ports::{
    Clock, CompletionWork, EmbeddingsWork, Job, JobCounts, JobEntry, JobLease, JobOutcome, JobResult,
    JobState, JobWork, JobWrite, JobWritten, NewJob, Page, Reclaimed, Store, SystemClock,
};
use parlor_domain::{ConversationId, ErrorCode, JobId, MessageId, UserId};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3_600);
const ALL: Page = Page { offset: 0, limit: 1_000 };

/// The queue as one node has it. Time is the real one: a store that several nodes share goes by its own.
#[derive(Clone)]
struct Queue {
    store: Arc<dyn Store>,
    node: Uuid,
}

impl Queue {
    fn of(subject: &Subject) -> Self {
        Self::on(&subject.store)
    }

    fn on(store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store), node: Uuid::new_v4() }
    }

    async fn user(&self, name: &str) -> UserId {
        self.store.user_ensure(&format!("{name}@example.org"), None, at(0)).await.unwrap().id
    }

    async fn write(&self, write: JobWrite) -> JobWritten {
        let mut written = self.store.job_write(SystemClock.now(), vec![write]).await.unwrap();
        assert_eq!(written.len(), 1);
        written.remove(0)
    }

    async fn enqueue(&self, job: NewJob) -> JobEntry {
        match self.write(JobWrite::Enqueue { job, limit: 100 }).await {
            JobWritten::Enqueued { job, duplicate: false } => job,
            other => panic!("{other:?}"),
        }
    }

    /// Jobs with these texts, in this order.
    async fn fill(&self, user: UserId, texts: &[&str]) -> Vec<JobId> {
        let mut ids = Vec::new();
        for text in texts {
            ids.push(self.enqueue(job(user, text)).await.id);
        }
        ids
    }

    async fn claim_for(&self, count: usize, lease: Duration) -> Vec<(JobLease, String)> {
        match self.write(JobWrite::Claim { node: self.node, count, lease }).await {
            JobWritten::Claimed { jobs, .. } => {
                jobs.into_iter().map(|it| (it.lease, text(&it.work))).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    async fn claim(&self, count: usize) -> Vec<(JobLease, String)> {
        self.claim_for(count, HOUR).await
    }

    async fn texts(&self, count: usize) -> Vec<String> {
        self.claim(count).await.into_iter().map(|(_, text)| text).collect()
    }

    async fn settle(&self, lease: JobLease, outcome: JobOutcome) -> JobWritten {
        self.write(JobWrite::Settle { lease, outcome }).await
    }

    async fn reclaim(&self, held: &[JobId]) -> Reclaimed {
        self.store.job_reclaim(SystemClock.now(), self.node, held.to_vec(), 3).await.unwrap()
    }

    async fn get(&self, user: UserId, id: JobId) -> Job {
        self.store.job_get(user, id).await.unwrap().unwrap()
    }
}

fn work(text: &str) -> JobWork {
    JobWork::Embeddings(EmbeddingsWork { text: text.to_owned(), model: None })
}

fn text(work: &JobWork) -> String {
    match work {
        JobWork::Completion(work) => work.message.clone(),
        JobWork::Embeddings(work) => work.text.clone(),
    }
}

fn job(user: UserId, text: &str) -> NewJob {
    NewJob { id: JobId::new(), user, work: work(text), client_id: None, at: at(7) }
}

fn vector() -> JobResult {
    JobResult::Embeddings { vector: vec![0.1, -2.5, 1e-30], model: "größe".to_owned(), tokens: 3 }
}

fn reply() -> JobResult {
    JobResult::Completion { conversation: ConversationId::new(), message: MessageId::new() }
}

const LATER: JobOutcome = JobOutcome::Retry { code: ErrorCode::AiUnavailable, after: HOUR };
const AGAIN: JobOutcome = JobOutcome::Retry { code: ErrorCode::AiUnavailable, after: Duration::ZERO };

async fn a_job_comes_back_as_it_was_written(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    let whole = CompletionWork {
        message: "Größe\n\"😀\"".to_owned(),
        conversation: Some(ConversationId::new()),
        model: Some("gpt".to_owned()),
        max_tokens: Some(7),
        temperature: Some(0.3),
    };
    let bare = CompletionWork {
        message: "x".to_owned(),
        conversation: None,
        model: None,
        max_tokens: None,
        temperature: None,
    };
    let named = JobWork::Embeddings(EmbeddingsWork { text: "t".to_owned(), model: Some("m".to_owned()) });
    for (work, result) in [
        (JobWork::Completion(whole), reply()),
        (JobWork::Completion(bare), reply()),
        (named, vector()),
        (work("plain"), vector()),
    ] {
        let new = NewJob { work: work.clone(), ..job(ann, "") };
        let entry = queue.enqueue(new.clone()).await;
        let expected = JobEntry {
            id: new.id,
            user: ann,
            kind: work.kind(),
            state: JobState::Waiting,
            progress: 0,
            attempts: 0,
            failure: None,
            created_at: at(7),
            ended_at: None,
        };
        assert_eq!(entry, expected);
        assert_eq!(queue.get(ann, new.id).await, Job { entry, result: None });
        let JobWritten::Claimed { jobs, .. } =
            queue.write(JobWrite::Claim { node: queue.node, count: 9, lease: HOUR }).await
        else {
            panic!("not claimed");
        };
        assert_eq!((jobs.len(), &jobs[0].work, jobs[0].attempts, jobs[0].created_at), (1, &work, 1, at(7)));
        let lease = jobs[0].lease;
        assert_eq!((lease.job, lease.user, lease.node, lease.fence), (new.id, ann, queue.node, 1));
        queue.settle(lease, JobOutcome::Completed(result.clone())).await;
        let done = queue.get(ann, new.id).await;
        assert_eq!((done.entry.state, done.entry.progress), (JobState::Completed, 100));
        assert!(done.entry.ended_at.is_some());
        assert_eq!(done.result, Some(result));
    }
}

async fn another_users_job_is_not_there(subject: &Subject) {
    let queue = Queue::of(subject);
    let (ann, eve) = (queue.user("ann").await, queue.user("eve").await);
    let id = queue.fill(ann, &["a"]).await[0];
    assert_eq!(queue.store.job_get(eve, id).await.unwrap(), None);
    assert_eq!(queue.store.job_list(eve, None, ALL).await.unwrap().total, 0);
    let cancelled = queue.write(JobWrite::Cancel { job: id, user: eve }).await;
    assert_eq!(cancelled, JobWritten::Cancelled { job: None, changed: false });
    assert_eq!(queue.get(ann, id).await.entry.state, JobState::Waiting);
}

async fn the_same_name_is_the_same_job(subject: &Subject) {
    let queue = Queue::of(subject);
    let (ann, bob) = (queue.user("ann").await, queue.user("bob").await);
    let named = |user, text: &str| NewJob { client_id: Some("one".to_owned()), ..job(user, text) };
    let first = queue.enqueue(named(ann, "a")).await;
    let again = JobWrite::Enqueue { job: named(ann, "a"), limit: 1 };
    let expected = JobWritten::Enqueued { job: first.clone(), duplicate: true };
    assert_eq!(queue.write(again.clone()).await, expected, "though as many wait as may");
    assert_eq!(queue.write(JobWrite::Enqueue { job: named(ann, "b"), limit: 9 }).await, JobWritten::Taken);
    queue.enqueue(named(bob, "b")).await;
    let (lease, _) = queue.claim(1).await[0];
    queue.settle(lease, JobOutcome::Failed(ErrorCode::ContentFlagged)).await;
    let JobWritten::Enqueued { job, duplicate: true } = queue.write(again).await else { panic!("not known") };
    assert_eq!(job.id, if lease.user == ann { lease.job } else { first.id });
    assert_eq!(queue.store.job_list(ann, None, ALL).await.unwrap().total, 1);
}

/// What is written again because its outcome was not known is no second job.
async fn the_same_id_is_the_same_job(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    for client_id in [None, Some("one".to_owned())] {
        let new = NewJob { client_id, ..job(ann, "a") };
        queue.enqueue(new.clone()).await;
        queue.enqueue(new).await;
    }
    assert_eq!(queue.texts(9).await, ["a", "a"]);
}

async fn so_many_may_wait_and_no_more(subject: &Subject) {
    let queue = Queue::of(subject);
    let (ann, bob) = (queue.user("ann").await, queue.user("bob").await);
    let enqueue = |user| JobWrite::Enqueue { job: job(user, "x"), limit: 2 };
    let writes = vec![enqueue(ann), enqueue(ann), enqueue(ann), enqueue(bob)];
    let written = queue.store.job_write(SystemClock.now(), writes).await.unwrap();
    let kept = |written: &JobWritten| matches!(written, JobWritten::Enqueued { .. });
    assert_eq!(written.iter().map(kept).collect::<Vec<_>>(), [true, true, false, true]);
    assert_eq!(written[2], JobWritten::Full);
    queue.claim(1).await;
    assert_eq!(queue.claim(1).await.len(), 1);
    assert!(kept(&queue.write(enqueue(ann)).await), "one that runs does not wait");
}

async fn users_take_turns_and_the_oldest_comes_first(subject: &Subject) {
    let queue = Queue::of(subject);
    let (ann, bob) = (queue.user("ann").await, queue.user("bob").await);
    queue.fill(ann, &["a1", "a2", "a3", "a4"]).await;
    assert_eq!(queue.texts(1).await, ["a1"]);
    queue.fill(bob, &["b1", "b2"]).await;
    assert_eq!(queue.texts(2).await, ["b1", "a2"], "who comes later does not wait for all before them");
    let zoe = queue.user("zoe").await;
    queue.fill(zoe, &["z1"]).await;
    assert_eq!(queue.texts(9).await, ["z1", "b2", "a3", "a4"]);
    assert_eq!(queue.texts(9).await, Vec::<String>::new());
    // A turn that was had counts, also after a rest.
    queue.fill(ann, &["a5"]).await;
    queue.fill(bob, &["b3"]).await;
    assert_eq!(queue.texts(9).await, ["b3", "a5"]);
}

async fn a_claim_tells_when_the_next_is_due(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    let claim = || queue.write(JobWrite::Claim { node: queue.node, count: 9, lease: HOUR });
    assert_eq!(claim().await, JobWritten::Claimed { jobs: vec![], next: None });
    queue.fill(ann, &["a"]).await;
    let (lease, _) = queue.claim(9).await[0];
    assert_eq!(claim().await, JobWritten::Claimed { jobs: vec![], next: None });
    queue.settle(lease, LATER).await;
    let JobWritten::Claimed { jobs, next: Some(next) } = claim().await else { panic!("none is due") };
    assert!(jobs.is_empty() && next > HOUR / 2 && next <= HOUR, "{next:?}");
}

async fn who_waits_for_another_try_holds_up_nobody(subject: &Subject) {
    let queue = Queue::of(subject);
    let (ann, bob) = (queue.user("ann").await, queue.user("bob").await);
    let ids = queue.fill(ann, &["a1", "a2"]).await;
    let (lease, _) = queue.claim(1).await[0];
    let JobWritten::Settled(entry) = queue.settle(lease, LATER).await else { panic!("not let go of") };
    assert_eq!((entry.id, entry.state, entry.attempts), (ids[0], JobState::Waiting, 1));
    assert_eq!((entry.failure, entry.ended_at), (Some(ErrorCode::AiUnavailable), None));
    queue.fill(bob, &["b1"]).await;
    assert_eq!(queue.texts(9).await, ["b1", "a2"]);
}

async fn a_job_is_tried_again_and_its_failure_is_forgotten_when_it_is_done(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    let id = queue.fill(ann, &["a1"]).await[0];
    for fence in 1..4 {
        let (lease, _) = queue.claim(1).await[0];
        assert_eq!(lease.fence, fence);
        queue.settle(lease, AGAIN).await;
    }
    // To give it back is no try.
    let (lease, _) = queue.claim(1).await[0];
    let JobWritten::Settled(entry) = queue.settle(lease, JobOutcome::Released).await else { panic!("lost") };
    assert_eq!((entry.attempts, entry.failure), (3, Some(ErrorCode::AiUnavailable)));
    let (lease, _) = queue.claim(1).await[0];
    assert_eq!(lease.fence, 5, "every hold is another one");
    queue.settle(lease, JobOutcome::Completed(vector())).await;
    let Job { entry, result } = queue.get(ann, id).await;
    assert_eq!((entry.state, entry.attempts, entry.failure), (JobState::Completed, 4, None));
    assert_eq!(result, Some(vector()));
}

async fn only_who_has_a_job_lets_go_of_it(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    let id = queue.fill(ann, &["a"]).await[0];
    let (lease, _) = queue.claim(1).await[0];
    let active = JobWritten::Lost { state: Some(JobState::Active) };
    for wrong in [
        JobLease { node: Uuid::new_v4(), ..lease },
        JobLease { fence: lease.fence + 1, ..lease },
        JobLease { fence: 0, ..lease },
    ] {
        assert_eq!(queue.settle(wrong, JobOutcome::Completed(vector())).await, active);
        assert_eq!(queue.write(JobWrite::Renew { lease: wrong, progress: 9, hold: HOUR }).await, active);
    }
    // The hold of before is good no more, whoever has it now.
    queue.settle(lease, AGAIN).await;
    let waiting = JobWritten::Lost { state: Some(JobState::Waiting) };
    assert_eq!(queue.settle(lease, JobOutcome::Completed(vector())).await, waiting);
    let (next, _) = queue.claim(1).await[0];
    assert_eq!(queue.settle(lease, JobOutcome::Failed(ErrorCode::Internal)).await, active);
    let done = JobOutcome::Completed(vector());
    let JobWritten::Settled(first) = queue.settle(next, done.clone()).await else { panic!("not done") };
    // The same again is answered the same, and nothing else is done.
    assert_eq!(queue.settle(next, done).await, JobWritten::Settled(first));
    let completed = JobWritten::Lost { state: Some(JobState::Completed) };
    assert_eq!(queue.settle(next, AGAIN).await, completed);
    assert_eq!(queue.settle(next, JobOutcome::Failed(ErrorCode::Internal)).await, completed);
    assert_eq!(queue.settle(lease, JobOutcome::Completed(reply())).await, completed);
    assert_eq!(queue.get(ann, id).await.result, Some(vector()));
    let gone = JobLease { job: JobId::new(), ..next };
    assert_eq!(queue.settle(gone, JobOutcome::Released).await, JobWritten::Lost { state: None });
}

async fn a_hold_is_kept_good_and_tells_how_far_it_is(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    let id = queue.fill(ann, &["a"]).await[0];
    let (lease, _) = queue.claim_for(1, Duration::ZERO).await[0];
    let renew = |progress| queue.write(JobWrite::Renew { lease, progress, hold: HOUR });
    assert_eq!(renew(40).await, JobWritten::Held);
    assert_eq!(queue.get(ann, id).await.entry.progress, 40);
    if !subject.is_alone() {
        assert_eq!(Queue::of(subject).reclaim(&[]).await, Reclaimed::default());
    }
    assert_eq!(renew(200).await, JobWritten::Held);
    let found = queue.get(ann, id).await.entry;
    assert_eq!((found.state, found.attempts), (JobState::Active, 1));
}

async fn what_a_dead_node_had_waits_again(subject: &Subject) {
    let (dead, queue) = (Queue::of(subject), Queue::of(subject));
    let (ann, bob) = (queue.user("ann").await, queue.user("bob").await);
    queue.fill(ann, &["a"]).await;
    queue.fill(bob, &["b"]).await;
    let lost = dead.claim_for(1, Duration::ZERO).await;
    let live = dead.claim(1).await;
    let reclaimed = queue.reclaim(&[]).await;
    let expected = if subject.is_alone() { 2 } else { 1 };
    assert_eq!(
        reclaimed,
        Reclaimed { waiting: expected, failed: vec![] },
        "a lease counts where nodes share it"
    );
    let again = queue.claim(9).await;
    assert_eq!(again.len(), expected);
    let found = again.iter().find(|(lease, _)| lease.job == lost[0].0.job).unwrap();
    assert_eq!(found.0.fence, 2);
    let active = JobWritten::Lost { state: Some(JobState::Active) };
    assert_eq!(dead.settle(lost[0].0, JobOutcome::Completed(vector())).await, active);
    if !subject.is_alone() {
        assert!(matches!(dead.settle(live[0].0, AGAIN).await, JobWritten::Settled(_)));
    }
}

async fn a_node_takes_back_what_it_does_not_know_to_have(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    queue.fill(ann, &["a", "b"]).await;
    let claimed = queue.claim(2).await;
    let known = claimed[0].0.job;
    assert_eq!(queue.reclaim(&[known]).await, Reclaimed { waiting: 1, failed: vec![] });
    assert_eq!(queue.reclaim(&[known]).await, Reclaimed::default());
    assert_eq!(queue.claim(9).await[0].0.job, claimed[1].0.job);
    assert!(matches!(queue.settle(claimed[0].0, AGAIN).await, JobWritten::Settled(_)));
}

/// Protects nodes from a job that kills whoever begins it.
async fn what_was_begun_too_often_fails(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    let id = queue.fill(ann, &["a"]).await[0];
    for _ in 0..2 {
        queue.claim(1).await;
        assert_eq!(queue.reclaim(&[]).await.waiting, 1);
    }
    queue.claim(1).await;
    let Reclaimed { waiting: 0, failed } = queue.reclaim(&[]).await else { panic!("it waits again") };
    let entry = queue.get(ann, id).await.entry;
    assert_eq!(
        (entry.state, entry.failure, entry.attempts),
        (JobState::Failed, Some(ErrorCode::Internal), 3)
    );
    assert!(entry.ended_at.is_some());
    assert_eq!(failed, [entry]);
    assert_eq!(queue.texts(9).await, Vec::<String>::new());
}

async fn a_job_is_cancelled_unless_it_has_ended(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    let ids = queue.fill(ann, &["a", "b", "c"]).await;
    let cancel = |job| queue.write(JobWrite::Cancel { job, user: ann });
    let (done, _) = queue.claim(1).await[0];
    queue.settle(done, JobOutcome::Completed(vector())).await;
    let (active, _) = queue.claim(1).await[0];
    for id in &ids[1..] {
        for changed in [true, false] {
            let JobWritten::Cancelled { job: Some(job), changed: so } = cancel(*id).await else { panic!() };
            assert_eq!((job.id, job.state, so), (*id, JobState::Cancelled, changed));
            assert!(job.ended_at.is_some());
        }
    }
    let lost = JobWritten::Lost { state: Some(JobState::Cancelled) };
    assert_eq!(queue.settle(active, JobOutcome::Completed(vector())).await, lost);
    assert_eq!(queue.write(JobWrite::Renew { lease: active, progress: 1, hold: HOUR }).await, lost);
    let JobWritten::Cancelled { job: Some(job), changed: false } = cancel(ids[0]).await else { panic!() };
    assert_eq!(job.state, JobState::Completed);
    assert_eq!(queue.texts(9).await, Vec::<String>::new());
    assert_eq!(queue.reclaim(&[]).await, Reclaimed::default());
    let gone = cancel(JobId::new()).await;
    assert_eq!(gone, JobWritten::Cancelled { job: None, changed: false });
}

async fn lists_have_pages_and_counts(subject: &Subject) {
    let queue = Queue::of(subject);
    let (ann, bob) = (queue.user("ann").await, queue.user("bob").await);
    let ids = queue.fill(ann, &["a", "b", "c", "d", "e"]).await;
    let others = queue.fill(bob, &["x"]).await;
    for (lease, _) in queue.claim(4).await {
        let outcome = if lease.user == bob || lease.job == ids[0] {
            JobOutcome::Failed(ErrorCode::ModelNotFound)
        } else {
            JobOutcome::Completed(vector())
        };
        queue.settle(lease, outcome).await;
    }
    queue.write(JobWrite::Cancel { job: ids[4], user: ann }).await;
    queue.claim(1).await;
    let list = async |state, offset, limit| {
        let page = queue.store.job_list(ann, state, Page { offset, limit }).await.unwrap();
        (page.items.into_iter().map(|job| job.id).collect::<Vec<_>>(), page.total)
    };
    let newest: Vec<_> = ids.iter().rev().copied().collect();
    assert_eq!(list(None, 0, 9).await, (newest.clone(), 5));
    assert_eq!(list(None, 1, 2).await, (newest[1..3].to_vec(), 5));
    assert_eq!(list(None, 9, 2).await, (vec![], 5));
    assert_eq!(list(Some(JobState::Completed), 0, 9).await, (vec![ids[2], ids[1]], 2));
    assert_eq!(list(Some(JobState::Waiting), 0, 9).await, (vec![], 0));
    let failed = queue.store.jobs_failed(ALL).await.unwrap();
    assert_eq!(failed.total, 2);
    let of_all = failed.items.iter().map(|job| (job.id, job.failure)).collect::<Vec<_>>();
    let code = Some(ErrorCode::ModelNotFound);
    assert_eq!(of_all, [(others[0], code), (ids[0], code)]);
    let counts = JobCounts { waiting: 0, active: 1, completed: 2, failed: 2, cancelled: 1 };
    assert_eq!(queue.store.job_counts().await.unwrap(), counts);
}

async fn what_ended_long_ago_is_forgotten(subject: &Subject) {
    let queue = Queue::of(subject);
    let ann = queue.user("ann").await;
    let ids = queue.fill(ann, &["a", "b", "c", "d"]).await;
    for (lease, _) in queue.claim(3).await {
        queue.settle(lease, JobOutcome::Completed(vector())).await;
    }
    let purge = |before| queue.store.job_purge(before, 2);
    let now = SystemClock.now();
    assert_eq!(purge(now.minus(HOUR)).await.unwrap(), 0);
    let later = now.plus(HOUR);
    assert_eq!(
        [purge(later).await.unwrap(), purge(later).await.unwrap(), purge(later).await.unwrap()],
        [2, 1, 0]
    );
    let left = queue.store.job_list(ann, None, ALL).await.unwrap();
    assert_eq!(left.items.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[3]]);
    assert_eq!(queue.texts(9).await, ["d"]);
}

/// What other nodes have, and what ended lately on any; nothing where there can be no other node.
async fn a_node_reads_what_others_do(subject: &Subject) {
    let (here, there) = (Queue::of(subject), Queue::of(subject));
    let ann = here.user("ann").await;
    here.fill(ann, &["a", "b", "c", "d"]).await;
    let mut leases: Vec<_> = here.claim(3).await.into_iter().map(|(lease, _)| lease).collect();
    let own = there.claim(1).await[0].0;
    let last = leases.pop().unwrap();
    here.write(JobWrite::Renew { lease: leases[0], progress: 40, hold: HOUR }).await;
    here.settle(last, JobOutcome::Completed(vector())).await;
    let read = async |queue: &Queue, within| {
        let jobs = queue.store.jobs_elsewhere(SystemClock.now(), queue.node, within).await.unwrap();
        let mut jobs: Vec<_> = jobs.into_iter().map(|job| (job.id, job.state, job.progress)).collect();
        jobs.sort_by_key(|(id, ..)| *id);
        jobs
    };
    let active = |lease: JobLease, progress| (lease.job, JobState::Active, progress);
    let ended = (last.job, JobState::Completed, 100);
    let (mine, theirs) = if subject.is_alone() {
        (vec![], vec![])
    } else {
        (vec![ended, active(own, 0)], vec![active(leases[0], 40), active(leases[1], 0), ended])
    };
    assert_eq!(read(&here, HOUR).await, mine);
    assert_eq!(read(&there, HOUR).await, theirs);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let running = theirs.into_iter().filter(|job| *job != ended).collect::<Vec<_>>();
    assert_eq!(read(&there, Duration::from_millis(5)).await, running, "that has ended before");
}

/// Who makes the reply to a message is found by what the message is known by.
async fn another_nodes_turn_is_found_by_its_question(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let question = Fingerprint::of(scene.user, "job:1", "hello");
    let elsewhere = async |node| subject.store.job_turn_elsewhere(node, question).await.unwrap();
    let other = Uuid::new_v4();
    assert!(!elsewhere(other).await);
    let asked = scene.store(scene.sent("job:1", "hello")).await;
    assert!(!elsewhere(other).await, "nobody answers it");
    let turn = scene.turn(asked.id);
    scene.write_one(turn.clone()).await;
    assert!(elsewhere(other).await);
    assert!(!elsewhere(scene.node).await, "it is this node's own");
    let same_text = Fingerprint::of(scene.user, "job:2", "hello");
    assert!(!subject.store.job_turn_elsewhere(other, same_text).await.unwrap());
    stored(scene.write_one(ending(&turn, "text")).await);
    assert!(!elsewhere(other).await, "it has ended");
}

suite! {
    sealed too:
    a_job_comes_back_as_it_was_written
    another_users_job_is_not_there
    the_same_name_is_the_same_job
    the_same_id_is_the_same_job
    so_many_may_wait_and_no_more
    users_take_turns_and_the_oldest_comes_first
    a_claim_tells_when_the_next_is_due
    who_waits_for_another_try_holds_up_nobody
    a_job_is_tried_again_and_its_failure_is_forgotten_when_it_is_done
    only_who_has_a_job_lets_go_of_it
    a_hold_is_kept_good_and_tells_how_far_it_is
    what_a_dead_node_had_waits_again
    a_node_takes_back_what_it_does_not_know_to_have
    what_was_begun_too_often_fails
    a_job_is_cancelled_unless_it_has_ended
    lists_have_pages_and_counts
    what_ended_long_ago_is_forgotten
    a_node_reads_what_others_do
    another_nodes_turn_is_found_by_its_question
}
