//! Receipts: what is read is told to its author, and what is delivered moves on proof alone.

use super::{Client, ROOM, forget, id, place};
use crate::client::{pass, settle};
use crate::world::server;
use bytes::Bytes;
use parlor_domain::ports::Store;
use parlor_domain::room::RoomKind;
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, Outgoing};
use std::time::Duration;

/// A member's watermarks: delivered and read.
async fn marks(server: &TestHub, who: &Client) -> (u64, u64) {
    settle().await;
    let caller = server.hub.authenticate(&who.user().to_string()).await.unwrap();
    let members = server.hub.member_list(&caller, &id(ROOM), None, 100).await.unwrap();
    let own = members.into_iter().find(|it| it.record.user == who.user()).unwrap().record;
    (own.delivered, own.read)
}

fn read(seq: u64) -> Action {
    Action::Read { place: place(), seq }
}

/// Three people in a room, none of whom has anything unread.
async fn three(server: &TestHub) -> [Client; 3] {
    let ann = Client::entering(server, "ann", RoomKind::Shared).await;
    let bob = Client::entering(server, "bob", None).await;
    let cay = Client::entering(server, "cay", None).await;
    forget(&[&ann, &bob, &cay]).await;
    [ann, bob, cay]
}

/// Protects read receipts: the author of the newest message that was newly read hears of it, once, on every connection;
/// watermarks only rise, and not above the head.
#[tokio::test(start_paused = true)]
async fn an_author_hears_that_they_were_read() {
    let server = server().await;
    let [mut ann, mut bob, mut cay] = three(&server).await;
    let tab = Client::connect(&server, "ann").await;
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "one").await;
    bob.note(conversation, "two").await;
    cay.note(conversation, "three").await;
    forget(&[&ann, &bob, &cay, &tab]).await;

    assert!(cay.does(read(1)).await.is_empty());
    assert_eq!(
        (ann.calm().await, tab.calm().await),
        (vec!["read 1 up to 1".to_owned()], vec!["read 1 up to 1".to_owned()])
    );
    cay.does(read(1)).await;
    cay.does(read(0)).await;
    assert!(ann.calm().await.is_empty(), "once");
    cay.does(read(99)).await;
    assert_eq!(bob.calm().await, ["read 2 up to 3"], "the reader's own message does not count");
    assert!(ann.calm().await.is_empty());
    assert_eq!(marks(&server, &cay).await, (3, 3));
    assert_eq!(marks(&server, &ann).await, (0, 0));
    let mut eve = Client::connect(&server, "eve").await;
    assert_eq!(eve.does(read(1)).await, ["refused ROOM_NOT_FOUND"]);
}

fn probe(client: &Client, number: u64) {
    client.session.outbox().push(Outgoing::Probe { number, frame: Bytes::from_static(b"ping") });
}

/// Protects what a client never got: neither the writing of a frame nor an answer to an earlier question proves it.
#[tokio::test(start_paused = true)]
async fn delivered_moves_on_proof_alone() {
    let server = server().await;
    let [mut ann, bob, _] = three(&server).await;
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "one").await;
    settle().await;
    probe(&bob, 1);
    drop(bob.lines());
    assert_eq!(marks(&server, &bob).await, (0, 0), "a write is no proof");
    ann.note(conversation, "two").await;
    settle().await;
    drop(bob.lines());
    bob.session.answered(7);
    assert_eq!(marks(&server, &bob).await, (0, 0), "nobody asked that");
    bob.session.answered(1);
    assert_eq!(marks(&server, &bob).await, (1, 0), "what went out before the question");
    bob.session.closed();
    assert_eq!(marks(&server, &bob).await, (2, 0), "a clean close proves what was written");
    ann.note(conversation, "three").await;
    settle().await;
    drop(bob);
    let mut bob = Client::connect(&server, "bob").await;
    assert_eq!(marks(&server, &bob).await, (2, 0), "a lost connection proves nothing");
    bob.resume(conversation, 3).await;
    assert_eq!(marks(&server, &bob).await, (3, 0), "a position proves itself");
}

/// Protects connections from a store that hangs: nobody waits for their receipts, and they are noted once it is back.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_was_delivered() {
    let server = server().await;
    let [mut ann, bob, _] = three(&server).await;
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "one").await;
    settle().await;
    probe(&bob, 1);
    drop(bob.lines());
    server.store.hold_writes();
    bob.session.answered(1);
    let mut bob = bob;
    assert_eq!(bob.does(Action::Heads).await, ["heads [1]"]);
    server.store.release_writes();
    pass(Duration::from_millis(10)).await;
    assert_eq!(marks(&server, &bob).await, (1, 0));
}

/// Protects the database from clients that come back and have missed nothing: what is known is not written again.
#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_delivered_is_not_written_again() {
    let server = server().await;
    let [mut ann, mut bob, _] = three(&server).await;
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "one").await;
    settle().await;
    let before = server.store.commits();
    for seq in [1, 1, 0, 1] {
        bob.resume(conversation, seq).await;
        settle().await;
    }
    assert_eq!(server.store.commits(), before + 1);
    server.store.fail_next_writes(1, parlor_domain::testing::WriteFault::BeforeCommit);
    ann.note(conversation, "lost").await;
    pass(Duration::from_secs(1)).await;
    ann.note(conversation, "two").await;
    settle().await;
    server.store.fail_next_writes(1, parlor_domain::testing::WriteFault::BeforeCommit);
    bob.resume(conversation, 2).await;
    settle().await;
    assert_eq!(marks(&server, &bob).await, (1, 0), "that write failed");
    bob.resume(conversation, 2).await;
    assert_eq!(marks(&server, &bob).await, (2, 0), "so it is tried again");
}

/// Protects receipts on the way out: what a client proved just before the server stopped is noted.
#[tokio::test(start_paused = true)]
async fn a_server_that_stops_notes_what_was_proved() {
    let server = server().await;
    let [mut ann, bob, _] = three(&server).await;
    ann.note(super::conversation(&server).await, "one").await;
    settle().await;
    drop(bob.lines());
    bob.session.closed();
    let (user, store) = (bob.user(), std::sync::Arc::clone(&server.store));
    drop((ann, bob));
    server.hub.drain(Duration::from_secs(1)).await;
    server.hub.shutdown().await;
    assert!(store.unsynced_list(user, 10).await.unwrap().is_empty());
}

/// Protects an operator's view: what waits is counted while it waits.
#[tokio::test(start_paused = true)]
async fn what_waits_is_counted() {
    let server = server().await;
    let [mut ann, bob, _] = three(&server).await;
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "one").await;
    settle().await;
    probe(&bob, 1);
    drop(bob.lines());
    let waiting = |server: &TestHub| {
        let figures = server.hub.figures();
        (figures.commands_waiting, figures.receipts_waiting)
    };
    assert_eq!(waiting(&server), (0, 0));
    bob.session.answered(1);
    let mut asked = Box::pin(ann.act(read(1)));
    assert!(futures_util::poll!(&mut asked).is_pending());
    assert_eq!(waiting(&server), (1, 1), "nothing has run yet");
    asked.await;
    settle().await;
    assert_eq!(waiting(&server), (0, 0));
}
