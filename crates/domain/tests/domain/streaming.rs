//! A turn's way from the backend to its followers.

use crate::client::{Client, hanging_turn, pass, settle};
use crate::line::lines;
use crate::world::{END, conversation, log, log_lines, open_turns, say, server, wait};
use parlor_domain::message::{TurnStatus, Usage};
use parlor_domain::ports::Delta;
use parlor_domain::testing::Script;
use parlor_domain::{Action, MessageId, TurnOptions};
use std::time::Duration;

/// Protects a reply from its first piece to the message that it becomes.
#[tokio::test(start_paused = true)]
async fn a_reply_is_streamed_and_becomes_a_message() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    let model = Script::Say(Delta::Model("m-1".into()));
    let usage = Usage { prompt_tokens: 11, completion_tokens: 3, estimated: false };
    let told = Script::Say(Delta::Usage(usage));
    server.backend.play(vec![model, say("Grü"), wait(1), say("ße"), say(""), wait(1), told, END]);
    ann.ask(id, "hello").await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "delta 0 Grü"]);
    pass(Duration::from_secs(1)).await;
    assert_eq!(ann.lines(), ["delta 4 ße"], "the offset counts bytes");
    pass(Duration::from_secs(1)).await;
    assert_eq!(ann.seen().await, ["end 2 complete Grüße"]);
    let expected = ["message 1 hello", "start", "delta 0 Grü", "delta 4 ße", "end 2 complete Grüße"];
    let seen = bob.seen().await;
    assert_eq!(seen.concat(), expected.concat().replace("delta 4 ", ""));

    let log = log(&server.store, id).await;
    let reply = log[1].reply.clone().unwrap();
    assert_eq!((reply.in_reply_to, reply.status), (log[0].id, TurnStatus::Complete));
    assert_eq!((reply.model.as_deref(), reply.usage), (Some("m-1"), usage));
    assert_eq!(open_turns(&server).await, 0);
}

/// Protects budgets: where the backend tells no figures, they are estimated, and marked so; also for a turn that is
/// stopped in the middle.
#[tokio::test(start_paused = true)]
async fn usage_is_estimated_where_the_backend_tells_none() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![say("123456"), say("7"), END]);
    ann.ask(id, "nine char").await;
    settle().await;
    hanging_turn(&server, &mut ann, id).await;
    ann.stop(id, None).await;
    settle().await;
    let log = log(&server.store, id).await;
    let usage = |seq: usize| log[seq - 1].reply.clone().unwrap().usage;
    let first = Usage { prompt_tokens: 3 + 4, completion_tokens: 3, estimated: true };
    assert_eq!(usage(2), first, "a token has about three bytes, and a message costs four more");
    assert_eq!(usage(4), Usage { prompt_tokens: 7 + 7 + 6, completion_tokens: 1, estimated: true });
}

/// Protects who joins or asks in the middle: the stream comes from its beginning, and goes on without a gap.
#[tokio::test(start_paused = true)]
async fn asking_for_a_live_turn_shows_it_from_its_beginning() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![say("one "), wait(2), say("two "), wait(2), say("three"), END]);
    ann.ask(id, "hello").await;
    settle().await;
    let question = crate::client::entry(&ann.take()[0]).unwrap().id;
    pass(Duration::from_secs(3)).await;
    let mut bob = Client::connect(&server, "bob").await;
    bob.act(Action::Join(id.into())).await;
    let mut tab = Client::connect(&server, "ann").await;
    tab.follow(id, question).await;
    ann.follow(id, question).await;
    assert_eq!(bob.seen().await, ["joined 1", "start", "delta 0 one two "]);
    assert_eq!(ann.lines(), ["delta 4 two ", "start", "delta 0 one two "]);
    let seen = tab.seen().await;
    assert!(seen.ends_with(&["start".into(), "delta 0 one two ".into()]), "{seen:?}");
    pass(Duration::from_secs(2)).await;
    for client in [&ann, &bob, &tab] {
        assert_eq!(client.seen().await, ["delta 8 three", "end 2 complete one two three"]);
    }
    assert_eq!(server.backend.requests().len(), 1);
}

