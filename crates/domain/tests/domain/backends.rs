//! Backends that fail, are silent or panic: a turn always ends, with what was produced.

use crate::client::{Client, draft, pass};
use crate::world::{END, WithBackends, conversation, log, say, server, server_with_backends, wait};
use parlor_domain::Action;
use parlor_domain::message::Usage;
use parlor_domain::ports::{BackendError, Delta, TurnRequest};
use parlor_domain::testing::Script;
use std::time::Duration;

fn fail(status: u16) -> Script {
    Script::Fail(BackendError::Status { status, message: "no".into(), retry_after: None })
}

/// A server with two backends, and somebody who follows a conversation of their own.
async fn two_backends() -> (WithBackends, Client, parlor_domain::ConversationId) {
    let with = server_with_backends(&[None, None]).await;
    let id = conversation(&with.server, &["ann"]).await;
    let ann = Client::join(&with.server, "ann", id).await;
    (with, ann, id)
}

/// Protects a turn from a backend that fails in whatever way before its first content: the next one answers.
#[tokio::test(start_paused = true)]
async fn the_next_backend_answers_where_the_first_fails_before_any_content() {
    let figures = Usage { prompt_tokens: 99, completion_tokens: 99, estimated: false };
    let failures = [
        vec![fail(500)],
        vec![Script::Fail(BackendError::Unreachable("gone".into()))],
        vec![Script::Fail(BackendError::Malformed("what".into()))],
        vec![],
        vec![Script::Hang],
        vec![say(""), Script::Say(Delta::Model("m-1".into())), Script::Say(Delta::Usage(figures)), fail(429)],
    ];
    for failure in failures {
        let (with, mut ann, id) = two_backends().await;
        with.backends[0].play(failure.clone());
        with.backends[1].play(vec![say("ok"), END]);
        ann.ask(id, "hello").await;
        pass(Duration::from_secs(90)).await;
        let expected = ["sent 1 hello", "start", "delta 0 ok", "end 2 complete ok"];
        assert_eq!(ann.lines(), expected, "{failure:?}");
        let reply = log(&with.server.store, id).await[1].reply.clone().unwrap();
        assert_eq!(reply.model, None, "the first one's name and figures are not the reply's");
        assert!(reply.usage.estimated);
        let (first, second) = (with.backends[0].requests().remove(0), with.backends[1].requests().remove(0));
        assert_eq!((first.attempt, second.attempt), (1, 2));
        assert_eq!(TurnRequest { attempt: 2, ..first }, second, "it is asked the same");
    }
}

/// Protects readers from a text of two voices: after the first content there is no other backend, and what was
/// produced is kept.
#[tokio::test(start_paused = true)]
async fn a_backend_that_fails_after_its_first_content_interrupts_the_turn() {
    for failure in [Some(fail(500)), None, Some(Script::Hang)] {
        let (with, mut ann, id) = two_backends().await;
        with.backends[0].play([say("so f"), say("ar")].into_iter().chain(failure.clone()).collect());
        ann.ask(id, "hello").await;
        pass(Duration::from_secs(90)).await;
        let expected = ["sent 1 hello", "start", "delta 0 so far", "end 2 interrupted so far"];
        assert_eq!(ann.lines(), expected, "{failure:?}");
        assert!(with.backends[1].requests().is_empty());
    }
}

/// Protects who asks from silence: where nobody answers, the turn fails and says so.
#[tokio::test(start_paused = true)]
async fn a_turn_fails_where_every_backend_does() {
    let (with, mut ann, id) = two_backends().await;
    for _ in 0..3 {
        with.backends[0].play(vec![fail(500)]);
        with.backends[1].play(vec![fail(503)]);
    }
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(20)).await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "end 2 failed (AI_UNAVAILABLE)"]);
    assert_eq!(with.backends.iter().map(|backend| backend.requests().len()).collect::<Vec<_>>(), [3, 3]);
}

/// Protects a reply that is whole though it is empty.
#[tokio::test(start_paused = true)]
async fn an_empty_reply_is_a_reply() {
    let (with, mut ann, id) = two_backends().await;
    with.backends[0].play(vec![END]);
    ann.ask(id, "hello").await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "end 2 complete "]);
    assert!(with.backends[1].requests().is_empty());
}

