//! Nothing is told before it is on disk, and a store that fails loses, repeats and reorders nothing.

use crate::client::{Client, pass, pass_with_clock, settle};
use crate::slow_store::{Delays, slow_server};
use crate::world::{END, conversation, log_lines, open_turns, say, server, unlimited, wait};
use parlor_domain::ports::BackendError;
use parlor_domain::testing::{Script, WriteFault};
use std::time::Duration;

/// Longer than writes rest after a failure.
const PAUSE: Duration = Duration::from_millis(600);

/// Protects "acknowledged is durable": while the commit is on its way, neither the sender nor anybody else hears of it.
#[tokio::test(start_paused = true)]
async fn nobody_hears_of_a_message_before_its_commit() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    let elsewhere = Client::connect(&server, "bob").await;
    server.store.hold_writes();
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(30)).await;
    for client in [&ann, &bob, &elsewhere] {
        assert!(client.take().is_empty());
    }
    assert!(server.backend.requests().is_empty(), "the AI does not hear of it either");

    server.store.release_writes();
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "delta 0 hello", "end 2 complete hello"]);
    assert_eq!(bob.seen().await, ["message 1 hello", "start", "delta 0 hello", "end 2 complete hello"]);
    assert_eq!(elsewhere.seen().await, ["elsewhere 1 hello", "elsewhere 2 hello"]);
}

/// Protects the group commit: what comes while a commit is on its way goes with the next one, all of it.
#[tokio::test(start_paused = true)]
async fn what_waits_goes_in_one_commit() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let before = server.store.commits();
    server.store.hold_writes();
    for number in 0..50 {
        ann.note(id, &number.to_string()).await;
        settle().await;
    }
    server.store.release_writes();
    assert_eq!(ann.seen().await.len(), 50);
    assert_eq!(server.store.commits() - before, 2);
}

/// Protects a sender whose write failed, whichever way: it is told so, sends again, and the message is there once.
#[tokio::test(start_paused = true)]
async fn a_resend_after_a_failure_stores_the_message_once() {
    for fault in [WriteFault::BeforeCommit, WriteFault::AfterCommit] {
        let server = server().await;
        let id = conversation(&server, &["ann", "bob"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        let bob = Client::join(&server, "bob", id).await;
        server.store.fail_next_writes(1, fault);
        ann.note_as("c1", id, "hello").await;
        assert_eq!(ann.seen().await, ["refused INTERNAL"]);
        assert!(bob.seen().await.is_empty());

        ann.note_as("c1", id, "hello").await; // before the pause is over
        pass(PAUSE).await;
        let expected: &[&str] = match fault {
            WriteFault::BeforeCommit => &["sent 1 hello"],
            WriteFault::AfterCommit => &["message 1 hello", "sent before 1 hello"],
        };
        assert_eq!(ann.seen().await, expected, "{fault:?}");
        assert_eq!(bob.seen().await, ["message 1 hello"], "{fault:?}");
        ann.note_as("c1", id, "hello").await;
        assert_eq!(ann.seen().await, ["sent before 1 hello"]);
        ann.note(id, "next").await;
        assert_eq!(ann.seen().await, ["sent 2 next"]);
        assert_eq!(bob.seen().await, ["message 2 next"]);
    }
}

/// Protects everybody else: a message that was committed though its write failed reaches them without a resend.
#[tokio::test(start_paused = true)]
async fn a_message_of_unknown_fate_is_told_as_soon_as_it_is_known() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    server.store.fail_next_writes(1, WriteFault::AfterCommit);
    ann.note(id, "hello").await;
    pass(PAUSE).await;
    assert_eq!(ann.seen().await, ["refused INTERNAL", "message 1 hello"]);
    assert_eq!(bob.seen().await, ["message 1 hello"]);
}

/// Protects the order where the next group was on its way before the failure was known.
#[tokio::test(start_paused = true)]
async fn a_failure_with_the_next_group_on_its_way_repeats_nothing() {
    for fault in [WriteFault::BeforeCommit, WriteFault::AfterCommit] {
        let server = server().await;
        let id = conversation(&server, &["ann", "bob"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        let bob = Client::join(&server, "bob", id).await;
        server.store.hold_writes();
        ann.note(id, "one").await;
        server.store.until_held(1).await;
        ann.note(id, "two").await;
        ann.note(id, "three").await;
        server.store.fail_next_writes(1, fault);
        settle().await;
        server.store.release_writes();
        pass(PAUSE).await;
        let log = log_lines(&server.store, id).await;
        let told: Vec<_> = log.iter().map(|line| format!("message {line}")).collect();
        assert_eq!(bob.seen().await, told, "{fault:?}");
        assert_eq!(told.len(), if fault == WriteFault::BeforeCommit { 2 } else { 3 });
    }
}

/// Protects the order where the group after a failed one is in the log, but its answer is still on its way: a look at
/// the log must not take it for lost and tell it twice.
#[tokio::test(start_paused = true)]
async fn a_group_on_its_way_is_not_taken_for_lost() {
    let ms = Duration::from_millis;
    let delays = Delays { read: ms(5), commit: ms(5), answer: ms(550) };
    let server = slow_server(delays, unlimited()).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::connect(&server, "ann").await;
    let mut bob = Client::connect(&server, "bob").await;
    for client in [&mut ann, &mut bob] {
        client.act(parlor_domain::Action::Join(id.into())).await;
    }
    server.store.fail_next_writes(1, WriteFault::AfterCommit);
    ann.note(id, "one").await;
    pass(ms(100)).await;
    ann.note(id, "two").await;
    bob.note(id, "three").await;
    pass(ms(5_000)).await;
    assert_eq!(
        ann.lines(),
        ["joined 0", "refused INTERNAL", "message 1 one", "sent 2 two", "message 3 three"]
    );
    assert_eq!(bob.lines(), ["joined 0", "message 1 one", "message 2 two", "sent 3 three"]);
}

/// Protects a turn's end from a store that fails: it is written once, and everybody sees it once.
#[tokio::test(start_paused = true)]
async fn a_turn_ends_though_its_end_could_not_be_written() {
    for fault in [WriteFault::BeforeCommit, WriteFault::AfterCommit] {
        for failures in [1, 2, 5] {
            let server = server().await;
            let id = conversation(&server, &["ann", "bob"]).await;
            let mut ann = Client::join(&server, "ann", id).await;
            let bob = Client::join(&server, "bob", id).await;
            server.backend.play(vec![say("so"), wait(1), END]);
            ann.ask(id, "hello").await;
            settle().await;
            server.store.fail_next_writes(failures, fault);
            pass(Duration::from_secs(10)).await;
            let end = ["start", "delta 0 so", "end 2 complete so"];
            assert_eq!(bob.seen().await[1..], end, "{failures} × {fault:?}");
            assert_eq!(log_lines(&server.store, id).await, ["1 hello", "2 so"]);
            assert_eq!(server.hub.figures().turns, 0);
            ann.note(id, "more").await;
            assert_eq!(bob.seen().await, ["message 3 more"]);
        }
    }
}

/// Protects who wants to know why a turn failed, also where its end was committed by a write that failed.
#[tokio::test(start_paused = true)]
async fn why_a_turn_failed_is_told_also_after_a_failed_write() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![wait(1), Script::Fail(BackendError::Malformed("what".into()))]);
    ann.ask(id, "hello").await;
    settle().await;
    server.store.fail_next_writes(1, WriteFault::AfterCommit);
    pass(Duration::from_secs(3)).await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "end 2 failed (AI_UNAVAILABLE)"]);
}

