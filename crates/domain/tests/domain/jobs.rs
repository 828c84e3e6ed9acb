//! Work in the background: done once, whatever happens meanwhile.

mod deaths;
mod ends;
mod nodes;

use crate::client::{Client, pass, pass_with_clock, settle};
use crate::world::{conversation, log, log_lines, unlimited};
use parlor_domain::message::{Message, TurnStatus};
use parlor_domain::ports::{
    AuditFilter, AuditStore, BackendError, CompletionWork, EmbeddingsWork, JobCounts, JobState, JobStore,
    JobWork, Page, Role, Store,
};
use parlor_domain::testing::{MemoryStore, Script, TestHub, WriteFault};
use parlor_domain::{
    Caller, ConversationId, EmbeddingDraft, ErrorCode, JobAnswer, JobDraft, JobFound, JobId, Refusal,
    Settings,
};
use std::sync::Arc;
use std::time::Duration;

const ALL: Page = Page { offset: 0, limit: 100 };

/// Settings under which a job that fails is tried again at once, as far as turns go.
fn settings() -> Settings {
    let mut settings = unlimited();
    settings.turns.retries.rounds = 1;
    settings.turns.breaker.minimum = u32::MAX;
    settings
}

async fn server() -> TestHub {
    TestHub::with(settings()).await
}

async fn caller(server: &TestHub, name: &str) -> Caller {
    let token = server.user(&format!("{name}@example.org")).await.to_string();
    server.hub.authenticate(&token).await.unwrap()
}

fn completion(place: impl Into<Option<ConversationId>>, message: &str) -> JobDraft {
    let work = CompletionWork {
        message: message.to_owned(),
        conversation: place.into(),
        model: None,
        max_tokens: None,
        temperature: None,
    };
    JobDraft { work: JobWork::Completion(work), client_id: None }
}

async fn enqueue(server: &TestHub, caller: &Caller, draft: JobDraft) -> JobId {
    server.hub.job_enqueue(caller, draft).await.unwrap().job.id
}

async fn find(server: &TestHub, caller: &Caller, id: JobId) -> JobFound {
    server.hub.job_get(caller, id).await.unwrap()
}

