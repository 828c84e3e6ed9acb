//! Replies to a context of the client's own: the same backends, no log.

use super::{TestWorker, books, fail, hello as hello_of, provider_server, worker_server};
use crate::client::{pass, settle};
use crate::world::{END, say, unlimited};
use parlor_domain::message::TurnStatus;
use parlor_domain::ports::{AttemptOutcome, ContextMessage, Delta, Speaker};
use parlor_domain::testing::{Script, TestHub};
use parlor_domain::{
    Caller, CompletionDraft, CompletionEnd, CompletionPiece, CompletionStream, ErrorCode, WorkerHello,
    WorkerOrder,
};
use std::time::Duration;

async fn caller(server: &TestHub) -> Caller {
    let token = server.user("ann@example.org").await.to_string();
    server.hub.authenticate(&token).await.unwrap()
}

fn hello() -> CompletionDraft {
    let context = vec![ContextMessage::new(Speaker::User, "hello")];
    CompletionDraft { context, ..CompletionDraft::default() }
}

async fn whole(mut stream: CompletionStream) -> (String, CompletionEnd) {
    let mut text = String::new();
    loop {
        match stream.next().await.expect("a stream has an end") {
            CompletionPiece::Content(piece) => text.push_str(&piece),
            CompletionPiece::Reasoning(_) | CompletionPiece::ToolCall(_) => {}
            CompletionPiece::End(end) => {
                assert!(stream.next().await.is_none(), "nothing follows the end");
                return (text, *end);
            }
        }
    }
}

/// The way of a completion: a provider that fails is not noticed, and the books have both attempts.
#[tokio::test(start_paused = true)]
async fn a_completion_goes_the_way_of_every_reply() {
    let (server, ..) = provider_server(unlimited()).await;
    let caller = caller(&server).await;
    server.backend.play(vec![fail(500)]);
    server.backend.play(vec![say("go"), say("od"), END]);
    let stream = server.hub.complete(&caller, hello()).unwrap();
    let turn = stream.id();
    let (text, end) = whole(stream).await;
    assert_eq!((text.as_str(), end.status, end.refusal), ("good", TurnStatus::Complete, None));
    let records = books(&server, turn).await;
    assert_eq!(
        records.iter().map(|it| it.outcome).collect::<Vec<_>>(),
        [AttemptOutcome::Refused, AttemptOutcome::Complete]
    );
    assert!(records.iter().all(|it| it.conversation.is_none() && it.user == caller.identity.user));
}

/// Protects workers from work for nobody: who drops a completion ends it.
#[tokio::test(start_paused = true)]
async fn a_completion_that_nobody_reads_ends() {
    let (server, ..) = worker_server().await;
    let mut worker = TestWorker::connect(&server, "w-1");
    let stream = server.hub.complete(&caller(&server).await, hello()).unwrap();
    let turn = stream.id();
    let task = worker.task().await;
    worker.stream(task.id, "so f");
    settle().await;
    drop(stream);
    settle().await;
    assert_eq!(worker.orders(), [WorkerOrder::Cancel(task.id)]);
    assert_eq!(server.hub.figures().turns, 0);
    let records = books(&server, turn).await;
    assert_eq!(records[0].outcome, AttemptOutcome::Stopped);
    assert!(records[0].usage.estimated && records[0].usage.completion_tokens > 0);
}

/// Protects the server: what cannot be answered is refused at once, by its code.
#[tokio::test(start_paused = true)]
async fn a_completion_that_cannot_be_is_refused() {
    let mut settings = unlimited();
    settings.limits.completions = parlor_domain::Quota::new(6, Duration::from_secs(60));
    settings.turns.context_tokens = 100;
    let (server, ..) = provider_server(settings).await;
    let caller = caller(&server).await;
    let refused = |draft| server.hub.complete(&caller, draft).err().map(|refusal| refusal.code);
    let piece = |text: &str| vec![ContextMessage::new(Speaker::User, text)];
    assert_eq!(refused(CompletionDraft::default()), Some(ErrorCode::InvalidRequest));
    let long = CompletionDraft { context: piece(&"x".repeat(300)), ..hello() };
    assert_eq!(refused(long), Some(ErrorCode::ContextTooLong));
    let extra = Some(format!("{{\"tools\":\"{}\"}}", "x".repeat(300)).into());
    assert_eq!(refused(CompletionDraft { extra, ..hello() }), Some(ErrorCode::ContextTooLong));
    assert_eq!(
        refused(CompletionDraft { temperature: Some(3.0), ..hello() }),
        Some(ErrorCode::InvalidRequest)
    );
    assert_eq!(refused(CompletionDraft { max_tokens: Some(0), ..hello() }), Some(ErrorCode::InvalidRequest));
    assert_eq!(refused(hello()), None);
    assert_eq!(refused(hello()), Some(ErrorCode::RateLimit));
    let draining = server.hub.clone();
    tokio::spawn(async move { draining.drain(Duration::from_secs(5)).await });
    settle().await;
    assert!(matches!(refused(hello()), Some(ErrorCode::AiUnavailable | ErrorCode::RateLimit)));
}

/// Protects a drain: a completion that is under way may end, and one that does not is interrupted.
#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_completions() {
    let (server, ..) = provider_server(unlimited()).await;
    let caller = caller(&server).await;
    server.backend.play(vec![say("a"), Script::Wait(Duration::from_secs(3)), say("b"), END]);
    server.backend.play(vec![say("c"), Script::Hang]);
    let (short, long) =
        (server.hub.complete(&caller, hello()).unwrap(), server.hub.complete(&caller, hello()).unwrap());
    settle().await;
    let hub = server.hub.clone();
    tokio::spawn(async move { hub.drain(Duration::from_secs(5)).await });
    pass(Duration::from_secs(7)).await;
    let ends = [whole(short).await, whole(long).await].map(|(text, end)| (text, end.status));
    assert_eq!(ends, [("ab".into(), TurnStatus::Complete), ("c".into(), TurnStatus::Interrupted)]);
}

/// Protects everybody from a reader that stalls: its reply is made to the end and waits for it alone, and the place at
/// the backend is free for others.
#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_holds_no_place() {
    let (server, mut ann, id) = worker_server().await;
    let capacity = std::num::NonZeroU32::new(1);
    let mut worker = TestWorker::with(&server, WorkerHello { capacity, ..hello_of("w-1") }).unwrap();
    let stalled = server.hub.complete(&caller(&server).await, hello()).unwrap();
    let task = worker.task().await;
    for number in 0..1_000 {
        let pieces = if number % 2 == 0 { Delta::Content("x".into()) } else { Delta::Reasoning("y".into()) };
        worker.pieces(task.id, vec![pieces]);
        settle().await;
    }
    worker.answer(task.id, "");
    ann.ask(id, "me too").await;
    let task = worker.task().await;
    worker.answer(task.id, "at once");
    assert_eq!(ann.seen().await.last().unwrap(), "end 2 complete at once");
    assert_eq!(server.hub.figures().turns, 0);
    let (text, end) = whole(stalled).await;
    assert_eq!((text, end.status), ("x".repeat(500), TurnStatus::Complete));
}
