//! How many turns of a conversation run at once, and what becomes of the others.

use crate::client::{Client, pass, settle};
use crate::world::{END, conversation, log_lines, say, server, wait};
use parlor_domain::testing::Script;
use std::time::Duration;

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
