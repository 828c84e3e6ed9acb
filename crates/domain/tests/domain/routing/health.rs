//! Backends that fail for long, and how turns are shared among those that do not.

use super::{fail, mixed_server, provider, provider_server};
use crate::client::{Client, pass, settle};
use crate::world::{END, conversation, say, unlimited, wait};
use parlor_domain::Provider;
use parlor_domain::testing::{Script, ScriptedBackend, TestHub};
use std::num::NonZeroU32;
use std::time::Duration;

/// Protects a provider that is down and the turns that would wait for it: after five failures nobody asks it for the
/// cooldown, then one turn finds out for all.
#[tokio::test(start_paused = true)]
async fn a_provider_that_keeps_failing_is_left_alone() {
    let mut settings = unlimited();
    settings.turns.retries.rounds = 1;
    let (server, mut ann, id) = provider_server(settings).await;
    for _ in 0..6 {
        server.backend.play(vec![fail(500)]);
    }
    for _ in 0..8 {
        ann.ask(id, "hello").await;
        assert_eq!(ann.seen().await.last().unwrap().split(' ').next_back(), Some("(AI_UNAVAILABLE)"));
    }
    assert_eq!(server.backend.requests().len(), 5, "the last three were not asked");
    pass(Duration::from_secs(15)).await;
    ann.ask(id, "hello").await;
    settle().await;
    assert_eq!(server.backend.requests().len(), 6, "one finds out");
    ann.ask(id, "hello").await;
    settle().await;
    assert_eq!(server.backend.requests().len(), 6, "and it was not well");
    pass(Duration::from_secs(15)).await;
    ann.take();
    // Two come at once: one is asked, the other waits for what it finds.
    server.backend.play(vec![wait(3), say("well"), END]);
    ann.ask(id, "first").await;
    ann.ask(id, "second").await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(server.backend.requests().len(), 7);
    pass(Duration::from_secs(3)).await;
    let seen = ann.seen().await;
    let completed = seen.iter().filter(|line| line.contains("complete")).count();
    assert_eq!(completed, 2, "{seen:?}");
}

/// Protects operators from a server that only looks well: what takes no turns says so.
#[tokio::test(start_paused = true)]
async fn the_state_of_every_backend_is_told() {
    let backend = ScriptedBackend::new();
    let server = mixed_server(vec![provider(&backend, 0)], true).await;
    let worker = super::TestWorker::connect(&server, "w-1");
    let states = || -> Vec<_> {
        let states = server.hub.backend_states().into_iter();
        states.map(|state| (state.name, state.is_worker, state.turns, state.takes_turns)).collect()
    };
    let provider = |takes_turns| ("scripted".to_owned(), false, 0, takes_turns);
    assert_eq!(states(), [("w-1".to_owned(), true, 0, true), provider(true)]);
    worker.status(false, None, None);
    assert!(!states()[0].3, "it is on its way out");
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    for _ in 0..5 {
        backend.play(vec![fail(500)]);
    }
    ann.ask(id, "hello").await;
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(5)).await;
    assert_eq!(backend.requests().len(), 5, "{:?}", ann.lines());
    assert_eq!(states()[1], provider(false), "it has failed too often");
    drop(worker);
    assert_eq!(states().len(), 1);
}

/// Protects the operator's order: the first provider gets everything until it has no place or is not well.
#[tokio::test(start_paused = true)]
async fn providers_are_asked_in_their_order() {
    let (one, two) = (ScriptedBackend::new(), ScriptedBackend::new());
    let first = Provider { capacity: NonZeroU32::new(2), ..provider(&one, 1) };
    let server = mixed_server(vec![provider(&two, 2), first], false).await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    for _ in 0..3 {
        one.play(vec![Script::Hang]);
    }
    for _ in 0..4 {
        ann.ask(id, "hello").await;
        settle().await;
    }
    assert_eq!((one.requests().len(), two.requests().len()), (2, 2));
}

/// Protects what an operator pays for: providers of one priority share turns by their weights, and where one comes
/// back it is not flooded with what it missed.
#[tokio::test(start_paused = true)]
async fn weights_share_turns() {
    let backends = [ScriptedBackend::new(), ScriptedBackend::new()];
    let heavy = Provider { weight: NonZeroU32::new(3).unwrap(), ..provider(&backends[0], 0) };
    let server = mixed_server(vec![heavy, provider(&backends[1], 0)], false).await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let counts = || backends.each_ref().map(|backend| backend.requests().len());
    let mut last = [0, 0];
    for _ in 0..5 {
        ask(&server, &mut ann, id, 4).await;
        let now = counts();
        assert_eq!([now[0] - last[0], now[1] - last[1]], [3, 1], "in every four");
        last = now;
    }
}

async fn ask(_: &TestHub, ann: &mut Client, id: parlor_domain::ConversationId, times: usize) {
    for _ in 0..times {
        ann.ask(id, "hello").await;
        settle().await;
    }
}
