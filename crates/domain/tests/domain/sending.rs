//! A message's way from its sender to everybody else.

use crate::client::{Client, draft, pass, settle};
use crate::slow_store::{Delays, slow_server};
use crate::world::{END, conversation, log_lines, say, server, unlimited, wait};
use parlor_domain::{Action, Command, Correlation, EventBody, Outgoing, ReplyBody, TurnOptions};
use std::time::Duration;

/// Protects who hears of a message, and in which form.
#[tokio::test(start_paused = true)]
async fn a_message_reaches_everybody_in_the_form_that_is_due() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let tab = Client::join(&server, "ann", id).await;
    let elsewhere = Client::connect(&server, "ann").await;
    let bob = Client::join(&server, "bob", id).await;
    let stranger = Client::connect(&server, "eve").await;

    ann.note(id, "hello").await;
    assert_eq!(ann.seen().await, ["sent 1 hello"]);
    assert_eq!(tab.seen().await, ["message 1 hello"]);
    assert_eq!(bob.seen().await, ["message 1 hello"]);
    assert_eq!(elsewhere.seen().await, ["elsewhere 1 hello"]);
    assert!(stranger.seen().await.is_empty());
}

/// Protects that a connection which leaves is treated as one that has not joined.
#[tokio::test(start_paused = true)]
async fn who_leaves_hears_of_messages_from_outside() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let mut bob = Client::join(&server, "bob", id).await;
    bob.act(Action::Leave(id.into())).await;
    ann.note(id, "one").await;
    assert_eq!(bob.seen().await, ["left", "elsewhere 1 one"]);
    bob.note(id, "two").await; // sending joins
    ann.note(id, "three").await;
    assert_eq!(bob.seen().await, ["sent 2 two", "message 3 three"]);
}

/// Protects the one order: each connection gets the same entries in the same order, its own as answers in their
/// places.
#[tokio::test(start_paused = true)]
async fn the_order_is_the_same_on_every_connection() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob", "cay"]).await;
    let mut clients = Vec::new();
    for name in ["ann", "ann", "bob", "cay"] {
        clients.push(Client::join(&server, name, id).await);
    }
    server.store.hold_writes();
    for round in 0..10 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.note(id, &format!("{round} of {number}")).await;
        }
        if round == 4 {
            server.store.release_writes();
        }
    }
    settle().await;
    let expected = log_lines(&server.store, id).await;
    assert_eq!(expected.len(), 40);
    for (number, client) in clients.iter().enumerate() {
        let lines = client.lines();
        let own = format!("of {number}");
        for (line, entry) in lines.iter().zip(&expected) {
            let word = if entry.ends_with(&own) { "sent" } else { "message" };
            assert_eq!(*line, format!("{word} {entry}"));
        }
        assert_eq!(lines.len(), expected.len());
    }
}

/// Protects that the answer repeats the request's names and shares the event's encoding.
#[tokio::test(start_paused = true)]
async fn an_answer_carries_its_requests_names_and_the_shared_event() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    let correlation =
        Correlation { request_id: Some("r1".into()), client_id: Some("c1".into()), outside: true };
    let action = Action::Send(draft(id, "hello", "note", Some("c1")));
    ann.session.handle(Command { action, correlation: correlation.clone() }).await;
    settle().await;

    let Some(Outgoing::Reply(reply)) = ann.take().into_iter().next() else { panic!("no answer") };
    assert_eq!(reply.correlation, correlation);
    let ReplyBody::Sent { event, .. } = reply.body else { panic!("not sent") };
    let Some(Outgoing::Event(seen)) = bob.take().into_iter().next() else { panic!("no event") };
    assert!(std::sync::Arc::ptr_eq(&event, &seen), "both hold one event, so that it is encoded once");
}

