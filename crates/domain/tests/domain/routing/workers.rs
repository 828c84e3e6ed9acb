//! Workers: let in by a key, asked like any backend, and gone at any moment.

use super::{TestWorker, ask_for, hello, status, worker_server, worker_server_with};
use crate::client::{Client, entry, pass, settle, started};
use crate::world::{conversation, log, unlimited};
use parlor_domain::message::{Confidence, Usage};
use parlor_domain::ports::{About, Delta, Finish};
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, ErrorCode, WorkerAnswer, WorkerHello, WorkerOrder, WorkerReport};
use std::num::NonZeroU32;
use std::time::Duration;

/// The whole way of a reply: what the worker is told, what it says, and what is kept of that.
#[tokio::test(start_paused = true)]
async fn a_worker_answers() {
    let (server, mut ann, id) = worker_server().await;
    let mut worker = TestWorker::connect(&server, "w-1");
    ann.ask(id, "hello").await;
    let task = worker.task().await;
    let items = ann.take();
    let (question, turn) = (entry(&items[0]).unwrap().id, started(&items));
    let request = &task.request;
    assert_eq!((request.turn, request.in_reply_to, request.attempt), (turn, question, 1));
    assert_eq!((task.id, request.conversation), (question, id), "its own name is the question's");
    assert_eq!(request.user, ann.session.user());
    assert_eq!(worker.stream(task.id, "go"), None);
    assert_eq!(worker.stream(task.id, "od"), None);
    assert_eq!(ann.seen().await, ["delta 0 good"]);
    let usage = Usage { prompt_tokens: 7, completion_tokens: 2, estimated: false };
    let confidence = Confidence::new(0.95);
    let pieces = vec![
        Delta::Model("m-1".into()),
        Delta::Usage(usage),
        Delta::About(About { confidence, content_type: Some("markdown".into()) }),
        Delta::End(Finish::Stop),
    ];
    let done = WorkerReport::Done { id: task.id, content: "good day".into(), pieces };
    let received = WorkerAnswer::Received { id: task.id, turn: Some(turn) };
    assert_eq!(worker.link.handle(done), Some(received));
    assert_eq!(ann.seen().await, ["delta 4  day", "end 2 complete good day"]);
    let message = log(&server.store, id).await.remove(1);
    assert_eq!(message.content_type.as_deref(), Some("markdown"));
    let reply = message.reply.unwrap();
    assert_eq!((reply.model.as_deref(), reply.usage, reply.confidence), (Some("m-1"), usage, confidence));
    assert_eq!(reply.backend.as_deref(), Some("w-1"));
}

/// Protects the door: only a key lets a worker in, and with names that a log can hold.
#[tokio::test(start_paused = true)]
async fn only_a_key_lets_a_worker_in() {
    let (server, ..) = worker_server().await;
    let refused = |hello: WorkerHello| TestWorker::with(&server, hello).err().map(|refusal| refusal.code);
    let token = server.user("ann@example.org").await.to_string();
    for key in ["", "service-ke", "service-key ", &token] {
        let wrong = WorkerHello { service_key: key.into(), ..hello("w-1") };
        assert_eq!(refused(wrong), Some(ErrorCode::InvalidServiceKey), "{key:?}");
    }
    let invalid = Some(ErrorCode::InvalidRequest);
    assert_eq!(refused(hello("")), invalid);
    assert_eq!(refused(hello(&"n".repeat(129))), invalid);
    assert_eq!(refused(WorkerHello { models: vec![String::new()], ..hello("w-1") }), invalid);
    assert_eq!(server.hub.figures().workers, 0);
    assert!(!format!("{:?}", hello("w-1")).contains(TestHub::SERVICE_KEY), "no log shows a key");
    assert!(server.hub.authenticate(TestHub::SERVICE_KEY).await.is_err(), "a key gives no user's rights");
}

/// Protects who asks where no worker is there: the message is kept, and after the wait they know that nobody came.
#[tokio::test(start_paused = true)]
async fn a_turn_waits_for_a_worker_and_no_longer() {
    let (server, mut ann, id) = worker_server().await;
    ann.ask(id, "hello").await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start"]);
    assert_eq!(server.hub.figures().turns_waiting, 1);
    pass(Duration::from_millis(29_900)).await;
    assert!(ann.lines().is_empty());
    pass(Duration::from_millis(200)).await;
    assert_eq!(ann.lines(), ["end 2 failed (AI_CANISTER_UNAVAILABLE)"]);
    assert_eq!(log(&server.store, id).await[0].content, "hello");
    assert_eq!(server.hub.figures().turns_waiting, 0);
    // The next one gets a worker that comes in time.
    ann.ask(id, "again").await;
    pass(Duration::from_secs(29)).await;
    let mut worker = TestWorker::connect(&server, "w-1");
    let task = worker.task().await;
    worker.answer(task.id, "here");
    assert_eq!(ann.seen().await.last().unwrap(), "end 4 complete here");
}

