//! A turn's way from the backend to its followers, and its stop.

use crate::client::{Client, draft, pass, settle};
use crate::line::lines;
use crate::world::{END, conversation, log, log_lines, open_turns, say, server, wait};
use parlor_domain::message::{TurnStatus, Usage};
use parlor_domain::ports::{BackendError, Delta};
use parlor_domain::testing::{Script, TestHub};
use parlor_domain::{Action, ConversationId, EventBody, MessageId, Outgoing};
use std::time::Duration;

/// The id of the turn that began last, among `items`.
fn started(items: &[Outgoing]) -> MessageId {
    let of = |item: &Outgoing| match item {
        Outgoing::Event(event) => match event.body() {
            EventBody::TurnStarted(turn) => Some(turn.id),
            _ => None,
        },
        _ => None,
    };
    items.iter().rev().find_map(of).expect("a turn began")
}

/// A turn that says "so" and then hangs, followed by who asked. Gives the question's id and the turn's.
async fn hanging_turn(server: &TestHub, client: &mut Client, id: ConversationId) -> (MessageId, MessageId) {
    server.backend.play(vec![say("so"), Script::Hang]);
    client.ask(id, "hello").await;
    settle().await;
    let items = client.take();
    (crate::client::entry(&items[0]).unwrap().id, started(&items))
}

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
    bob.act(Action::Join(id)).await;
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
    ann.act(Action::Stream { conversation: id, message: question, model: Some("m-2".into()) }).await;
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

    server.store.fail_next_writes(1, parlor_domain::testing::WriteFault::BeforeCommit);
    server.store.hold_writes();
    ann.ask(id, "hello").await;
    settle().await;
    ann.stop(id, None).await;
    settle().await;
    server.store.release_writes();
    assert_eq!(ann.seen().await, ["refused INTERNAL", "stopped nothing"]);
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

/// Protects a conversation from too many streams at once: four run, the rest wait for their place in order, and
/// whoever comes when too many wait is refused.
#[tokio::test(start_paused = true)]
async fn four_turns_run_at_once_and_the_rest_wait() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    for number in 0..6 {
        server.backend.play(vec![wait(10 + number), say("x"), END]);
    }
    for number in 0..6 {
        ann.ask(id, &number.to_string()).await;
    }
    settle().await;
    assert_eq!(server.backend.requests().len(), 4);
    assert_eq!(server.hub.figures().turns, 6);
    assert_eq!(ann.lines().iter().filter(|line| *line == "start").count(), 4);
    pass(Duration::from_secs(10)).await;
    assert_eq!(server.backend.requests().len(), 5);
    pass(Duration::from_secs(60)).await;
    let answered: Vec<_> = server.backend.requests().iter().map(|it| it.context.len()).collect();
    assert_eq!(answered.len(), 6);
    assert_eq!(log_lines(&server.store, id).await.len(), 12);
    assert_eq!(server.hub.figures().turns, 0);
}

/// Protects the memory and the order of things: of a flood of questions, 68 are taken (4 run, 64 wait), also where
/// they come while the first commit is on its way, and the others are told when to come again.
#[tokio::test(start_paused = true)]
async fn too_many_waiting_turns_are_refused() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    (0..68).for_each(|_| server.backend.play(vec![Script::Hang]));
    server.store.hold_writes();
    for number in 0..100 {
        ann.ask(id, &number.to_string()).await;
    }
    settle().await;
    server.store.release_writes();
    let lines = ann.seen().await;
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("sent"), count("start")), (68, 4));
    assert_eq!(count("refused CHAT_RATE_LIMIT_EXCEEDED for 1 s"), 32);
    ann.note(id, "no turn, no limit").await;
    assert_eq!(ann.seen().await, ["sent 69 no turn, no limit"]);
    ann.stop(id, None).await;
    settle().await;
    ann.take();
    ann.ask(id, "again").await;
    assert_eq!(ann.seen().await, ["sent 71 again"]);
}

/// Protects a stop of a turn that waits for its place: it ends without having asked a backend, and the place goes to
/// nobody twice.
#[tokio::test(start_paused = true)]
async fn a_waiting_turn_can_be_stopped() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    (0..4).for_each(|_| server.backend.play(vec![Script::Hang]));
    for number in 0..5 {
        ann.ask(id, &number.to_string()).await;
    }
    settle().await;
    ann.take();
    ann.stop(id, None).await;
    assert_eq!(ann.seen().await, ["start", "end 6 stopped ", "stopped stopped"]);
    assert_eq!(server.backend.requests().len(), 4);
    ann.stop(id, None).await;
    ann.ask(id, "next").await;
    let seen = ann.seen().await;
    assert!(
        seen.ends_with(&["start".into(), "delta 0 next".into(), "end 9 complete next".into()]),
        "{seen:?}"
    );
}

/// Protects the words on a failed turn: the model that was asked for is served by nobody.
#[tokio::test(start_paused = true)]
async fn a_model_that_nobody_serves_fails_the_turn() {
    let server = crate::world::server_with_backends(&[Some("m-1"), Some("m-2")]).await;
    let id = conversation(&server.server, &["ann"]).await;
    let mut ann = Client::join(&server.server, "ann", id).await;
    let mut ask = draft(id, "hello", "user", None);
    ask.model = Some("m-3".into());
    ann.act(Action::Send(ask.clone())).await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "end 2 failed (MODEL_NOT_FOUND)"]);
    ask.model = Some("m-2".into());
    ann.act(Action::Send(ask)).await;
    assert_eq!(ann.seen().await, ["sent 3 hello", "start", "delta 0 hello", "end 4 complete hello"]);
    assert!(server.backends[0].requests().is_empty());
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

/// Protects a conversation from a backend that panics: that turn fails, and the next one runs.
#[tokio::test(start_paused = true)]
async fn a_panic_in_a_backend_fails_its_turn_only() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    server.backend.play(vec![say("so"), wait(1), Script::Panic]);
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(2)).await;
    assert_eq!(ann.lines(), ["sent 1 hello", "start", "delta 0 so", "end 2 failed so(INTERNAL)"]);
    ann.ask(id, "next").await;
    assert_eq!(ann.seen().await, ["sent 3 next", "start", "delta 0 next", "end 4 complete next"]);
    let failure = BackendError::Malformed("x".into());
    server.backend.play(vec![Script::Fail(failure)]);
    ann.ask(id, "last").await;
    assert_eq!(ann.seen().await[1..], ["start", "end 6 failed (AI_UNAVAILABLE)"]);
}
