//! Nodes that die, and nodes that share one log.

use crate::client::{Client, pass, settle};
use crate::slow_store::{Delays, slow_server_on};
use crate::world::{END, conversation, log, log_lines, open_turns, say, unlimited, wait};
use parlor_domain::message::TurnStatus;
use parlor_domain::ports::Store as _;
use parlor_domain::testing::{MemoryStore, Script, TestHub, WriteFault};
use parlor_domain::{Action, ConversationId};
use std::sync::Arc;
use std::time::Duration;

/// Lets `seconds` pass for timers and for the clocks of several nodes.
async fn pass_on(nodes: &[&TestHub], seconds: u64) {
    for _ in 0..seconds {
        for node in nodes {
            node.clock.advance(Duration::from_secs(1));
        }
        pass(Duration::from_secs(1)).await;
    }
}

/// A node's whole life: when it is over, everything of it stops at once, as by kill -9.
fn life<T>(scene: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(scene)
}

/// A node on `store` that dies `millis` after a turn began which says "one ", then "two " after three seconds.
fn die_in_the_middle(store: &Arc<MemoryStore>, millis: u64) -> ConversationId {
    life(async {
        let server = TestHub::on(Arc::clone(store), unlimited()).await;
        let id = conversation(&server, &["ann"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        server.backend.play(vec![say("one "), wait(3), say("two "), Script::Hang]);
        ann.ask(id, "hello").await;
        pass(Duration::from_millis(millis)).await;
        id
    })
}

async fn ending(store: &MemoryStore, id: ConversationId) -> Option<(String, TurnStatus)> {
    let log = log(store, id).await;
    log.get(1).map(|message| (message.content.clone(), message.reply.as_ref().unwrap().status))
}

/// Protects what a turn produced from a crash: at most the last two seconds are lost, and the next start ends it.
#[test]
fn a_crash_costs_a_turn_at_most_two_seconds() {
    for (millis, kept) in
        [(1_500, ""), (2_500, "one "), (3_900, "one "), (4_100, "one two "), (60_000, "one two ")]
    {
        let store = Arc::new(MemoryStore::new());
        let id = die_in_the_middle(&store, millis);
        life(async {
            let server = TestHub::on(Arc::clone(&store), unlimited()).await;
            settle().await;
            let expected = Some((kept.to_owned(), TurnStatus::Interrupted));
            assert_eq!(ending(&store, id).await, expected, "died after {millis} ms");
            assert_eq!(open_turns(&server).await, 0);
            pass_on(&[&server], 60).await;
            assert_eq!(log_lines(&store, id).await.len(), 2, "it ends once");
        });
    }
}

/// Protects what a turn produced where a checkpoint failed: the next one has all of it again.
#[test]
fn a_failed_checkpoint_is_made_up_for() {
    let store = Arc::new(MemoryStore::new());
    let id = life(async {
        let server = TestHub::on(Arc::clone(&store), unlimited()).await;
        let id = conversation(&server, &["ann"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        server.backend.play(vec![say("one "), Script::Hang]);
        ann.ask(id, "hello").await;
        settle().await;
        store.fail_next_writes(1, WriteFault::BeforeCommit);
        pass(Duration::from_millis(4_600)).await;
        id
    });
    life(async {
        let _server = TestHub::on(Arc::clone(&store), unlimited()).await;
        settle().await;
        assert_eq!(ending(&store, id).await, Some(("one ".into(), TurnStatus::Interrupted)));
    });
}

/// Protects a turn's start: a crash before the first content leaves a turn that ends too.
#[test]
fn a_crash_at_once_leaves_no_open_turn() {
    let store = Arc::new(MemoryStore::new());
    let id = life(async {
        let server = TestHub::on(Arc::clone(&store), unlimited()).await;
        let id = conversation(&server, &["ann"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        server.backend.play(vec![Script::Hang]);
        ann.ask(id, "hello").await;
        settle().await;
        id
    });
    life(async {
        let server = TestHub::on(Arc::clone(&store), unlimited()).await;
        let mut ann = Client::connect(&server, "ann").await;
        ann.resume(id, 0).await;
        let seen = ann.seen().await;
        assert!(seen.contains(&"missed 1 hello".into()), "{seen:?}");
        assert!(seen.contains(&"missed 2 ".into()) || seen.contains(&"message 2 ".into()), "{seen:?}");
    });
}

/// Protects a conversation from a start at which the store fails: the dead node's turns are ended a little later.
#[test]
fn turns_of_the_dead_are_looked_for_again_where_the_store_fails() {
    let store = Arc::new(MemoryStore::new());
    let id = die_in_the_middle(&store, 2_500);
    life(async {
        let server = TestHub::on(Arc::clone(&store), unlimited()).await;
        store.fail_next_reads(2); // the look at the turns, and the one at what was deleted
        settle().await;
        assert_eq!(ending(&store, id).await, None);
        store.fail_next_reads(2); // the look at the turns succeeds, then the conversation cannot be loaded
        store.health().await.unwrap_err();
        pass_on(&[&server], 11).await;
        assert_eq!(ending(&store, id).await, Some(("one ".into(), TurnStatus::Interrupted)));
    });
}

/// Protects turns where several nodes share a store: only a lease that is over tells that a node is dead.
#[test]
fn a_dead_nodes_turns_end_when_their_lease_is_over() {
    let store = Arc::new(MemoryStore::shared());
    let id = die_in_the_middle(&store, 2_500);
    life(async {
        let server = TestHub::on(Arc::clone(&store), unlimited()).await;
        let ann = Client::join(&server, "ann", id).await;
        pass_on(&[&server], 9).await;
        assert_eq!(ending(&store, id).await, None, "the lease is good for ten seconds");
        pass_on(&[&server], 7).await;
        assert_eq!(ending(&store, id).await, Some(("one ".into(), TurnStatus::Interrupted)));
        assert_eq!(ann.seen().await, ["message 2 one "]);
    });
}

/// Protects a long turn from the other nodes: its lease is renewed as long as its node lives.
#[tokio::test(start_paused = true)]
async fn a_live_nodes_turns_are_left_alone() {
    let store = Arc::new(MemoryStore::shared());
    let one = TestHub::on(Arc::clone(&store), unlimited()).await;
    let two = TestHub::on(Arc::clone(&store), unlimited()).await;
    let id = conversation(&one, &["ann"]).await;
    let mut ann = Client::join(&one, "ann", id).await;
    one.backend.play(vec![say("one "), wait(55), say("two"), END]);
    ann.ask(id, "hello").await;
    (0..5).for_each(|_| one.backend.play(vec![wait(40), END]));
    for number in 0..5 {
        ann.ask(id, &number.to_string()).await; // one of them waits for its place for long
    }
    pass_on(&[&one, &two], 100).await;
    let log = log(&store, id).await;
    assert_eq!(log.len(), 12);
    let statuses = log.iter().filter_map(|message| message.reply.as_ref()).map(|reply| reply.status);
    assert!(statuses.into_iter().all(|status| status == TurnStatus::Complete));
}

/// Protects "exactly once" where a node was only late: another one has ended its turn, and it accepts that.
#[tokio::test(start_paused = true)]
async fn a_turn_that_another_node_has_ended_does_not_go_on() {
    let ms = Duration::from_millis;
    for delays in [Delays::default(), Delays { read: ms(20), commit: ms(20), answer: ms(20) }] {
        let store = Arc::new(MemoryStore::shared());
        let one = slow_server_on(Arc::clone(&store), delays, unlimited()).await;
        let two = TestHub::on(Arc::clone(&store), unlimited()).await;
        let id = conversation(&one, &["ann", "bob"]).await;
        let mut ann = Client::connect(&one, "ann").await;
        let mut bob = Client::connect(&one, "bob").await;
        bob.act(Action::Join(id.into())).await;
        one.backend.play(vec![say("one "), wait(3), say("two "), wait(50), say("three"), END]);
        ann.ask(id, "hello").await;
        pass(ms(3_500)).await;
        two.clock.advance(Duration::from_secs(60)); // to the other node, the lease is over
        pass(Duration::from_secs(5)).await;
        assert_eq!(ending(&store, id).await.unwrap().1, TurnStatus::Interrupted);
        // The first node learns it by its next checkpoint, while messages keep coming.
        for number in 0..40 {
            ann.note(id, &number.to_string()).await;
            pass(ms(100)).await;
        }
        pass(Duration::from_secs(60)).await;
        let entries = bob.entries();
        let told: Vec<_> = entries.iter().map(|message| (message.seq, message.id)).collect();
        let expected: Vec<_> =
            log(&store, id).await.iter().map(|message| (message.seq, message.id)).collect();
        assert_eq!(told, expected, "{delays:?}");
        assert_eq!(expected.len(), 42);
        assert_eq!(one.hub.figures().turns, 0);
    }
}

/// Protects the readers of turns that another node has ended: each begins before it ends, also one that still waited
/// for its place.
#[tokio::test(start_paused = true)]
async fn a_waiting_turn_that_another_node_has_ended_begins_before_it_ends() {
    let store = Arc::new(MemoryStore::shared());
    let one = TestHub::on(Arc::clone(&store), unlimited()).await;
    let two = TestHub::on(Arc::clone(&store), unlimited()).await;
    let id = conversation(&one, &["ann"]).await;
    let mut ann = Client::join(&one, "ann", id).await;
    (0..4).for_each(|_| one.backend.play(vec![Script::Hang]));
    for number in 0..5 {
        ann.ask(id, &number.to_string()).await;
    }
    settle().await;
    two.clock.advance(Duration::from_secs(60));
    pass(Duration::from_millis(5_500)).await;
    ann.note(id, "what is new?").await; // the answer tells it before any checkpoint does
    let lines = ann.seen().await;
    let (mut started, mut ended) = (0, 0);
    for line in &lines {
        started += usize::from(line == "start");
        ended += usize::from(line.starts_with("end"));
        assert!(ended <= started, "{lines:?}");
    }
    assert_eq!((started, ended), (5, 5), "{lines:?}");
    assert_eq!(one.hub.figures().turns, 0);
}

/// Protects the messages behind a turn's end that comes too late: they are told once, by their own commit.
#[tokio::test(start_paused = true)]
async fn what_follows_a_refused_end_is_told_once() {
    let store = Arc::new(MemoryStore::shared());
    let one = TestHub::on(Arc::clone(&store), unlimited()).await;
    let two = TestHub::on(Arc::clone(&store), unlimited()).await;
    let id = conversation(&one, &["ann", "bob"]).await;
    let mut ann = Client::join(&one, "ann", id).await;
    let bob = Client::join(&one, "bob", id).await;
    one.backend.play(vec![say("one "), Script::Hang]);
    ann.ask(id, "hello").await;
    settle().await;
    two.clock.advance(Duration::from_secs(60));
    pass(Duration::from_millis(5_500)).await;
    assert_eq!(log_lines(&store, id).await, ["1 hello", "2 one "]);

    store.hold_writes();
    store.until_held(1).await; // the checkpoint that will tell the first node
    store.release_writes();
    store.hold_writes();
    store.until_held(1).await; // its end of the turn
    ann.note(id, "more").await;
    settle().await;
    store.release_writes();
    let turn = ["start", "delta 0 one ", "end 2 interrupted one "];
    assert_eq!(ann.seen().await, [&["sent 1 hello"], &turn[..], &["sent 3 more"]].concat());
    assert_eq!(bob.seen().await, [&["message 1 hello"], &turn[..], &["message 3 more"]].concat());
}

/// Protects the one order where two nodes append to one conversation: each fills the gaps that the other left.
#[tokio::test(start_paused = true)]
async fn two_nodes_append_to_one_log() {
    let store = Arc::new(MemoryStore::shared());
    let one = TestHub::on(Arc::clone(&store), unlimited()).await;
    let two = TestHub::on(Arc::clone(&store), unlimited()).await;
    let id = conversation(&one, &["ann", "bob"]).await;
    let mut ann = Client::join(&one, "ann", id).await;
    let mut bob = Client::join(&two, "bob", id).await;
    for round in 0..3 {
        ann.note(id, &format!("ann {round}")).await;
        ann.note(id, &format!("ann again {round}")).await;
        settle().await;
        bob.ask(id, &format!("bob {round}")).await;
        settle().await;
    }
    assert_eq!(ann.lines().len(), 6 + 4, "of the last exchange it does not know yet");
    bob.take();
    ann.note_as("c1", id, "last").await;
    assert_eq!(ann.seen().await, ["message 11 bob 2", "message 12 bob 2", "sent 13 last"]);

    // A resend may come to another node.
    let mut moved = Client::join(&two, "ann", id).await;
    moved.note_as("c1", id, "last").await;
    assert_eq!(moved.seen().await, ["message 13 last", "sent before 13 last"]);
    assert_eq!(bob.seen().await, ["message 13 last"]);
    assert_eq!(log_lines(&store, id).await.len(), 13);
}

/// Protects the title and count of a conversation that two nodes append to.
#[tokio::test(start_paused = true)]
async fn the_summary_counts_what_other_nodes_appended() {
    let store = Arc::new(MemoryStore::shared());
    let one = TestHub::on(Arc::clone(&store), unlimited()).await;
    let two = TestHub::on(Arc::clone(&store), unlimited()).await;
    let id = conversation(&one, &["ann"]).await;
    let mut here = Client::join(&one, "ann", id).await;
    let mut there = Client::join(&two, "ann", id).await;
    there.note(id, "one").await;
    there.note(id, "two").await;
    settle().await;
    here.note(id, "three").await;
    settle().await;
    let counts = here.take().into_iter().filter_map(|item| match item {
        parlor_domain::Outgoing::Event(event) => match event.body() {
            parlor_domain::EventBody::Updated(summary) => Some((summary.last_seq, summary.message_count)),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(counts.last(), Some((3, 3)));
}
