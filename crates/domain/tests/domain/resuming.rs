//! Coming back: what was missed, once and in order, and everything from then on.

use crate::client::{Client, draft, pass, settle};
use crate::slow_store::{Delays, slow_server};
use crate::world::{END, conversation, log_lines, say, server, unlimited, wait};
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, CloseCode, ConversationId, Outgoing, Position, ReplyBody};
use std::time::Duration;

/// A conversation with `count` notes in it, and their author.
async fn with_notes(server: &TestHub, count: usize) -> (ConversationId, Client) {
    let id = conversation(server, &["ann", "bob"]).await;
    let mut ann = Client::join(server, "ann", id).await;
    for number in 1..=count {
        ann.note(id, &format!("n{number}")).await;
    }
    settle().await;
    ann.take();
    (id, ann)
}

/// Protects the database from clients that come back in crowds: who missed nothing costs no read.
#[tokio::test(start_paused = true)]
async fn who_missed_nothing_costs_no_read() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 3).await;
    let mut bob = Client::connect(&server, "bob").await;
    server.store.fail_next_reads(1);
    bob.resume(id, 3).await;
    assert_eq!(bob.seen().await, ["resumed 3..3"]);
    server.hub.health().await.expect_err("the fault is still there: nothing was read");
    ann.note(id, "n4").await;
    assert_eq!(bob.seen().await, ["message 4 n4"]);
}

/// Protects a client from gaps and repeats: it gets exactly what it missed, then what comes.
#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_once_and_in_order() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 5).await;
    let mut bob = Client::connect(&server, "bob").await;
    bob.resume(id, 2).await;
    ann.note(id, "n6").await;
    let expected = ["missed 3 n3", "missed 4 n4", "missed 5 n5", "resumed 2..5", "message 6 n6"];
    assert_eq!(bob.seen().await, expected);
}

/// Protects long absences: what was missed comes in pages, up to the limit; beyond it the client is told to load the
/// history, and gets what is new all the same.
#[tokio::test(start_paused = true)]
async fn up_to_a_thousand_missed_messages_are_sent() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 1_001).await;
    let mut bob = Client::connect(&server, "bob").await;
    bob.resume(id, 1).await;
    let seen = bob.seen().await;
    assert_eq!(
        (seen.len(), seen[999].as_str(), seen[1_000].as_str()),
        (1_001, "missed 1001 n1001", "resumed 1..1001")
    );
    let seqs = seen[..1_000].iter().map(|line| line.split(' ').nth(1).unwrap().parse::<u64>().unwrap());
    assert!(seqs.eq(2..=1_001));

    let mut bob = Client::connect(&server, "bob").await;
    bob.resume(id, 0).await;
    assert_eq!(bob.seen().await, ["not recovered 0..1001"]);
    ann.note(id, "new").await;
    assert_eq!(bob.seen().await, ["message 1002 new"]);
}

/// Protects a client from another log than the one that it knows: one that was put back from a copy is shorter, or
/// says so by its epoch.
#[tokio::test(start_paused = true)]
async fn a_position_of_another_log_is_not_recovered() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 3).await;
    let mut bob = Client::connect(&server, "bob").await;
    bob.resume(id, 4).await;
    bob.resume(id, u64::MAX).await;
    assert_eq!(bob.seen().await, ["not recovered 4..3", &format!("not recovered {}..3", u64::MAX)]);
    bob.resume(id, 1).await;
    settle().await;
    let epoch = bob.take().into_iter().find_map(|item| match item {
        Outgoing::Reply(reply) => match reply.body {
            ReplyBody::Resumed { epoch, .. } => Some(epoch.to_string()),
            _ => None,
        },
        _ => None,
    });
    for (epoch, line) in [(epoch, "resumed 3..3"), (Some("other".to_owned()), "not recovered 3..3")] {
        bob.act(Action::Resume(vec![Position { place: id.into(), seq: 3, epoch }])).await;
        assert_eq!(bob.seen().await, [line]);
    }
    ann.note(id, "n4").await;
    assert_eq!(bob.seen().await, ["message 4 n4"], "once, though it resumed four times");
}

/// Protects a connection that resumes while it gets events already: from its own position on, again in order.
#[tokio::test(start_paused = true)]
async fn resuming_twice_on_one_connection_is_harmless() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 2).await;
    let mut bob = Client::connect(&server, "bob").await;
    let positions = vec![
        Position { place: id.into(), seq: 2, epoch: None },
        Position { place: id.into(), seq: 1, epoch: None },
    ];
    bob.act(Action::Resume(positions)).await;
    assert_eq!(bob.seen().await, ["resumed 2..2", "missed 2 n2", "resumed 1..2"]);
    ann.note(id, "n3").await;
    bob.resume(id, 3).await;
    bob.note(id, "n4").await;
    let seen = bob.seen().await;
    assert!(seen.ends_with(&["sent 4 n4".into()]), "{seen:?}");
    assert_eq!(seen.iter().filter(|line| line.ends_with("n3")).count(), 1, "{seen:?}");
}

