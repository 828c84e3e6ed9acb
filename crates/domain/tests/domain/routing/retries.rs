//! Failures that pass: who is asked again, when, and how often.

use super::{ask_again_after, books, fail, mixed_server, provider, provider_server};
use crate::client::{Client, pass, settle};
use crate::world::{END, conversation, say, unlimited};
use parlor_domain::ports::{AttemptOutcome, BackendError};
use parlor_domain::testing::{Script, ScriptedBackend};
use std::time::Duration;

/// Protects replies from a provider's bad moment: what passes is tried again, at most three times in all; what does
/// not is not.
#[tokio::test(start_paused = true)]
async fn only_what_passes_is_tried_again() {
    let unreachable = || Script::Fail(BackendError::Unreachable("no route".into()));
    let cases = [
        (vec![vec![fail(500)]], 2),
        (vec![vec![fail(429)], vec![fail(503)]], 3),
        (vec![vec![unreachable()]], 2),
        (vec![vec![]], 2), // cut off before its first content
        (vec![vec![fail(500)], vec![fail(500)], vec![fail(500)]], 3),
        (vec![vec![fail(400)]], 1),
        (vec![vec![fail(401)]], 1),
        (vec![vec![fail(404)]], 1),
        (vec![vec![Script::Fail(BackendError::Malformed("what".into()))]], 1),
    ];
    for (failures, asked) in cases {
        let (server, mut ann, id) = provider_server(unlimited()).await;
        failures.iter().for_each(|script| server.backend.play(script.clone()));
        ann.ask(id, "hello").await;
        pass(Duration::from_secs(5)).await;
        assert_eq!(server.backend.requests().len(), asked, "{failures:?}");
        let end =
            if asked > failures.len() { "end 2 complete hello" } else { "end 2 failed (AI_UNAVAILABLE)" };
        assert_eq!(ann.lines().last().unwrap(), end, "{failures:?}");
    }
}

/// Protects a provider that says when it wants to be asked again: nobody asks it before, and then it is.
#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    server.backend.play(vec![ask_again_after(7)]);
    ann.ask(id, "hello").await;
    settle().await;
    let other = conversation(&server, &["bob"]).await;
    let mut bob = Client::join(&server, "bob", other).await;
    bob.ask(other, "me too").await;
    pass(Duration::from_millis(6_900)).await;
    assert_eq!(server.backend.requests().len(), 1, "neither this turn nor another asks before");
    pass(Duration::from_millis(2_000)).await;
    assert_eq!(server.backend.requests().len(), 3);
    assert_eq!(ann.lines().last().unwrap(), "end 2 complete hello");
    assert_eq!(bob.lines().last().unwrap(), "end 2 complete me too");
}

/// Protects who waits: where a provider wants to be left alone for longer than a turn waits, they are told at once.
#[tokio::test(start_paused = true)]
async fn a_long_retry_after_is_told() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    server.backend.play(vec![ask_again_after(3_600)]);
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(ann.lines().last().unwrap(), "end 2 failed (AI_UNAVAILABLE)");
}

/// Protects the order of attempts: each provider is asked before any is asked again, and the books tell of all.
#[tokio::test(start_paused = true)]
async fn others_come_before_a_second_try() {
    let (one, two) = (ScriptedBackend::new(), ScriptedBackend::new());
    let server = mixed_server(vec![provider(&one, 0), provider(&two, 1)], false).await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    one.play(vec![fail(500)]);
    two.play(vec![fail(400)]);
    one.play(vec![fail(502)]);
    one.play(vec![say("at last"), END]);
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(10)).await;
    assert_eq!(ann.lines().last().unwrap(), "end 2 complete at last");
    let numbers = |backend: &ScriptedBackend| -> Vec<_> {
        backend.requests().iter().map(|request| request.attempt).collect()
    };
    assert_eq!((numbers(&one), numbers(&two)), (vec![1, 3, 4], vec![2]), "a 400 does not pass");
    let turn = one.requests()[0].turn;
    let outcomes: Vec<_> = books(&server, turn)
        .await
        .into_iter()
        .map(|record| (record.attempt.number, record.outcome))
        .collect();
    let refused = AttemptOutcome::Refused;
    let expected = [(1, refused), (2, refused), (3, refused), (4, AttemptOutcome::Complete)];
    assert_eq!(outcomes, expected);
}
