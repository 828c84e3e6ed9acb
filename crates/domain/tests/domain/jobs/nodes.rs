//! Several nodes on one store: what one of them does with a job reaches its user everywhere, and what one of them can hold
//! no more is not done twice.

use super::{
    Arc, Caller, Client, JobId, JobState, MemoryStore, Script, TestHub, TurnStatus, caller, completion,
    conversation, enqueue, find, pass, settings,
};
use crate::slow_store::server_cut_from_jobs;
use crate::world::{END, log, log_lines, say, wait};
use parlor_domain::ports::JobStore;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Lets `seconds` pass for timers and for the clocks of several nodes.
async fn pass_on(nodes: &[&TestHub], seconds: u64) {
    for _ in 0..seconds {
        nodes.iter().for_each(|node| node.clock.advance(Duration::from_secs(1)));
        pass(Duration::from_secs(1)).await;
    }
}

/// A node without runners.
async fn idle(store: &Arc<MemoryStore>) -> TestHub {
    let mut settings = settings();
    settings.jobs.workers = 0;
    TestHub::on(Arc::clone(store), settings).await
}

fn of_jobs(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().filter(|line| line.starts_with("job ")).collect()
}

/// Protects who is connected to another node than the one that does the job: they hear how far it is and of its end as
/// everybody does, of that once, with what came of it; and so where the job is ended on a third one. Nobody else does.
#[tokio::test(start_paused = true)]
async fn every_node_tells_its_users() {
    let store = Arc::new(MemoryStore::shared());
    let (here, there) = (TestHub::on(Arc::clone(&store), settings()).await, idle(&store).await);
    let ann = caller(&here, "ann").await;
    let old = enqueue(&here, &ann, completion(None, "before anybody was there")).await;
    pass_on(&[&here, &there], 2).await;
    assert_eq!(find(&there, &ann, old).await.job.state, JobState::Completed);

    let (near, far) = (Client::connect(&here, "ann").await, Client::connect(&there, "ann").await);
    let other = Client::connect(&there, "eve").await;
    here.backend.play(vec![say("a beginning "), wait(5), say(&"x".repeat(2_000)), wait(5), END]);
    let id = enqueue(&here, &ann, completion(None, "hello")).await;
    pass_on(&[&here, &there], 4).await;
    assert_eq!(of_jobs(far.seen().await), ["job active 10"]);
    pass_on(&[&here, &there], 4).await;
    let halfway = of_jobs(far.seen().await);
    assert!(halfway.len() == 1 && halfway[0].starts_with("job active "), "{halfway:?}");
    pass_on(&[&here, &there], 90).await;
    assert_eq!(of_jobs(far.seen().await), ["job completed 100"]);
    let all = of_jobs(near.seen().await);
    assert_eq!(all, ["job active 10", &halfway[0], "job completed 100"]);
    assert_eq!(find(&there, &ann, id).await.job.state, JobState::Completed);

    // One that ends where nobody does it.
    here.backend.play(vec![Script::Hang]);
    let id = enqueue(&here, &ann, completion(None, "not this one")).await;
    pass_on(&[&here, &there], 1).await;
    there.hub.job_cancel(&ann, id).await.unwrap();
    pass_on(&[&here, &there], 40).await;
    for client in [&near, &far] {
        let ends: Vec<_> = of_jobs(client.seen().await);
        assert_eq!(ends.iter().filter(|line| line.starts_with("job cancelled")).count(), 1, "{ends:?}");
    }
    assert_eq!(other.seen().await, Vec::<String>::new());
}

/// Protects from a second whole reply, and from paying for it: a node that can hold its job no more, while its turn goes on,
/// makes the reply; who has the job next waits for that and takes it.
#[tokio::test(start_paused = true)]
async fn a_turn_that_outlives_its_hold_is_the_jobs() {
    for in_a_conversation in [false, true] {
        let store = Arc::new(MemoryStore::shared());
        let (here, cut) = server_cut_from_jobs(Arc::clone(&store), settings()).await;
        let there = TestHub::on(Arc::clone(&store), settings()).await;
        let ann = caller(&here, "ann").await;
        let place = if in_a_conversation { Some(conversation(&here, &["ann"]).await) } else { None };
        here.backend.play(vec![say("one "), wait(60), say("two"), END]);
        there.backend.play(Script::reply(&["another one"]));
        let id = enqueue(&here, &ann, completion(place, "hello")).await;
        pass_on(&[&here, &there], 2).await;
        cut.store(true, Ordering::Relaxed);
        pass_on(&[&here, &there], 50).await;
        let job = find(&there, &ann, id).await.job;
        assert_eq!((job.state, job.attempts), (JobState::Active, 2), "another node has it");
        pass_on(&[&here, &there], 20).await;
        assert_whole(&there, &ann, id, "one two").await;
        assert!(there.backend.requests().is_empty());
        assert_eq!(store.job_counts().await.unwrap().completed, 1);
    }
}

/// Protects a job whose node goes on for a while and then dies: what it has begun ends cut off, and the reply is made by who
/// has the job now.
#[test]
fn a_turn_that_outlives_its_hold_and_then_dies_is_made_anew() {
    let store = Arc::new(MemoryStore::shared());
    let id = life(async {
        let here = TestHub::on(Arc::clone(&store), settings()).await;
        let ann = caller(&here, "ann").await;
        here.backend.play(vec![say("one "), Script::Hang]);
        let id = enqueue(&here, &ann, completion(None, "hello")).await;
        pass_on(&[&here], 8).await;
        id
    });
    life(async {
        let there = TestHub::on(Arc::clone(&store), settings()).await;
        let ann = caller(&there, "ann").await;
        there.backend.play(Script::reply(&["another one"]));
        pass_on(&[&there], 60).await;
        assert_whole(&there, &ann, id, "another one").await;
    });
}

/// A node's whole life: when it is over, everything of it stops at once, as by kill -9.
fn life<T>(scene: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(scene)
}

/// The job is done, and its reply, which is this one, is the only one that is whole.
async fn assert_whole(server: &TestHub, ann: &Caller, id: JobId, text: &str) {
    let found = find(server, ann, id).await;
    assert_eq!(found.job.state, JobState::Completed, "{:?}", found.job);
    let reply = super::reply_of(found);
    assert_eq!(&*reply.content, text);
    let log = log(&server.store, reply.conversation).await;
    let whole = log.iter().filter(|it| it.reply.as_ref().is_some_and(|it| it.status == TurnStatus::Complete));
    assert_eq!(whole.count(), 1, "{:?}", log_lines(&server.store, reply.conversation).await);
}