/// Protects lists from one frame a message: the summary goes out at once, then once a second, and the last change is
/// never forgotten.
#[tokio::test(start_paused = true)]
async fn the_summary_is_pushed_at_most_once_a_second() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let watcher = Client::connect(&server, "ann").await;
    let updates = || {
        let items = watcher.take();
        let of = |item: &Outgoing| match item {
            Outgoing::Event(event) => match event.body() {
                EventBody::Updated(summary) => Some((summary.last_seq, summary.message_count)),
                _ => None,
            },
            _ => None,
        };
        items.iter().filter_map(of).collect::<Vec<_>>()
    };

    ann.note(id, "one").await;
    settle().await;
    assert_eq!(updates(), [(1, 1)]);
    ann.note(id, "two").await;
    ann.note(id, "three").await;
    pass(Duration::from_millis(900)).await;
    assert_eq!(updates(), []);
    pass(Duration::from_millis(200)).await;
    assert_eq!(updates(), [(3, 3)]);
    pass(Duration::from_secs(5)).await;
    assert_eq!(updates(), []);
    ann.note(id, "four").await;
    settle().await;
    assert_eq!(updates(), [(4, 4)]);
}

/// Protects the first message: it makes its conversation, names it, and joins its sender.
#[tokio::test(start_paused = true)]
async fn a_message_without_a_conversation_makes_one() {
    let server = server().await;
    let mut ann = Client::connect(&server, "ann").await;
    let tab = Client::connect(&server, "ann").await;
    ann.act(Action::Send(draft(None, "What is new?", "note", Some("c1")))).await;
    settle().await;
    let items = ann.take();
    let entry = crate::client::entry(&items[0]).unwrap();
    assert_eq!(entry.seq, 1);
    let Outgoing::Event(update) = &items[1] else { panic!("no summary: {items:?}") };
    let EventBody::Updated(summary) = update.body() else { panic!("no summary: {items:?}") };
    assert_eq!((summary.id, summary.title.as_str()), (entry.conversation, "What is new?"));
    assert_eq!(tab.seen().await, ["elsewhere 1 What is new?"]);

    ann.note(entry.conversation, "more").await;
    assert_eq!(ann.seen().await, ["sent 2 more"]);
}

/// Protects "once": a resend gets the first answer, in its conversation or without one, and nobody else hears of it.
#[tokio::test(start_paused = true)]
async fn a_resend_gets_the_first_answer() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    ann.note_as("c1", id, "hello").await;
    ann.note_as("c1", id, "hello").await;
    ann.note_as("c1", id, "other").await; // ids come from clocks: the content counts
    assert_eq!(ann.seen().await, ["sent 1 hello", "sent before 1 hello", "sent 2 other"]);
    assert_eq!(bob.seen().await, ["message 1 hello", "message 2 other"]);

    ann.act(Action::Send(draft(None, "new", "user", Some("c2")))).await;
    assert_eq!(ann.seen().await, ["sent 1 new", "start", "delta 0 new", "end 2 complete new"]);
    let mut other_tab = Client::connect(&server, "ann").await;
    other_tab.act(Action::Send(draft(None, "new", "user", Some("c2")))).await;
    settle().await;
    let first = other_tab.take();
    assert_eq!(crate::line::lines(&first), ["sent before 1 new"]);
    let Outgoing::Reply(reply) = &first[0] else { panic!("no answer") };
    let ReplyBody::Sent { event, .. } = &reply.body else { panic!("not sent") };
    let EventBody::Message(message) = event.body() else { panic!("not a message") };
    // It is back in the conversation that it made.
    ann.note(message.conversation, "more").await;
    assert_eq!(other_tab.seen().await, ["message 3 more"]);
}

/// Protects a client whose connection broke right after its first message: the resend crosses with the first on its
/// way to disk, gets its answer, and follows the conversation that the first one makes.
#[tokio::test(start_paused = true)]
async fn a_resend_that_crosses_with_the_first_joins_its_conversation() {
    let ms = Duration::from_millis;
    let delays = Delays { read: ms(5), commit: ms(50), answer: ms(5) };
    let server = slow_server(delays, unlimited()).await;
    server.backend.play(vec![wait(1), say("so"), wait(1), END]);
    let first = Action::Send(draft(None, "hello", "user", Some("c1")));
    let mut broken = Client::connect(&server, "ann").await;
    broken.act(first.clone()).await;
    pass(ms(1)).await;
    drop(broken);
    let mut ann = Client::connect(&server, "ann").await;
    ann.act(first).await;
    pass(ms(300)).await;
    let seen = ann.lines();
    assert!(seen.contains(&"sent before 1 hello".into()) && seen.contains(&"start".into()), "{seen:?}");
    pass(Duration::from_secs(3)).await;
    assert_eq!(ann.lines(), ["delta 0 so", "end 2 complete so"]);
    assert_eq!(server.hub.figures().conversations, 1);
}

