//! The stop of a turn: which one it means, and when it is answered.

use crate::client::{Client, hanging_turn, settle, started};
use crate::world::{conversation, server};
use parlor_domain::MessageId;
use parlor_domain::testing::WriteFault;

/// Protects a stop by name: what was produced is kept, and it is answered once the turn has ended.
#[tokio::test(start_paused = true)]
async fn a_stop_keeps_what_was_produced() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let mut bob = Client::join(&server, "bob", id).await;
    let (_, turn) = hanging_turn(&server, &mut ann, id).await;
    bob.take();
    server.store.hold_writes();
    bob.stop(id, Some(turn)).await;
    bob.stop(id, Some(turn)).await; // twice: the second waits for the same end
    assert!(bob.seen().await.is_empty());
    server.store.release_writes();
    let mut seen = bob.seen().await;
    seen.sort();
    assert_eq!(seen, ["end 2 stopped so", "stopped stopped", "stopped stopped"]);
    assert_eq!(ann.seen().await, ["end 2 stopped so"]);
    bob.stop(id, Some(turn)).await; // late
    assert_eq!(bob.seen().await, ["stopped stopped"]);
    assert_eq!(server.hub.figures().turns, 0);
}

/// Protects a stop that comes with a resend: no new turn begins, and the one that is live is meant.
#[tokio::test(start_paused = true)]
async fn a_stop_after_a_resend_means_the_live_turn() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![crate::world::say("so"), parlor_domain::testing::Script::Hang]);
    ann.ask_as("c1", id, "hello").await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "delta 0 so"]);
    server.store.hold_writes();
    ann.ask_as("c1", id, "hello").await;
    ann.stop(id, None).await;
    settle().await;
    server.store.release_writes();
    assert_eq!(ann.seen().await, ["sent before 1 hello", "end 2 stopped so", "stopped stopped"]);
}

/// Protects the next turn from a stop that means the last one.
#[tokio::test(start_paused = true)]
async fn a_late_stop_does_not_reach_the_next_turn() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    ann.ask(id, "one").await;
    settle().await;
    let first = started(&ann.take());
    let (_, second) = hanging_turn(&server, &mut ann, id).await;
    ann.stop(id, Some(first)).await;
    ann.stop(id, Some(MessageId::new())).await;
    assert_eq!(ann.seen().await, ["stopped complete", "refused MESSAGE_NOT_FOUND"]);
    assert_eq!(server.hub.figures().turns, 1);
    ann.stop(id, Some(second)).await;
    let seen = ann.seen().await;
    assert!(seen.contains(&"stopped stopped".into()), "{seen:?}");
}

/// Protects a stop without a name: it means the live turn that began last, and is harmless where there is none.
#[tokio::test(start_paused = true)]
async fn a_stop_without_a_name_means_the_turn_that_began_last() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    ann.stop(id, None).await;
    assert_eq!(ann.seen().await, ["stopped nothing"]);
    let (first, _) = hanging_turn(&server, &mut ann, id).await;
    let (second, _) = hanging_turn(&server, &mut ann, id).await;
    server.store.hold_writes();
    ann.stop(id, None).await;
    settle().await;
    ann.stop(id, None).await; // the newer one is on its way to its end: the older one is the live one
    settle().await;
    server.store.release_writes();
    settle().await;
    let ended: Vec<_> = ann.entries().iter().map(|it| it.reply.clone().unwrap().in_reply_to).collect();
    assert_eq!(ended, [second, first]);
    ann.stop(id, None).await;
    assert_eq!(ann.seen().await, ["stopped nothing"]);
}

/// Protects a quick stop: one that comes right after the message stops the turn that the message opens, though that
/// is still on its way to disk.
#[tokio::test(start_paused = true)]
async fn a_stop_reaches_a_turn_that_is_about_to_begin() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.store.hold_writes();
    ann.ask(id, "hello").await;
    settle().await;
    ann.stop(id, None).await;
    settle().await;
    server.store.release_writes();
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "end 2 stopped ", "stopped stopped"]);
    assert!(server.backend.requests().is_empty());

    server.store.fail_next_writes(1, WriteFault::BeforeCommit);
    server.store.hold_writes();
    ann.ask(id, "hello").await;
    settle().await;
    ann.stop(id, None).await;
    settle().await;
    server.store.release_writes();
    assert_eq!(ann.seen().await, ["refused INTERNAL", "stopped nothing"]);
}