/// Protects replies from a worker that dies: another one makes those of which nothing was seen, and what was seen is
/// kept.
#[tokio::test(start_paused = true)]
async fn a_dead_workers_turns_go_on_elsewhere_until_they_have_begun() {
    let (server, mut ann, id) = worker_server().await;
    let mut first = TestWorker::connect(&server, "w-1");
    ann.ask(id, "begun").await;
    let begun = first.task().await;
    first.stream(begun.id, "so f");
    first.stream(begun.id, "ar");
    settle().await;
    ann.ask(id, "not begun").await;
    first.task().await;
    ann.take();
    drop(first);
    assert_eq!(ann.seen().await, ["end 3 interrupted so far"]);
    let mut second = TestWorker::connect(&server, "w-2");
    let task = second.task().await;
    assert_eq!(task.request.attempt, 2);
    assert_eq!(second.answer(begun.id, "late"), Some(WorkerAnswer::Received { id: begun.id, turn: None }));
    second.answer(task.id, "yes");
    assert_eq!(ann.seen().await, ["delta 0 yes", "end 4 complete yes"]);
    let turns: Vec<_> = log(&server.store, id).await.into_iter().filter(|it| it.reply.is_some()).collect();
    assert_eq!(turns.len(), 2, "each turn ended once");
}

/// Protects who waits from a worker that hangs: after the limit another one is asked, and the first one's late answer
/// counts for nothing.
#[tokio::test(start_paused = true)]
async fn a_silent_workers_turn_goes_to_another() {
    let (server, mut ann, id) = worker_server().await;
    let (mut silent, mut other) = (TestWorker::connect(&server, "w-1"), TestWorker::connect(&server, "w-2"));
    ann.ask(id, "hello").await;
    let task = silent.task().await;
    pass(Duration::from_secs(59)).await;
    assert!(other.tasks().await.is_empty());
    pass(Duration::from_secs(2)).await;
    assert_eq!(silent.orders(), [WorkerOrder::Cancel(task.id)]);
    let second = other.task().await;
    assert_eq!(silent.stream(task.id, "late"), None);
    assert_eq!(silent.answer(task.id, "late"), Some(WorkerAnswer::Received { id: task.id, turn: None }));
    other.answer(second.id, "in time");
    assert_eq!(ann.seen().await[2..], ["delta 0 in time", "end 2 complete in time"]);
}

/// Protects the log from a reply that comes twice, and tells a worker of replies that nobody asked for.
#[tokio::test(start_paused = true)]
async fn an_answer_counts_once() {
    let (server, mut ann, id) = worker_server().await;
    let mut worker = TestWorker::connect(&server, "w-1");
    ann.ask(id, "hello").await;
    let task = worker.task().await;
    let received = |turn| Some(WorkerAnswer::Received { id: task.id, turn });
    assert_eq!(worker.answer(task.id, "one"), received(Some(task.request.turn)));
    assert_eq!(worker.answer(task.id, "two"), received(None));
    assert_eq!(worker.fail(task.id, status(500)), received(None));
    assert_eq!(worker.stream(task.id, "three"), None);
    assert_eq!(ann.seen().await[2..], ["delta 0 one", "end 2 complete one"]);
    let never = parlor_domain::MessageId::new();
    for answer in [worker.answer(never, "x"), worker.stream(never, "x"), worker.fail(never, status(500))] {
        let Some(WorkerAnswer::Refused { id, refusal }) = answer else { panic!("{answer:?}") };
        assert_eq!((id, refusal.code), (Some(never), ErrorCode::MessageNotFound));
    }
}

/// Protects a second try of one question from the first one's late answer: the worker knows it by another name.
#[tokio::test(start_paused = true)]
async fn a_stopped_reply_is_cancelled_and_not_mistaken_for_the_next() {
    let (server, mut ann, id) = worker_server().await;
    let mut worker = TestWorker::connect(&server, "w-1");
    ann.ask(id, "hello").await;
    let first = worker.task().await;
    let question = entry(&ann.take()[0]).unwrap().id;
    worker.stream(first.id, "wro");
    settle().await;
    ann.stop(id, None).await;
    assert_eq!(ann.seen().await, ["delta 0 wro", "end 2 stopped wro", "stopped stopped"]);
    assert_eq!(worker.orders(), [WorkerOrder::Cancel(first.id)]);
    ann.follow(id, question).await;
    let second = worker.task().await;
    assert_ne!(second.id, first.id);
    assert_eq!(second.request.in_reply_to, question);
    worker.stream(first.id, "ng");
    worker.answer(first.id, "wrong");
    worker.answer(second.id, "right");
    assert_eq!(ann.seen().await[1..], ["delta 0 right", "end 3 complete right"]);
}

