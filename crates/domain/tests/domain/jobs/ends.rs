//! How jobs end: after failures, by their users, with their server.

use super::{
    ALL, BackendError, ErrorCode, JobState, Script, TestHub, TurnStatus, caller, completion, counts, enqueue,
    find, log, pass, pass_with_clock, reply_of, server, settings, settle,
};
use crate::client::Client;
use crate::world::{END, conversation, log_lines, say, wait};
use parlor_domain::message::Message;
use parlor_domain::ports::JobCounts;
use std::time::Duration;

fn down() -> Vec<Script> {
    vec![Script::Fail(BackendError::Unreachable("down".into()))]
}

fn statuses(log: &[Message]) -> Vec<TurnStatus> {
    log.iter().filter_map(|message| Some(message.reply.as_ref()?.status)).collect()
}

/// Protects work from a provider that is down for a while: it is tried again until it is done; its message is said once.
#[tokio::test(start_paused = true)]
async fn a_provider_that_comes_back_does_the_job() {
    let server = server().await;
    let (ann, here) = (caller(&server, "ann").await, conversation(&server, &["ann"]).await);
    (0..2).for_each(|_| server.backend.play(down()));
    server.backend.play(Script::reply(&["at last"]));
    let id = enqueue(&server, &ann, completion(here, "hello")).await;
    settle().await;
    let waits = find(&server, &ann, id).await.job;
    assert_eq!((waits.state, waits.failure), (JobState::Waiting, Some(ErrorCode::AiUnavailable)));
    pass_with_clock(&server, 30).await;
    let found = find(&server, &ann, id).await;
    assert_eq!((found.job.state, found.job.attempts, found.job.failure), (JobState::Completed, 3, None));
    assert_eq!(reply_of(found).content, "at last");
    let log = log(&server.store, here).await;
    assert_eq!(statuses(&log), [TurnStatus::Failed, TurnStatus::Failed, TurnStatus::Complete]);
    assert_eq!(log.len(), 4, "the message is there once");
}

/// Protects the queue from what can never be done: after so many tries it is a dead letter, with the reason.
#[tokio::test(start_paused = true)]
async fn what_fails_too_often_is_a_dead_letter() {
    let server = server().await;
    let ann = caller(&server, "ann").await;
    let tab = Client::connect(&server, "ann").await;
    (0..9).for_each(|_| server.backend.play(down()));
    let id = enqueue(&server, &ann, completion(None, "hello")).await;
    pass_with_clock(&server, 120).await;
    let job = find(&server, &ann, id).await.job;
    assert_eq!((job.state, job.attempts, job.failure), (JobState::Failed, 5, Some(ErrorCode::AiUnavailable)));
    assert_eq!(server.backend.requests().len(), 5);
    assert_eq!(tab.seen().await.into_iter().filter(|line| line.starts_with("job failed")).count(), 1);
    let failed = server.hub.job_list(&ann, Some(JobState::Failed), ALL).await.unwrap();
    assert_eq!((failed.total, failed.items[0].id), (1, id));
    assert_eq!(counts(&server).await, JobCounts { failed: 1, ..JobCounts::default() });
}

/// Protects users who change their mind: a job that waits never runs, one that runs stops its turn and keeps what there is,
/// one that has ended stays as it is.
#[tokio::test(start_paused = true)]
async fn a_job_is_cancelled_at_any_time() {
    let mut settings = settings();
    settings.jobs.workers = 1;
    let server = TestHub::with(settings).await;
    let (ann, here) = (caller(&server, "ann").await, conversation(&server, &["ann"]).await);
    let tab = Client::connect(&server, "ann").await;
    server.backend.play(vec![say("so far"), Script::Hang]);
    let runs = enqueue(&server, &ann, completion(here, "first")).await;
    let waits = enqueue(&server, &ann, completion(here, "second")).await;
    settle().await;
    for _ in 0..2 {
        assert_eq!(server.hub.job_cancel(&ann, waits).await.unwrap().state, JobState::Cancelled);
    }
    assert_eq!(server.hub.job_cancel(&ann, runs).await.unwrap().state, JobState::Cancelled);
    settle().await;
    let log = log(&server.store, here).await;
    assert_eq!(log_lines(&server.store, here).await, ["1 first", "2 so far"]);
    assert_eq!(statuses(&log), [TurnStatus::Stopped]);
    let found = find(&server, &ann, runs).await;
    assert_eq!((found.job.state, found.answer), (JobState::Cancelled, None));
    let told = tab.seen().await.into_iter().filter(|line| line.starts_with("job cancelled")).count();
    assert_eq!(told, 2);

    // The runner is free again, and what has ended is not cancelled.
    let done = enqueue(&server, &ann, completion(here, "third")).await;
    settle().await;
    assert_eq!(server.hub.job_cancel(&ann, done).await.unwrap().state, JobState::Completed);
    assert_eq!(reply_of(find(&server, &ann, done).await).content, "third");
    assert_eq!(server.hub.figures().jobs_running, 0);
}

/// Protects a drain: what runs may finish, what waits is left to others, and the deadline holds.
#[tokio::test(start_paused = true)]
async fn a_drain_takes_nothing_new_and_gives_back_what_is_not_done() {
    let mut settings = settings();
    settings.jobs.workers = 2;
    let server = TestHub::with(settings).await;
    let ann = caller(&server, "ann").await;
    server.backend.play(vec![say("one"), wait(5), END]);
    server.backend.play(vec![say("one"), Script::Hang]);
    let mut ids = Vec::new();
    for text in ["finishes", "hangs", "waits"] {
        ids.push(enqueue(&server, &ann, completion(None, text)).await);
    }
    settle().await;
    server.hub.drain(Duration::from_secs(10)).await;
    server.hub.shutdown().await;
    let mut jobs = Vec::new();
    for id in ids {
        let job = find(&server, &ann, id).await.job;
        jobs.push((job.state, job.attempts));
    }
    let waits = (JobState::Waiting, 0);
    assert_eq!(jobs, [(JobState::Completed, 1), waits, waits]);
}

/// Protects readers of old jobs from an error: what came of it goes with its conversation, the job itself stays.
#[tokio::test(start_paused = true)]
async fn a_reply_goes_with_its_conversation() {
    let server = server().await;
    let ann = caller(&server, "ann").await;
    let id = enqueue(&server, &ann, completion(None, "hello")).await;
    settle().await;
    let reply = reply_of(find(&server, &ann, id).await);
    server.hub.conversation_delete(&ann, reply.conversation).await.unwrap();
    let found = find(&server, &ann, id).await;
    assert_eq!((found.job.state, found.answer), (JobState::Completed, None));
}

/// Protects the disk: jobs that ended are forgotten after their time, and no others.
#[tokio::test(start_paused = true)]
async fn old_jobs_are_forgotten() {
    let mut settings = settings();
    settings.jobs.kept = Some(Duration::from_secs(100));
    let server = TestHub::with(settings).await;
    let ann = caller(&server, "ann").await;
    enqueue(&server, &ann, completion(None, "hello")).await;
    pass_with_clock(&server, 60).await;
    assert_eq!(counts(&server).await.completed, 1);
    pass_with_clock(&server, 100).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(counts(&server).await, JobCounts::default());
}
