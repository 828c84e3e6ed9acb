//! Edits, deletions and reactions: entries of the log, told to everybody, and made once.

use super::{Client, add, edit, erase, forget, react};
use crate::client::settle;
use crate::world::server;
use parlor_domain::room::{MemberRole, RoomKind};
use parlor_domain::testing::{Script, TestHub, WriteFault};
use parlor_domain::{Action, MessageId};

/// Ann's room with Bob in it, and a message of hers.
async fn with_message(server: &TestHub) -> (Client, Client, MessageId) {
    let mut ann = Client::entering(server, "ann", RoomKind::Shared).await;
    let bob = Client::entering(server, "bob", None).await;
    ann.note(super::conversation(server).await, "hello").await;
    settle().await;
    let message = ann.entries()[0].id;
    forget(&[&ann, &bob]).await;
    (ann, bob, message)
}

/// Protects everybody's view: a change is told to all, also where they have not joined, with a seq of its own; one that
/// changes nothing is answered and told to nobody.
#[tokio::test(start_paused = true)]
async fn a_change_reaches_everybody_once() {
    let server = server().await;
    let (mut ann, mut bob, message) = with_message(&server).await;
    let tab = Client::connect(&server, "bob").await;
    let told = |line: &str| vec![line.to_owned()];
    let check = async |who: &mut Client, others: [&Client; 2], action: Action, now: &str| {
        assert_eq!(who.does(action.clone()).await, [format!("changed {now}")]);
        for other in others {
            assert_eq!(other.calm().await, told(&format!("changed {now}")));
        }
        assert_eq!(who.does(action).await, [format!("unchanged {now}")], "once");
        for other in others {
            assert!(other.calm().await.is_empty());
        }
    };
    check(&mut ann, [&bob, &tab], edit(message, "hullo"), "2 of 1 hullo").await;
    check(&mut bob, [&ann, &tab], react(message, "+1", true), "3 of 1 hullo[+1 1]").await;
    check(&mut ann, [&bob, &tab], react(message, "+1", true), "4 of 1 hullo[+1 2]").await;
    check(&mut bob, [&ann, &tab], react(message, "+1", false), "5 of 1 hullo[+1 1]").await;
    check(&mut ann, [&bob, &tab], erase(message), "6 of 1 (deleted)").await;
    for action in [edit(message, "again"), react(message, "+1", true)] {
        assert_eq!(ann.does(action).await, ["refused MESSAGE_NOT_FOUND"]);
    }
    ann.note(super::conversation(&server).await, "next").await;
    assert_eq!(ann.calm().await, ["sent 7 next"], "seqs go on behind changes");
}

/// Protects what people wrote: themselves and moderators change it, nobody else; everybody may react.
#[tokio::test(start_paused = true)]
async fn others_words_are_the_moderators_alone() {
    let server = server().await;
    let (mut ann, mut bob, message) = with_message(&server).await;
    assert_eq!(bob.does(edit(message, "mine")).await, ["refused FORBIDDEN"]);
    assert_eq!(bob.does(erase(message)).await, ["refused FORBIDDEN"]);
    assert_eq!(bob.does(react(message, "+1", true)).await, ["changed 2 of 1 hello[+1 1]"]);
    ann.does(add(bob.user(), Some(MemberRole::Moderator))).await;
    forget(&[&ann, &bob]).await;
    assert_eq!(bob.does(edit(message, "ours")).await, ["changed 3 of 1 ours[+1 1]"]);
    for (action, expected) in [
        (edit(message, " "), "refused INVALID_MESSAGE_CONTENT"),
        (edit(message, "a\0"), "refused INVALID_MESSAGE_CONTENT"),
        (edit(message, &"x".repeat(65_537)), "refused MESSAGE_TOO_LONG"),
        (react(message, "", true), "refused INVALID_REQUEST"),
        (react(message, "a b", true), "refused INVALID_REQUEST"),
        (react(message, &"x".repeat(65), true), "refused INVALID_REQUEST"),
        (edit(MessageId::new(), "x"), "refused MESSAGE_NOT_FOUND"),
    ] {
        assert_eq!(bob.does(action).await, [expected]);
    }
}

/// Protects a client that was away: it gets what is new as it is now, and what changed of what it has.
#[tokio::test(start_paused = true)]
async fn changes_are_resumed() {
    let server = server().await;
    let (mut ann, mut bob, first) = with_message(&server).await;
    let conversation = super::conversation(&server).await;
    ann.does(edit(first, "hullo")).await; // 2
    ann.note(conversation, "second").await; // 3
    settle().await;
    let second = ann.entries().last().unwrap().id;
    ann.does(edit(second, "zweitens")).await; // 4
    ann.does(react(first, "+1", true)).await; // 5
    forget(&[&bob]).await;
    for (from, expected) in [
        (0, vec!["missed 1 hullo", "missed 3 zweitens", "resumed 0..5"]),
        (1, vec!["missed 3 zweitens", "missed 5 of 1 hullo[+1 1]", "resumed 1..5"]),
        (3, vec!["missed 4 of 3 zweitens", "missed 5 of 1 hullo[+1 1]", "resumed 3..5"]),
        (4, vec!["missed 5 of 1 hullo[+1 1]", "resumed 4..5"]),
        (5, vec!["resumed 5..5"]),
    ] {
        bob.resume(conversation, from).await;
        assert_eq!(bob.calm().await, expected, "from {from}");
    }
}

/// Protects a change whose outcome is unknown: who asked is told to try again, and finds it done; nobody misses it.
#[tokio::test(start_paused = true)]
async fn a_change_whose_answer_was_lost_is_told_all_the_same() {
    let server = server().await;
    let (mut ann, bob, message) = with_message(&server).await;
    server.store.fail_next_writes(1, WriteFault::AfterCommit);
    ann.act(edit(message, "hullo")).await;
    crate::client::pass(std::time::Duration::from_secs(1)).await;
    assert_eq!(ann.calm().await, ["refused INTERNAL", "changed 2 of 1 hullo"]);
    assert_eq!(bob.calm().await, ["changed 2 of 1 hullo"]);
    assert_eq!(ann.does(edit(message, "hullo")).await, ["unchanged 2 of 1 hullo"]);
}

/// Protects the AI's context: it hears what messages say now, and nothing of what was deleted.
#[tokio::test(start_paused = true)]
async fn the_ai_hears_what_messages_say_now() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", None).await;
    let conversation = super::conversation(&server).await;
    let mut ids = Vec::new();
    for text in ["one", "two"] {
        server.backend.play(Script::reply(&["so"]));
        ann.ask(conversation, text).await;
        settle().await;
        ids.push(ann.entries()[0].id);
    }
    ann.does(edit(ids[0], "eins")).await;
    ann.does(erase(ids[1])).await;
    server.backend.play(Script::reply(&["so"]));
    ann.ask(conversation, "three").await;
    settle().await;
    let context = server.backend.requests().pop().unwrap().context;
    let context: Vec<_> = context.iter().map(|piece| piece.content.as_str()).collect();
    assert_eq!(context, ["eins", "so", "three"]);
}