fn reply_of(found: JobFound) -> Arc<Message> {
    match found.answer {
        Some(JobAnswer::Completion(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

/// Protects the whole of it: the message is its user's, in the log and told like any other; the answer is the job's, and
/// their connections hear of its end.
#[tokio::test(start_paused = true)]
async fn a_completion_is_done_in_the_background() {
    let server = server().await;
    let here = conversation(&server, &["ann"]).await;
    let (ann, eve) = (caller(&server, "ann").await, caller(&server, "eve").await);
    let mut joined = Client::join(&server, "ann", here).await;
    let (elsewhere, other) = (Client::connect(&server, "ann").await, Client::connect(&server, "eve").await);
    server.backend.play(Script::reply(&["it", " is"]));
    let id = enqueue(&server, &ann, completion(here, "What is it?")).await;
    settle().await;
    let found = find(&server, &ann, id).await;
    assert_eq!((found.job.state, found.job.progress, found.job.attempts), (JobState::Completed, 100, 1));
    let reply = reply_of(found);
    assert_eq!((&*reply.content, reply.conversation), ("it is", here));
    assert_eq!(log_lines(&server.store, here).await, ["1 What is it?", "2 it is"]);
    let lines = joined.seen().await;
    assert_eq!(lines.first().unwrap(), "message 1 What is it?");
    assert_eq!(lines.last().unwrap(), "job completed 100");
    assert_eq!(elsewhere.seen().await.last().unwrap(), "job completed 100");
    assert_eq!(other.seen().await, Vec::<String>::new());
    // It is a message as any other: what follows it knows of it.
    server.backend.play(Script::reply(&["yes"]));
    joined.ask(here, "Really?").await;
    settle().await;
    assert_eq!(server.backend.requests()[1].context.len(), 3);
    assert_eq!(server.hub.job_get(&eve, id).await.unwrap_err().code, ErrorCode::JobNotFound);
    assert_eq!(server.hub.job_cancel(&eve, id).await.unwrap_err().code, ErrorCode::JobNotFound);
}

/// Protects who wants vectors: a job makes what the synchronous way would have made, counts among embeddings and not among
/// chats, and is refused at once where it never can be done.
#[tokio::test(start_paused = true)]
async fn a_text_becomes_a_vector_in_the_background() {
    let mut settings = settings();
    settings.limits.embeddings = parlor_domain::Quota::new(3, Duration::from_secs(60));
    settings.limits.ai_chats = parlor_domain::Quota::new(1, Duration::from_secs(60));
    let server = TestHub::with(settings).await;
    let ann = caller(&server, "ann").await;
    let draft = |text: &str, model: Option<&str>| JobDraft {
        work: JobWork::Embeddings(EmbeddingsWork { text: text.to_owned(), model: model.map(Into::into) }),
        client_id: None,
    };
    let id = enqueue(&server, &ann, draft("a small text", None)).await;
    settle().await;
    let Some(JobAnswer::Embeddings { vector, model, tokens }) = find(&server, &ann, id).await.answer else {
        panic!("no vector");
    };
    let wanted = EmbeddingDraft { text: "a small text".to_owned(), model: None };
    let embedded = server.hub.embed(&ann, wanted).await.unwrap();
    assert_eq!((&*vector, &*model, tokens), (&*embedded.vectors[0], &*embedded.model, embedded.tokens));
    let refused = async |draft| server.hub.job_enqueue(&ann, draft).await.unwrap_err().code;
    assert_eq!(refused(draft("x", Some("no such model"))).await, ErrorCode::ModelNotFound);
    assert_eq!(refused(draft("x", None)).await, ErrorCode::RateLimit, "three were counted");
    enqueue(&server, &ann, completion(None, "a chat is none of them")).await;
}

/// Protects what is asked: the rules of a message hold when a job is taken in, and nothing is kept of what they refuse.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_said_is_no_job() {
    let server = server().await;
    let theirs = conversation(&server, &["bob"]).await;
    let ann = caller(&server, "ann").await;
    let with = |change: fn(&mut CompletionWork)| {
        let JobDraft { mut work, client_id } = completion(None, "hello");
        let JobWork::Completion(completion) = &mut work else { panic!() };
        change(completion);
        JobDraft { work, client_id }
    };
    let named = |name: &str| JobDraft { client_id: Some(name.to_owned()), ..completion(None, "hello") };
    for (draft, code) in [
        (completion(None, ""), ErrorCode::InvalidMessageContent),
        (completion(None, "a\0b"), ErrorCode::InvalidMessageContent),
        (completion(None, &"x".repeat(64 * 1024 + 1)), ErrorCode::MessageTooLong),
        (completion(theirs, "hello"), ErrorCode::ConversationNotFound),
        (completion(ConversationId::new(), "hello"), ErrorCode::ConversationNotFound),
        (with(|work| work.temperature = Some(2.1)), ErrorCode::InvalidRequest),
        (with(|work| work.max_tokens = Some(0)), ErrorCode::InvalidRequest),
        (with(|work| work.model = Some("m".repeat(129))), ErrorCode::InvalidRequest),
        (named(""), ErrorCode::InvalidRequest),
        (named(&"n".repeat(129)), ErrorCode::InvalidRequest),
        (named("a\nb"), ErrorCode::InvalidRequest),
    ] {
        let refusal = server.hub.job_enqueue(&ann, draft.clone()).await.unwrap_err();
        assert_eq!(refusal.code, code, "{draft:?}");
    }
    assert_eq!(server.hub.job_list(&ann, None, ALL).await.unwrap().total, 0);
}

/// Protects the limits: a job counts as one chat when it is taken in, and only so many wait.
#[tokio::test(start_paused = true)]
async fn jobs_count_when_they_are_taken_in() {
    let mut settings = settings();
    (settings.jobs.workers, settings.jobs.queued) = (0, Some(2));
    settings.limits.ai_chats = parlor_domain::Quota::new(4, Duration::from_secs(60));
    let server = TestHub::with(settings).await;
    let (ann, bob) = (caller(&server, "ann").await, caller(&server, "bob").await);
    let mut refused = Vec::new();
    for _ in 0..5 {
        let Err(Refusal { code, retry_after, .. }) =
            server.hub.job_enqueue(&ann, completion(None, "x")).await
        else {
            continue;
        };
        assert!(retry_after.is_some_and(|seconds| seconds > 0));
        refused.push(code);
    }
    assert_eq!(refused, [ErrorCode::RateLimit, ErrorCode::RateLimit, ErrorCode::ChatRateLimitExceeded]);
    enqueue(&server, &bob, completion(None, "x")).await;
}

/// Protects who sends again: one job, one message, one answer; and another work under the same name is not mistaken for it.
#[tokio::test(start_paused = true)]
async fn the_same_job_sent_again_is_the_first() {
    let server = server().await;
    let ann = caller(&server, "ann").await;
    let draft = JobDraft { client_id: Some("one".into()), ..completion(None, "hello") };
    let first = server.hub.job_enqueue(&ann, draft.clone()).await.unwrap();
    assert!(!first.duplicate);
    for _ in 0..2 {
        let again = server.hub.job_enqueue(&ann, draft.clone()).await.unwrap();
        assert_eq!((again.job.id, again.duplicate), (first.job.id, true));
        settle().await;
    }
    let other = JobDraft { client_id: Some("one".into()), ..completion(None, "good bye") };
    assert_eq!(server.hub.job_enqueue(&ann, other).await.unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(server.backend.requests().len(), 1);
    let totals = server.store.totals().await.unwrap();
    assert_eq!((totals.conversations, totals.messages), (1, 2));
}

/// Protects users from each other: one who has sent a thousand jobs does not keep the one of another waiting.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_all_of_anothers_jobs() {
    let mut settings = settings();
    settings.jobs.workers = 1;
    let server = TestHub::with(settings).await;
    let (ann, bob) = (caller(&server, "ann").await, caller(&server, "bob").await);
    for number in 0..10 {
        let script = [vec![crate::world::wait(1)], Script::reply(&["x"])].concat();
        server.backend.play(script);
        enqueue(&server, &ann, completion(None, &format!("ann {number}"))).await;
    }
    enqueue(&server, &bob, completion(None, "bob")).await;
    pass_with_clock(&server, 12).await;
    let asked: Vec<_> = server.backend.requests().iter().map(|it| it.context[0].content.clone()).collect();
    assert_eq!(asked[..3], ["ann 0", "bob", "ann 1"]);
    assert_eq!(asked.len(), 11);
}

/// Protects who follows a long reply: how far it is is told once a second at most, and never goes back.
#[tokio::test(start_paused = true)]
async fn progress_is_told_and_kept() {
    let server = server().await;
    let ann = caller(&server, "ann").await;
    let tab = Client::connect(&server, "ann").await;
    let mut script = Vec::new();
    for _ in 0..40 {
        script.extend([crate::world::say(&"x".repeat(100)), Script::Wait(Duration::from_millis(250))]);
    }
    server.backend.play([script, vec![crate::world::END]].concat());
    let id = enqueue(&server, &ann, completion(None, "go on")).await;
    pass_with_clock(&server, 5).await;
    let half = find(&server, &ann, id).await.job;
    assert_eq!(half.state, JobState::Active);
    assert!((11..99).contains(&half.progress), "{}", half.progress);
    pass_with_clock(&server, 6).await;
    let told: Vec<_> = tab.seen().await.into_iter().filter(|line| line.starts_with("job")).collect();
    assert_eq!(told.last().unwrap(), "job completed 100");
    let steps: Vec<u8> =
        told.iter().filter_map(|line| line.strip_prefix("job active ")?.parse().ok()).collect();
    assert!((5..13).contains(&steps.len()) && steps.is_sorted(), "{steps:?}");
}

/// Protects the books: what a job's reply uses is its user's, and a budget holds for it.
#[tokio::test(start_paused = true)]
async fn a_job_uses_its_users_budget() {
    let mut settings = settings();
    settings.turns.budgets.user = Some(100);
    settings.turns.max_tokens = Some(60);
    let server = TestHub::with(settings).await;
    let ann = caller(&server, "ann").await;
    let mut states = Vec::new();
    for _ in 0..8 {
        let id = enqueue(&server, &ann, completion(None, "hello")).await;
        settle().await;
        let job = find(&server, &ann, id).await.job;
        states.push((job.state, job.failure));
    }
    let spent = (JobState::Failed, Some(ErrorCode::TokenBudgetExceeded));
    assert_eq!((states[0], *states.last().unwrap()), ((JobState::Completed, None), spent));
    let balance = server.store.usage_balance(&parlor_domain::ports::Account::User(ann.identity.user)).await;
    let balance = balance.unwrap();
    assert!(balance.used <= 100 && balance.reserved == 0, "{balance:?}");
}

/// Protects admins' eyes from everybody else: only they read which jobs failed, and it is written down that they did.
#[tokio::test(start_paused = true)]
async fn admins_read_the_dead_letters() {
    let mut settings = settings();
    settings.jobs.retries.rounds = 1;
    let server = TestHub::with(settings).await;
    let (ann, mut root) = (caller(&server, "ann").await, caller(&server, "root").await);
    server.backend.play(vec![Script::Fail(BackendError::Unreachable("down".into()))]);
    let id = enqueue(&server, &ann, completion(None, "hello")).await;
    settle().await;
    assert_eq!(server.hub.jobs_overview(&ann, ALL).await.unwrap_err().code, ErrorCode::Forbidden);
    root.identity.role = Role::Admin;
    let overview = server.hub.jobs_overview(&root, ALL).await.unwrap();
    assert_eq!(overview.counts, JobCounts { failed: 1, ..JobCounts::default() });
    let failed: Vec<_> = overview.failed.items.iter().map(|job| (job.id, job.user, job.failure)).collect();
    assert_eq!(failed, [(id, ann.identity.user, Some(ErrorCode::AiUnavailable))]);
    let audited = server.store.audit_list(AuditFilter::default(), None, 9).await.unwrap();
    let audited: Vec<_> = audited.into_iter().map(|it| (it.action, it.outcome)).collect();
    let expected = [("jobs_read", "done"), ("jobs_read", "FORBIDDEN")];
    assert_eq!(audited, expected.map(|(action, outcome)| (action.to_owned(), outcome.to_owned())));
}

/// How many jobs there are in each state.
async fn counts(server: &TestHub) -> JobCounts {
    server.store.job_counts().await.unwrap()
}