/// Protects the three limits on a turn's time: just below each one a turn goes on, just above it it ends.
#[tokio::test(start_paused = true)]
async fn each_limit_on_a_turns_time_holds() {
    let slow_start = |seconds| vec![Script::Say(Delta::Model("m".into())), wait(seconds), say("x"), END];
    let slow_middle = |seconds| vec![say("x"), wait(seconds), say("y"), END];
    let slow_end = |seconds| vec![say("x"), wait(seconds), END];
    let long = |pieces: usize| {
        let piece = || [say("x"), wait(49)];
        (0..pieces).flat_map(|_| piece()).chain([END]).collect::<Vec<_>>()
    };
    let cases = [
        (slow_start(59), 59, "complete x".to_owned()),
        (slow_start(61), 60, "failed (AI_UNAVAILABLE)".into()),
        (slow_middle(59), 59, "complete xy".into()),
        (slow_middle(61), 60, "interrupted x".into()),
        (slow_end(59), 59, "complete x".into()),
        (slow_end(61), 60, "interrupted x".into()),
        (long(12), 588, format!("complete {}", "x".repeat(12))),
        (long(14), 600, format!("interrupted {}", "x".repeat(13))),
    ];
    for (script, ends_after, end) in cases {
        let server = server().await;
        let id = conversation(&server, &["ann"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        server.backend.play(script);
        ann.ask(id, "hello").await;
        pass(Duration::from_millis(ends_after * 1_000 - 500)).await;
        let before = ann.lines();
        assert!(!before.iter().any(|line| line.starts_with("end")), "{end}: {before:?}");
        pass(Duration::from_secs(1)).await;
        assert_eq!(ann.lines().last(), Some(&format!("end 2 {end}")));
    }
}

/// Protects the words on a failed turn: the model that was asked for is served by nobody.
#[tokio::test(start_paused = true)]
async fn a_model_that_nobody_serves_fails_the_turn() {
    let server = crate::world::server_with_backends(&[Some("m-1"), Some("m-2")]).await;
    let id = conversation(&server.server, &["ann"]).await;
    let mut ann = Client::join(&server.server, "ann", id).await;
    let mut ask = draft(id, "hello", "user", None);
    ask.options.model = Some("m-3".into());
    ann.act(Action::Send(ask.clone())).await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "end 2 failed (MODEL_NOT_FOUND)"]);
    ask.options.model = Some("m-2".into());
    ann.act(Action::Send(ask)).await;
    assert_eq!(ann.seen().await, ["sent 3 hello", "start", "delta 0 hello", "end 4 complete hello"]);
    assert!(server.backends[0].requests().is_empty());
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

/// Protects the memory, and every later resume, from a backend that does not stop: a reply that would not fit into
/// half of an outbox is interrupted there, between two characters.
#[tokio::test(start_paused = true)]
async fn an_endless_reply_is_interrupted() {
    let settings = parlor_domain::Settings { outbox: 16 * 1024, ..crate::world::unlimited() };
    let most = 8 * 1024 - 1024;
    for piece in ["ü".repeat(500), "ü".repeat(100_000)] {
        let server = parlor_domain::testing::TestHub::with(settings.clone()).await;
        let id = conversation(&server, &["ann"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        server.backend.play(std::iter::repeat_n([say("x"), say(&piece)], 50).flatten().collect());
        ann.ask(id, "hello").await;
        pass(Duration::from_secs(1)).await;
        let reply = log(&server.store, id).await.pop().unwrap();
        assert!((most - 1..=most).contains(&reply.content.len()), "{} bytes", reply.content.len());
        assert_eq!(reply.reply.unwrap().status, parlor_domain::message::TurnStatus::Interrupted);
        assert_eq!(ann.lines().last(), Some(&format!("end 2 interrupted {}", reply.content)));
        let mut back = Client::connect(&server, "ann").await;
        back.resume(id, 0).await;
        assert_eq!(back.entries().len(), 2);
    }
}