/// Protects the balance: the worker with the least to do for its capacity is asked, none beyond what it wants, and
/// none that is on its way out.
#[tokio::test(start_paused = true)]
async fn work_goes_where_there_is_room() {
    let (server, ..) = worker_server().await;
    let capacity = |capacity| WorkerHello { capacity: NonZeroU32::new(capacity), ..hello("w") };
    let (mut large, mut small) =
        (TestWorker::with(&server, capacity(3)).unwrap(), TestWorker::with(&server, capacity(1)).unwrap());
    let mut held = Vec::new();
    for number in 0..6 {
        let id = conversation(&server, &[&format!("user-{number}")]).await;
        let mut user = Client::join(&server, &format!("user-{number}"), id).await;
        user.ask(id, "hello").await;
        held.push(user);
    }
    let (at_large, at_small) = (large.tasks().await, small.tasks().await);
    assert_eq!((at_large.len(), at_small.len()), (3, 1));
    assert_eq!(server.hub.figures().turns_waiting, 2);
    // A place that is free is taken at once, but not at one that is leaving.
    small.status(false, None, None);
    small.answer(at_small[0].id, "done");
    assert!(small.tasks().await.is_empty());
    large.answer(at_large[0].id, "done");
    assert_eq!(large.tasks().await.len(), 1);
    // It says that it can do more, and then that it does again.
    large.status(true, None, Some(4));
    assert_eq!(large.tasks().await.len(), 1);
    small.status(true, None, None);
    let id = conversation(&server, &["last"]).await;
    let mut last = Client::join(&server, "last", id).await;
    last.ask(id, "hello").await;
    assert_eq!(small.tasks().await.len(), 1);
    drop(held);
}

/// Protects a worker that also works for others: what it says of its queue counts.
#[tokio::test(start_paused = true)]
async fn what_a_worker_does_for_others_counts() {
    let (server, mut ann, id) = worker_server().await;
    let (mut busy, mut idle) = (TestWorker::connect(&server, "w-1"), TestWorker::connect(&server, "w-2"));
    busy.status(true, Some(5), None);
    for _ in 0..3 {
        ann.ask(id, "hello").await;
        let task = idle.task().await;
        idle.answer(task.id, "done");
        settle().await;
    }
    assert!(busy.tasks().await.is_empty());
}

/// Protects the choice of models: a worker is asked for those that it named, a name that nobody ever served is refused
/// at once, and one whose worker is away is waited for.
#[tokio::test(start_paused = true)]
async fn a_worker_serves_its_models() {
    let (server, mut ann, id) = worker_server().await;
    let serving = |names: &[&str]| {
        let models = names.iter().map(|name| (*name).to_owned()).collect();
        TestWorker::with(&server, WorkerHello { models, ..hello("w") }).unwrap()
    };
    let (mut claude, mut llama) = (serving(&["claude-*"]), serving(&["llama", "qwen"]));
    ann.act(ask_for(id, "claude-haiku")).await;
    let task = claude.task().await;
    claude.answer(task.id, "c");
    assert_eq!(log_models(&server, id).await, [Some("claude-haiku".to_owned())]);
    ann.act(ask_for(id, "qwen")).await;
    let task = llama.task().await;
    llama.answer(task.id, "q");
    settle().await;
    ann.take();
    ann.act(ask_for(id, "gpt")).await;
    assert_eq!(ann.seen().await.last().unwrap(), "end 6 failed (MODEL_NOT_FOUND)");
    let names: Vec<_> = server.hub.models().into_iter().map(|entry| entry.model).collect();
    assert_eq!(names, ["llama", "qwen"]);
    drop(llama);
    ann.act(ask_for(id, "llama")).await;
    assert_eq!(ann.seen().await, ["sent 7 hello", "start"], "it was here: it may come back");
    let mut back = serving(&["llama"]);
    let task = back.task().await;
    back.answer(task.id, "l");
    assert_eq!(ann.seen().await.last().unwrap(), "end 8 complete l");
}

async fn log_models(server: &TestHub, id: parlor_domain::ConversationId) -> Vec<Option<String>> {
    settle().await;
    log(&server.store, id).await.into_iter().filter_map(|it| it.reply).map(|reply| reply.model).collect()
}

/// Protects turns from a worker whose socket takes nothing: beyond what may wait for it, others are asked.
#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_read_is_not_waited_for() {
    let mut settings = unlimited();
    (settings.turns.worker_turns, settings.turns.live) = (10_000, 10_000);
    let (server, mut ann, id) = worker_server_with(settings).await;
    let deaf = TestWorker::connect(&server, "deaf");
    for number in 0..256 {
        ann.ask(id, &format!("{number}")).await;
    }
    settle().await;
    let mut other = TestWorker::connect(&server, "other");
    deaf.status(true, None, Some(10_000)); // the more hopeful of the two
    ann.ask(id, "one more").await;
    let task = other.task().await;
    assert_eq!(task.request.attempt, 2);
}

/// Protects a stop that comes while nobody is there: what waits for a worker is given up, and none gets it later.
#[tokio::test(start_paused = true)]
async fn a_turn_that_waits_can_be_stopped() {
    let (server, mut ann, id) = worker_server().await;
    ann.ask(id, "hello").await;
    settle().await;
    ann.act(Action::Stop { place: id.into(), turn: None }).await;
    assert_eq!(ann.seen().await[2..], ["end 2 stopped ", "stopped stopped"]);
    assert_eq!(server.hub.figures().turns_waiting, 0);
    let mut worker = TestWorker::connect(&server, "w-1");
    assert!(worker.tasks().await.is_empty());
}