/// Protects a message that is on its way to disk while somebody comes back: they get it, once, after it is there.
#[tokio::test(start_paused = true)]
async fn a_message_on_its_way_comes_after_the_resume() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 1).await;
    let mut bob = Client::connect(&server, "bob").await;
    server.store.hold_writes();
    ann.note(id, "n2").await;
    server.store.until_held(1).await;
    ann.note(id, "n3").await;
    bob.resume(id, 0).await;
    assert_eq!(bob.seen().await, ["missed 1 n1", "resumed 0..1"]);
    server.store.release_writes();
    assert_eq!(bob.seen().await, ["message 2 n2", "message 3 n3"]);
}

/// Protects the order where the log is slow to read: what is committed meanwhile waits until the missed messages are
/// told, also this connection's own messages, whose answers stand in their places.
#[tokio::test(start_paused = true)]
async fn what_comes_while_the_log_is_read_waits_for_its_turn() {
    let ms = Duration::from_millis;
    let server = slow_server(Delays { read: ms(100), commit: ms(30), answer: ms(10) }, unlimited()).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::connect(&server, "ann").await;
    for number in 1..=3 {
        ann.note(id, &format!("n{number}")).await;
    }
    pass(ms(500)).await;
    server.backend.play(vec![say("so"), wait(1), END]);
    let mut bob = Client::connect(&server, "bob").await;
    bob.act(Action::Join(id.into())).await;
    bob.note_as("c1", id, "n4").await; // on its way when the resume begins
    bob.act(Action::Send(draft(id, "n3", "note", Some("c0")))).await;
    let reading = async {
        bob.resume(id, 1).await;
        bob.note_as("c1", id, "n4").await; // and again
    };
    let writing = async {
        pass(ms(60)).await;
        ann.ask(id, "n6").await;
    };
    tokio::join!(reading, writing);
    pass(ms(3_000)).await;
    assert_eq!(
        bob.lines(),
        [
            "joined 3",
            "missed 2 n2",
            "missed 3 n3",
            "resumed 1..3",
            "sent 4 n4",
            "sent 5 n3",
            "message 6 n6",
            "start",
            "sent before 4 n4",
            "delta 0 so",
            "end 7 complete so",
        ]
    );
}

/// Protects a turn that ends while its reader comes back: to them it is a message, once.
#[tokio::test(start_paused = true)]
async fn a_turn_that_ends_while_the_log_is_read_is_a_message() {
    let ms = Duration::from_millis;
    let server = slow_server(Delays { read: ms(100), ..Delays::default() }, unlimited()).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::connect(&server, "ann").await;
    server.backend.play(vec![say("so"), wait(1), END]);
    ann.ask(id, "hello").await;
    pass(ms(1_150)).await; // the turn began after two reads, and ends at 1,200 ms
    let mut bob = Client::connect(&server, "bob").await;
    bob.resume(id, 0).await;
    pass(ms(500)).await;
    assert_eq!(bob.lines(), ["missed 1 hello", "resumed 0..1", "message 2 so"]);
}

/// Protects readers of a live turn: they see it from its beginning, then the rest.
#[tokio::test(start_paused = true)]
async fn a_live_turn_is_shown_from_its_beginning() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![say("one "), wait(1), say("two "), wait(1), say("three"), END]);
    ann.ask(id, "hello").await;
    pass(Duration::from_millis(1_500)).await;
    let mut bob = Client::connect(&server, "bob").await;
    bob.resume(id, 0).await;
    assert_eq!(bob.seen().await, ["missed 1 hello", "resumed 0..1", "start", "delta 0 one two "]);
    pass(Duration::from_secs(1)).await;
    assert_eq!(bob.seen().await, ["delta 8 three", "end 2 complete one two three"]);
    bob.resume(id, 1).await;
    assert_eq!(bob.seen().await, ["missed 2 one two three", "resumed 1..2"]);
}

/// Protects a client that reads slowly and has missed more than its outbox holds: it gets all of it, at its own pace.
#[tokio::test(start_paused = true)]
async fn more_than_the_outbox_holds_comes_at_the_readers_pace() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 0).await;
    for _ in 0..100 {
        ann.note(id, &"x".repeat(60_000)).await;
        ann.seen().await;
    }
    let mut bob = Client::connect(&server, "bob").await;
    let outbox = std::sync::Arc::clone(bob.session.outbox());
    let reading = async {
        let (mut seqs, mut batch) = (Vec::new(), std::collections::VecDeque::new());
        while seqs.len() < 101 {
            pass(Duration::from_millis(50)).await;
            outbox.take(&mut batch).await.unwrap();
            assert!(batch.len() < 20, "no more than the outbox holds");
            seqs.extend(
                batch.drain(..).map(|item| crate::client::entry(&item).map_or(0, |message| message.seq)),
            );
        }
        seqs
    };
    let (seqs, ()) = tokio::join!(reading, bob.resume(id, 0));
    assert!(seqs.into_iter().eq((1..=100).chain([0])), "in order, then the end of it");
}