/// Protects an alternative reply: once a turn has ended, asking again begins another one for the same message.
#[tokio::test(start_paused = true)]
async fn asking_after_the_end_makes_an_alternative() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    ann.ask(id, "hello").await;
    settle().await;
    let question = ann.entries()[0].id;
    server.backend.play(Script::reply(&["another"]));
    ann.act(Action::Stream {
        place: id.into(),
        message: question,
        options: TurnOptions { model: Some("m-2".into()), ..TurnOptions::default() },
    })
    .await;
    assert_eq!(ann.seen().await, ["start", "delta 0 another", "end 3 complete another"]);
    let log = log(&server.store, id).await;
    assert!(log[1..].iter().all(|message| message.reply.as_ref().unwrap().in_reply_to == question));
    let request = server.backend.requests().pop().unwrap();
    assert_eq!(request.model.as_deref(), Some("m-2"));
    assert_eq!(request.context.len(), 1, "the alternative does not hear the reply that it replaces");

    ann.note(id, "note").await;
    settle().await;
    let note = ann.entries()[0].id;
    ann.follow(id, note).await; // a note can be answered when it is asked for
    assert_eq!(ann.seen().await, ["start", "delta 0 note", "end 5 complete note"]);
}

/// Protects two tabs that ask for an alternative at once: they get one turn, not two.
#[tokio::test(start_paused = true)]
async fn asking_twice_at_once_makes_one_turn() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let mut tab = Client::join(&server, "ann", id).await;
    ann.ask(id, "hello").await;
    settle().await;
    let question = ann.entries()[0].id;
    tab.take();
    server.store.hold_writes();
    ann.follow(id, question).await;
    tab.follow(id, question).await;
    settle().await;
    ann.follow(id, question).await;
    settle().await;
    server.store.release_writes();
    for client in [&ann, &tab] {
        assert_eq!(client.seen().await, ["start", "delta 0 hello", "end 3 complete hello"]);
    }
    assert_eq!(log_lines(&server.store, id).await.len(), 3);

    server.store.hold_writes();
    server.store.fail_next_writes(1, parlor_domain::testing::WriteFault::BeforeCommit);
    ann.follow(id, question).await;
    tab.follow(id, question).await;
    settle().await;
    server.store.release_writes();
    for client in [&ann, &tab] {
        assert_eq!(client.seen().await, ["refused INTERNAL"], "never silence");
    }
}

/// Protects a turn from being asked for what is no message of a user here.
#[tokio::test(start_paused = true)]
async fn only_a_users_message_of_this_conversation_is_answered() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let elsewhere = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    ann.ask(id, "hello").await;
    settle().await;
    let entries = ann.entries();
    ann.follow(id, entries[1].id).await;
    ann.follow(id, MessageId::new()).await;
    ann.follow(elsewhere, entries[0].id).await;
    assert_eq!(ann.seen().await, ["refused MESSAGE_NOT_FOUND"; 3]);
    assert_eq!(open_turns(&server).await, 0);
}

/// Protects a turn from its reader's going: disconnecting is not stopping.
#[tokio::test(start_paused = true)]
async fn a_turn_goes_on_without_its_reader() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![say("one "), wait(50), say("two "), wait(50), say("three"), END]);
    ann.ask(id, "hello").await;
    settle().await;
    drop(ann);
    pass(Duration::from_secs(70)).await; // longer than an idle conversation stays
    let mut back = Client::connect(&server, "ann").await;
    back.resume(id, 1).await;
    assert_eq!(back.seen().await, ["resumed 1..1", "start", "delta 0 one two "]);
    drop(back);
    pass(Duration::from_secs(200)).await;
    assert_eq!(log_lines(&server.store, id).await, ["1 hello", "2 one two three"]);
}

/// Protects a reader from a backend's text that comes in many small pieces: it is the whole text, each byte once.
#[tokio::test(start_paused = true)]
async fn many_small_pieces_make_the_whole() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let pieces: Vec<_> = (0..1_000).map(|number| format!("{number} ")).collect();
    let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
    server.backend.play(Script::reply(&pieces));
    ann.ask(id, "hello").await;
    settle().await;
    let whole = pieces.concat();
    let items = ann.take();
    assert_eq!(lines(&crate::client::without_updates(items))[2], format!("delta 0 {whole}"));
}
