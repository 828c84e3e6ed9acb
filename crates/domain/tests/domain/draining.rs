//! The end of a server: turns finish or are interrupted, nothing begins, and every task joins.

use crate::client::{Client, pass, settle};
use crate::world::{END, conversation, log, log_lines, say, server, unlimited, wait};
use futures_util::FutureExt;
use parlor_domain::Action;
use parlor_domain::message::TurnStatus;
use parlor_domain::testing::{MemoryStore, Script, TestHub, WriteFault};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(30);

/// Protects a reply that is nearly done: the drain waits for it, and no longer than that.
#[tokio::test(start_paused = true)]
async fn turns_finish_within_the_deadline() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![say("one "), wait(5), say("two"), END]);
    ann.ask(id, "hello").await;
    settle().await;
    let begin = Instant::now();
    assert!(!server.hub.is_draining());
    server.hub.drain(SOON).await;
    assert!(server.hub.is_draining());
    assert!((4..7).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    assert_eq!(ann.seen().await.last().unwrap(), "end 2 complete one two");
    server.hub.closing().now_or_never().expect("sockets are to close");
}

/// Protects the deadline: what is not done by then is interrupted, the turns that wait for their place too, with what
/// was produced kept.
#[tokio::test(start_paused = true)]
async fn turns_are_interrupted_when_the_deadline_is_over() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    (0..4).for_each(|_| server.backend.play(vec![say("so far"), Script::Hang]));
    for number in 0..6 {
        ann.ask(id, &number.to_string()).await;
    }
    settle().await;
    let begin = Instant::now();
    let drain = server.hub.drain(SOON);
    let early = async {
        pass(Duration::from_secs(29)).await;
        assert!(server.hub.closing().now_or_never().is_none(), "sockets stay until the turns have ended");
    };
    tokio::join!(drain, early);
    assert!((30..32).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    let log = log(&server.store, id).await;
    let ended: Vec<_> =
        log.iter().filter_map(|message| Some((message.reply.as_ref()?.status, &*message.content))).collect();
    assert_eq!(ended.len(), 6);
    assert!(ended.iter().all(|(status, _)| *status == TurnStatus::Interrupted));
    assert_eq!(ended.iter().filter(|(_, text)| *text == "so far").count(), 4);
    assert_eq!(server.hub.figures().turns, 0);
    let ends = ann.seen().await.into_iter().filter(|line| line.starts_with("end")).count();
    assert_eq!(ends, 6, "their followers see it");
}

/// Protects what needs no AI while a server drains; and tells who asks it to come again.
#[tokio::test(start_paused = true)]
async fn no_turn_begins_while_draining() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    ann.ask(id, "before").await;
    settle().await;
    let question = ann.entries()[0].id;
    server.hub.drain(SOON).await;
    ann.ask(id, "hello").await;
    ann.follow(id, question).await;
    assert_eq!(ann.seen().await, ["refused AI_UNAVAILABLE for 1 s"; 2]);
    ann.note(id, "still here").await;
    ann.act(Action::History { place: id.into(), before: None, limit: 10 }).await;
    let mut back = Client::connect(&server, "ann").await;
    back.resume(id, 2).await;
    let mut seen = ann.seen().await;
    seen.sort();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1], "sent 3 still here");
    assert!(back.seen().await.last().unwrap().starts_with("resumed 2"));
    assert_eq!(server.backend.requests().len(), 1);
}

/// Protects the process's end: every task joins, with connections still open and without a drain before.
#[tokio::test(start_paused = true)]
async fn shutdown_joins_every_task() {
    let server = server().await;
    let mut clients = Vec::new();
    let mut ids = Vec::new();
    for number in 0..10 {
        let id = conversation(&server, &["ann"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        if number % 2 == 0 {
            server.backend.play(vec![say("so far"), Script::Hang]);
            ann.ask(id, "hello").await;
        }
        clients.push(ann);
        ids.push(id);
    }
    settle().await;
    assert_eq!(server.hub.figures().conversations, 10);
    timeout(SOON, server.hub.shutdown()).await.expect("all tasks join");
    let figures = server.hub.figures();
    assert_eq!((figures.conversations, figures.turns), (0, 0));
    let ended = log(&server.store, ids[0]).await.pop().unwrap();
    assert_eq!((ended.content.as_str(), ended.reply.unwrap().status), ("so far", TurnStatus::Interrupted));
    drop(clients);
}

/// Protects the process's end from a store that is down: it does not wait for it for ever, and the next start ends
/// what could not be written.
#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_a_store_that_is_down() {
    let store = Arc::new(MemoryStore::new());
    let server = TestHub::on(Arc::clone(&store), unlimited()).await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![say("so far"), Script::Hang]);
    ann.ask(id, "hello").await;
    pass(Duration::from_millis(2_500)).await;
    store.fail_next_writes(1_000, WriteFault::BeforeCommit);
    server.hub.drain(Duration::from_secs(5)).await;
    timeout(SOON, server.hub.shutdown()).await.expect("all tasks join");
    assert_eq!(log_lines(&store, id).await, ["1 hello"]);
}

/// Protects messages that are on their way to disk when the server ends: they are written and answered.
#[tokio::test(start_paused = true)]
async fn shutdown_lets_writes_finish() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.store.hold_writes();
    ann.note(id, "one").await;
    server.store.until_held(1).await;
    ann.note(id, "two").await;
    let release = async {
        pass(Duration::from_secs(1)).await;
        server.store.release_writes();
    };
    let both = async { tokio::join!(server.hub.shutdown(), release) };
    timeout(SOON, both).await.expect("all tasks join");
    assert_eq!(ann.seen().await, ["sent 1 one", "sent 2 two"]);
    assert_eq!(log_lines(&server.store, id).await.len(), 2);
}

/// Protects a drain of an idle server: it takes no time.
#[tokio::test(start_paused = true)]
async fn draining_without_turns_takes_no_time() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let ann = Client::join(&server, "ann", id).await;
    let begin = Instant::now();
    server.hub.drain(SOON).await;
    drop(ann);
    server.hub.shutdown().await;
    assert!(begin.elapsed() < Duration::from_millis(10));
    server.hub.drain(SOON).await; // again: harmless
    server.hub.shutdown().await;
}