/// Protects the server from a client that goes while it is told what it missed.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_in_the_middle_is_let_go() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 0).await;
    for _ in 0..100 {
        ann.note(id, &"x".repeat(60_000)).await;
        ann.seen().await;
    }
    let mut bob = Client::connect(&server, "bob").await;
    let outbox = std::sync::Arc::clone(bob.session.outbox());
    let going = async {
        pass(Duration::from_secs(1)).await;
        outbox.close(CloseCode::Normal);
    };
    let both = async { tokio::join!(going, bob.resume(id, 0)) };
    tokio::time::timeout(Duration::from_secs(2), both).await.expect("it does not wait for ever");

    // So too where the connection is dropped while it waits.
    drop(bob);
    let mut bob = Client::connect(&server, "bob").await;
    let _ = tokio::time::timeout(Duration::from_secs(1), bob.resume(id, 0)).await;
    drop(bob);
    drop(ann);
    pass(Duration::from_secs(130)).await;
    let figures = server.hub.figures();
    assert_eq!((figures.connections, figures.conversations), (0, 0));
}

/// Protects a user's other connections from one that was dropped in the middle of its resume.
#[tokio::test(start_paused = true)]
async fn a_dropped_resume_takes_nothing_from_the_users_other_connections() {
    let ms = Duration::from_millis;
    let server = slow_server(Delays { read: ms(100), ..Delays::default() }, unlimited()).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::connect(&server, "ann").await;
    ann.note(id, "n1").await;
    pass(ms(200)).await;
    let other = Client::connect(&server, "bob").await;
    let mut bob = Client::connect(&server, "bob").await;
    let _ = tokio::time::timeout(ms(50), bob.resume(id, 0)).await;
    drop(bob);
    ann.note(id, "n2").await;
    pass(ms(200)).await;
    assert_eq!(other.lines(), ["elsewhere 2 n2"]);
}

/// Protects a client where the log cannot be read: it is told so, has not joined, and can try again.
#[tokio::test(start_paused = true)]
async fn a_resume_that_fails_can_be_tried_again() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 2).await;
    let mut bob = Client::connect(&server, "bob").await;
    server.store.fail_next_reads(1);
    bob.resume(id, 0).await;
    assert_eq!(bob.seen().await, ["refused INTERNAL"]);
    ann.note(id, "n3").await;
    assert_eq!(bob.seen().await, ["elsewhere 3 n3"]);
    bob.resume(id, 0).await;
    assert_eq!(bob.seen().await, ["missed 1 n1", "missed 2 n2", "missed 3 n3", "resumed 0..3"]);
}

/// Protects a client of many conversations: each is answered for itself, and one that is not theirs spoils nothing.
#[tokio::test(start_paused = true)]
async fn each_conversation_is_resumed_for_itself() {
    let server = server().await;
    let (one, _) = with_notes(&server, 1).await;
    let (two, _) = with_notes(&server, 2).await;
    let foreign = conversation(&server, &["eve"]).await;
    let mut bob = Client::connect(&server, "bob").await;
    let position =
        |conversation: ConversationId, seq| Position { place: conversation.into(), seq, epoch: None };
    let positions =
        vec![position(one, 0), position(foreign, 0), position(ConversationId::new(), 5), position(two, 1)];
    bob.act(Action::Resume(positions)).await;
    let expected = [
        "missed 1 n1",
        "resumed 0..1",
        "refused CONVERSATION_NOT_FOUND",
        "refused CONVERSATION_NOT_FOUND",
        "missed 2 n2",
        "resumed 1..2",
    ];
    assert_eq!(bob.seen().await, expected);
    bob.act(Action::Resume(vec![position(one, 1); 1_001])).await;
    assert_eq!(bob.seen().await, ["refused INVALID_REQUEST"]);
    bob.act(Action::Resume(Vec::new())).await;
    assert!(bob.seen().await.is_empty());
}

/// Protects who is not let in: a participant who joins later sees the whole log.
#[tokio::test(start_paused = true)]
async fn a_new_participant_is_let_in_at_once() {
    let server = server().await;
    let (id, mut ann) = with_notes(&server, 2).await;
    let mut cay = Client::connect(&server, "cay").await;
    cay.resume(id, 0).await;
    assert_eq!(cay.seen().await, ["refused CONVERSATION_NOT_FOUND"]);
    assert!(server.hub.participant_add(id, cay.session.user()).await.unwrap());
    assert!(!server.hub.participant_add(ConversationId::new(), cay.session.user()).await.unwrap());
    cay.resume(id, 0).await;
    ann.note(id, "n3").await;
    assert_eq!(cay.seen().await, ["missed 1 n1", "missed 2 n2", "resumed 0..2", "message 3 n3"]);
    assert_eq!(log_lines(&server.store, id).await.len(), 3);
}
