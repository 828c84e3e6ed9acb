//! Processes that die, and stores that fail, in the middle of a job: its effect is there once.

use super::{
    Arc, Caller, JobDraft, JobId, JobState, MemoryStore, Script, Store, TestHub, TurnStatus, WriteFault,
    caller, completion, find, pass, pass_with_clock, settings,
};
use crate::world::{END, say, wait};
use parlor_domain::message::{Author, Message, SEQ_MAX};
use parlor_domain::ports::JobStore;
use std::time::Duration;

/// A node's whole life: when it is over, everything of it stops at once, as by kill -9.
fn life<T>(scene: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(scene)
}

async fn node(store: &Arc<MemoryStore>) -> (TestHub, Caller) {
    let server = TestHub::on(Arc::clone(store), settings()).await;
    let ann = caller(&server, "ann").await;
    (server, ann)
}

/// Everything that is said anywhere.
async fn said(server: &TestHub, ann: &Caller) -> Vec<Message> {
    let page = parlor_domain::ports::Page { offset: 0, limit: 200 };
    let conversations = server.hub.conversation_list(ann, false, page).await.unwrap();
    let mut all = Vec::new();
    for entry in conversations.items {
        all.extend(server.store.log_after(entry.summary.id, 0, SEQ_MAX, 1_000).await.unwrap());
    }
    all
}

fn questions(said: &[Message]) -> usize {
    said.iter().filter(|message| matches!(message.author, Author::User(_))).count()
}

fn whole(said: &[Message]) -> usize {
    let is = |message: &&Message| message.reply.as_ref().is_some_and(|it| it.status == TurnStatus::Complete);
    said.iter().filter(is).count()
}

/// Protects "once", at every moment: wherever in its job a node dies, the next one does the rest, and in the end there is
/// one conversation with one message and one whole reply to it.
#[test]
fn a_death_at_any_moment_doubles_nothing_and_loses_nothing() {
    for millis in [0, 1, 2, 500, 1_500, 2_990, 3_010, 4_000] {
        let store = Arc::new(MemoryStore::new());
        let id = life(async {
            let (server, ann) = node(&store).await;
            server.backend.play(vec![say("one "), wait(3), say("two"), END]);
            let enqueued = server.hub.job_enqueue(&ann, completion(None, "hello")).await.unwrap();
            pass(Duration::from_millis(millis)).await;
            enqueued.job.id
        });
        life(async {
            let (server, ann) = node(&store).await;
            server.backend.play(Script::reply(&["again"]));
            pass_with_clock(&server, 20).await;
            let found = find(&server, &ann, id).await;
            assert_eq!(found.job.state, JobState::Completed, "died after {millis} ms");
            let said = said(&server, &ann).await;
            assert_eq!((questions(&said), whole(&said)), (1, 1), "died after {millis} ms: {said:?}");
            assert_eq!(server.store.totals().await.unwrap().conversations, 1);
        });
    }
}

/// Protects nodes from a job that kills them: after so many deaths it is left alone.
#[test]
fn a_job_that_kills_its_nodes_is_given_up() {
    let store = Arc::new(MemoryStore::new());
    let mut id = None;
    for _ in 0..5 {
        life(async {
            let (server, ann) = node(&store).await;
            server.backend.play(vec![Script::Hang]);
            if id.is_none() {
                let enqueued = server.hub.job_enqueue(&ann, completion(None, "hello")).await.unwrap();
                id = Some(enqueued.job.id);
            }
            pass_with_clock(&server, 3).await;
        });
    }
    life(async {
        let (server, ann) = node(&store).await;
        pass_with_clock(&server, 3).await;
        let job = find(&server, &ann, id.unwrap()).await.job;
        assert_eq!((job.state, job.attempts), (JobState::Failed, 5));
        assert!(server.backend.requests().is_empty());
    });
}

/// Protects jobs from a store that fails, before or after it has done what it was asked: each is taken in as its sender was
/// told, and done once.
#[tokio::test(start_paused = true)]
async fn a_store_that_fails_doubles_nothing_and_loses_nothing() {
    for fault in [WriteFault::BeforeCommit, WriteFault::AfterCommit] {
        for skipped in 0..5 {
            let store = Arc::new(MemoryStore::new());
            let (server, ann) = node(&store).await;
            let named = JobDraft { client_id: Some("one".into()), ..completion(None, "hello") };
            let mut id: Option<JobId> = None;
            for round in 0..9 {
                if round == skipped {
                    store.fail_next_job_writes(1, fault);
                }
                if let Ok(enqueued) = server.hub.job_enqueue(&ann, named.clone()).await {
                    assert!(id.is_none_or(|id| id == enqueued.job.id));
                    id = Some(enqueued.job.id);
                }
                pass_with_clock(&server, 1).await;
            }
            pass_with_clock(&server, 20).await;
            let found = find(&server, &ann, id.unwrap()).await;
            assert_eq!(found.job.state, JobState::Completed, "{fault:?} after {skipped}");
            let said = said(&server, &ann).await;
            assert_eq!((questions(&said), whole(&said)), (1, 1), "{fault:?} after {skipped}");
            server.hub.shutdown().await;
        }
    }
}

/// Protects two nodes on one log: what one of them died of having, the other one takes when its lease is over, and not
/// before; and while both live, each job is one node's.
#[tokio::test(start_paused = true)]
async fn a_lease_keeps_a_job_until_it_is_over() {
    let store = Arc::new(MemoryStore::shared());
    let (here, ann) = node(&store).await;
    let (there, _) = node(&store).await;
    for server in [&here, &there] {
        server.backend.play(vec![say("long"), wait(50), END]);
    }
    let enqueued = here.hub.job_enqueue(&ann, completion(None, "hello")).await.unwrap();
    for _ in 0..100 {
        here.clock.advance(Duration::from_secs(1));
        there.clock.advance(Duration::from_secs(1));
        pass(Duration::from_secs(1)).await;
    }
    let found = find(&here, &ann, enqueued.job.id).await;
    assert_eq!((found.job.state, found.job.attempts), (JobState::Completed, 1), "renewed all along");
    let said = said(&here, &ann).await;
    assert_eq!((questions(&said), whole(&said), said.len()), (1, 1, 2));
    assert_eq!(store.job_counts().await.unwrap().completed, 1);
}