/// Protects a message's readers and its turn where the write that opened both failed after its commit: the message is
/// told, and the turn, which nobody runs, is ended when its lease is over.
#[tokio::test(start_paused = true)]
async fn a_turn_that_was_opened_by_a_failed_write_ends() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    server.store.fail_next_writes(1, WriteFault::AfterCommit);
    ann.ask_as("c1", id, "hello").await;
    pass(PAUSE).await;
    assert_eq!(bob.seen().await, ["message 1 hello"]);
    pass_with_clock(&server, 16).await;
    assert_eq!(bob.seen().await, ["message 2 "]);
    let log = crate::world::log(&server.store, id).await;
    let status = log[1].reply.as_ref().unwrap().status;
    assert_eq!(status, parlor_domain::message::TurnStatus::Interrupted);
    assert_eq!(open_turns(&server).await, 0);
}

/// Protects the first message of all: where its write failed, the resend brings its sender into the conversation.
#[tokio::test(start_paused = true)]
async fn a_conversation_of_unknown_fate_is_found_again_by_a_resend() {
    use crate::client::draft;
    use parlor_domain::Action;
    for fault in [WriteFault::BeforeCommit, WriteFault::AfterCommit] {
        let server = server().await;
        let mut ann = Client::connect(&server, "ann").await;
        let first = Action::Send(draft(None, "hello", "note", Some("c1")));
        server.store.fail_next_writes(1, fault);
        ann.act(first.clone()).await;
        assert_eq!(ann.seen().await, ["refused INTERNAL"]);
        ann.act(first).await;
        settle().await;
        let items = ann.take();
        let line = crate::line::line(&items[0]);
        let expected = if fault == WriteFault::BeforeCommit { "sent 1 hello" } else { "sent before 1 hello" };
        assert_eq!(line, expected);
        let parlor_domain::Outgoing::Reply(reply) = &items[0] else { panic!("no answer") };
        let parlor_domain::ReplyBody::Sent { event, .. } = &reply.body else { panic!("not sent") };
        let parlor_domain::EventBody::Message(message) = event.body() else { panic!("not a message") };

        // From here on it gets the conversation's events.
        let mut tab = Client::connect(&server, "ann").await;
        tab.note(message.conversation, "more").await;
        assert_eq!(ann.seen().await, ["message 2 more"], "{fault:?}");
        ann.act(Action::Heads).await;
        assert_eq!(ann.seen().await, ["heads [2]"], "{fault:?}");
    }
}

/// Protects readers from a silent hole: where entries of the log cannot be read, the connections that need them end,
/// so that their clients resume.
#[tokio::test(start_paused = true)]
async fn a_hole_that_cannot_be_read_ends_the_connections_that_would_have_it() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    server.store.hold_writes();
    ann.note(id, "one").await;
    server.store.until_held(1).await;
    ann.note(id, "two").await;
    settle().await;
    server.store.fail_next_writes(1, WriteFault::AfterCommit);
    server.store.fail_next_reads(1);
    server.store.release_writes();
    settle().await;
    let close = bob.close().expect("the connection ends");
    assert_eq!(close.code, parlor_domain::CloseCode::Internal);
    assert!(close.code.may_reconnect());

    let mut again = Client::connect(&server, "bob").await;
    again.resume(id, 0).await;
    assert_eq!(again.seen().await, ["missed 1 one", "missed 2 two", "resumed 0..2"]);
}

/// Protects readers where the log cannot be read at once after a failed write: it is read later.
#[tokio::test(start_paused = true)]
async fn the_log_is_looked_at_again_where_it_could_not_be_read() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    server.store.fail_next_writes(1, WriteFault::AfterCommit);
    ann.note(id, "one").await;
    settle().await;
    server.store.fail_next_reads(2); // the reaper may take one of them
    pass(Duration::from_secs(4)).await;
    assert_eq!(bob.seen().await, ["message 1 one"]);
}
