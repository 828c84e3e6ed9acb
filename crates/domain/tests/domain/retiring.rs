//! Conversations that nobody needs leave memory, and come back as they were.

use crate::client::{Client, draft, pass, settle};
use crate::world::{END, conversation, log, server, unlimited, wait};
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, Outgoing, ReplyBody};
use std::sync::Arc;
use std::time::Duration;

fn live(server: &TestHub) -> usize {
    server.hub.figures().conversations
}

/// Protects the memory: a conversation without connections, turns and work goes after a minute, and not before.
#[tokio::test(start_paused = true)]
async fn an_idle_conversation_goes_and_comes_back() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    ann.note(id, "one").await;
    pass(Duration::from_secs(1_000)).await;
    assert_eq!(live(&server), 1, "somebody is there");
    drop(ann);
    pass(Duration::from_secs(59)).await;
    assert_eq!(live(&server), 1, "it is not idle yet");
    pass(Duration::from_secs(70)).await;
    assert_eq!(live(&server), 0);

    let mut ann = Client::connect(&server, "ann").await;
    ann.act(Action::Join(id.into())).await;
    ann.note(id, "two").await;
    assert_eq!(ann.seen().await, ["joined 1", "sent 2 two"]);
    ann.act(Action::Leave(id.into())).await;
    pass(Duration::from_secs(130)).await;
    assert_eq!(live(&server), 0, "who left is not there");
}

/// Protects a turn: its conversation stays until it has ended.
#[tokio::test(start_paused = true)]
async fn a_conversation_with_a_turn_stays() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play((0..10).flat_map(|_| [crate::world::say("x"), wait(55)]).chain([END]).collect());
    ann.ask(id, "hello").await;
    settle().await;
    drop(ann);
    pass(Duration::from_secs(500)).await;
    assert_eq!(live(&server), 1);
    pass(Duration::from_secs(200)).await;
    assert_eq!(live(&server), 0);
    assert_eq!(log(&server.store, id).await[1].content, "x".repeat(10));
}

/// Protects the memory from ids that lead nowhere, and from conversations that were never made.
#[tokio::test(start_paused = true)]
async fn what_is_not_there_takes_no_place() {
    let server = server().await;
    let mut ann = Client::connect(&server, "ann").await;
    for _ in 0..100 {
        ann.act(Action::Join(parlor_domain::ConversationId::new().into())).await;
    }
    settle().await;
    assert_eq!(live(&server), 0);
    ann.act(Action::Send(draft(None, "hello", "note", Some("c1")))).await;
    ann.act(Action::Leave(parlor_domain::ConversationId::new().into())).await;
    settle().await;
    let mut tab = Client::connect(&server, "ann").await;
    tab.act(Action::Send(draft(None, "hello", "note", Some("c1")))).await;
    settle().await;
    assert_eq!(live(&server), 1);
}

/// Protects work that comes in the very moment in which a conversation goes: with an idle time of next to nothing,
/// every request has its answer, every message is there once, and who has joined misses nothing. Real threads and
/// real time: it is the race itself that is looked at.
#[test]
fn work_that_races_the_going_is_not_lost() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build();
    runtime.unwrap().block_on(async {
        let mut settings = unlimited();
        settings.idle = Duration::from_micros(50);
        let server = Arc::new(TestHub::with(settings).await);
        let id = conversation(&server, &["ann"]).await;
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..6 {
            let server = Arc::clone(&server);
            workers.spawn(async move {
                for round in 0..150 {
                    one_round(&server, id, worker, round).await;
                }
            });
        }
        workers.join_all().await;
        let log = log(&server.store, id).await;
        assert_eq!(log.len(), 6 * 150);
        assert!(log.iter().map(|message| message.seq).eq(1..=900));
        server.hub.shutdown().await;
        assert_eq!(live(&server), 0);
    });
}

/// Protects the narrowest moment: what comes between a task's last look at its inbox and the inbox's end is done by
/// its successor.
#[test]
fn a_request_in_the_last_moment_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build();
    runtime.unwrap().block_on(async {
        let mut settings = unlimited();
        settings.idle = Duration::from_nanos(1);
        let server = Arc::new(TestHub::with(settings).await);
        let id = conversation(&server, &["ann"]).await;
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let mut client = Client::connect(&server, "ann").await;
            workers.spawn(async move {
                for round in 0..5_000 {
                    client.act(Action::History { place: id.into(), before: None, limit: 1 }).await;
                    assert_eq!(client.lines(), ["history []"], "round {round}");
                }
            });
        }
        workers.join_all().await;
    });
}

/// Looks, joins, sends and goes again, as fast as it can; each request is answered in its turn.
async fn one_round(server: &TestHub, id: parlor_domain::ConversationId, worker: usize, round: usize) {
    let mut client = Client::connect(server, "ann").await;
    let outbox = Arc::clone(client.session.outbox());
    let mut batch = std::collections::VecDeque::new();
    let mut answer = async || loop {
        while let Some(item) = batch.pop_front() {
            if let Outgoing::Reply(reply) = item {
                return reply.body;
            }
        }
        let taken = tokio::time::timeout(Duration::from_secs(20), outbox.take(&mut batch));
        taken.await.expect("every request has its answer").unwrap();
    };
    client.act(Action::History { place: id.into(), before: None, limit: 1 }).await;
    let ReplyBody::History { messages, .. } = answer().await else { panic!("no history") };
    let known = messages.last().map_or(0, |message| message.seq);
    client.act(Action::Join(id.into())).await;
    let ReplyBody::Joined { last_seq, .. } = answer().await else { panic!("not joined") };
    assert!(last_seq >= known, "the head never goes back: {last_seq} after {known}");
    client.act(Action::Heads).await;
    let ReplyBody::Heads(heads) = answer().await else { panic!("no heads") };
    assert_eq!(heads.len(), 1);
    assert!(heads[0].1 >= last_seq);
    client.act(Action::Send(draft(id, &format!("{worker} {round}"), "note", Some("c")))).await;
    let ReplyBody::Sent { duplicate: false, .. } = answer().await else { panic!("not sent") };
    client.act(Action::Leave(id.into())).await;
    let ReplyBody::Left { .. } = answer().await else { panic!("not left") };
}