/// Protects "once" across connections: a resend that is in the same commit as the first is answered after it.
#[tokio::test(start_paused = true)]
async fn a_resend_in_the_same_commit_never_outruns_the_log() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let mut tab = Client::join(&server, "ann", id).await;
    let mut bob = Client::join(&server, "bob", id).await;
    server.store.hold_writes();
    bob.note(id, "first").await;
    server.store.until_held(1).await;
    bob.note(id, "second").await;
    ann.note_as("c1", id, "third").await;
    tab.note_as("c1", id, "third").await;
    settle().await;
    server.store.release_writes();
    assert_eq!(ann.seen().await, ["message 1 first", "message 2 second", "sent 3 third"]);
    let lines = tab.seen().await;
    assert_eq!(lines, ["message 1 first", "message 2 second", "message 3 third", "sent before 3 third"]);
}

/// Protects the store and the AI from what is no message.
#[tokio::test(start_paused = true)]
async fn what_is_no_message_is_refused() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let long = "x".repeat(64 * 1024);
    let check = [
        (draft(id, "", "note", None), "refused INVALID_MESSAGE_CONTENT"),
        (draft(id, " \n\t", "note", None), "refused INVALID_MESSAGE_CONTENT"),
        (draft(id, "a\0b", "note", None), "refused INVALID_MESSAGE_CONTENT"),
        (draft(id, &(long.clone() + "x"), "note", None), "refused MESSAGE_TOO_LONG"),
        (draft(id, "a", "", None), "refused INVALID_REQUEST"),
        (draft(id, "a", &"k".repeat(33), None), "refused INVALID_REQUEST"),
        (draft(id, "a", "assistant", None), "refused INVALID_REQUEST"),
        (draft(id, "a", "system", None), "refused INVALID_REQUEST"),
        (draft(id, "a", "note", Some("")), "refused INVALID_REQUEST"),
        (draft(id, "a", "note", Some(&"i".repeat(257))), "refused INVALID_REQUEST"),
        (draft(id, "a", "note", Some("a\0")), "refused INVALID_REQUEST"),
    ];
    for (draft, expected) in check {
        ann.act(Action::Send(draft.clone())).await;
        assert_eq!(ann.seen().await, [expected], "{:?}", (draft.kind, draft.client_id));
    }
    let mut with_model = draft(id, "a", "user", None);
    with_model.options.model = Some("m".repeat(129));
    ann.act(Action::Send(with_model)).await;
    assert_eq!(ann.seen().await, ["refused INVALID_REQUEST"]);

    ann.note(id, &long).await;
    assert_eq!(ann.seen().await.len(), 1);
    assert_eq!(log_lines(&server.store, id).await.len(), 1);
}

/// Protects the stream's action from names that no draft may have either.
#[tokio::test(start_paused = true)]
async fn a_models_name_is_checked_where_a_stream_is_asked_for_too() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    ann.note(id, "a").await;
    settle().await;
    let message = ann.entries()[0].id;
    for model in [String::new(), "m".repeat(129), "a\0".into()] {
        ann.act(Action::Stream {
            place: id.into(),
            message,
            options: TurnOptions { model: Some(model), ..TurnOptions::default() },
        })
        .await;
        assert_eq!(ann.seen().await, ["refused INVALID_REQUEST"]);
    }
}

/// Protects heartbeats: they tell the newest entry of exactly the conversations that are joined.
#[tokio::test(start_paused = true)]
async fn heads_are_those_of_the_joined_conversations() {
    let server = server().await;
    let one = conversation(&server, &["ann"]).await;
    let two = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", one).await;
    ann.act(Action::Heads).await;
    ann.note(one, "a").await;
    ann.note(one, "b").await;
    ann.note(two, "c").await;
    settle().await;
    ann.act(Action::Heads).await;
    ann.act(Action::Leave(one.into())).await;
    ann.act(Action::Heads).await;
    let lines = ann.seen().await;
    let heads: Vec<_> = lines.iter().filter(|line| line.starts_with("heads")).collect();
    assert_eq!(heads, ["heads [0]", "heads [1, 2]", "heads [1]"]);
}
