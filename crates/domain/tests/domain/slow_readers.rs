//! A slow reader harms only itself.

use crate::client::{Client, draft, pass, settle};
use crate::slow_store::{Delays, slow_server};
use crate::world::{conversation, log_lines, unlimited};
use parlor_domain::testing::{Script, TestHub};
use parlor_domain::{Action, CloseCode, Settings};
use std::time::Duration;

fn with_outbox(bytes: usize) -> Settings {
    Settings { outbox: bytes, ..unlimited() }
}

/// Protects a hundred readers from one that never reads: they get everything at once, and it is closed.
#[tokio::test(start_paused = true)]
async fn one_that_never_reads_is_closed_and_the_others_get_everything() {
    let server = TestHub::with(unlimited()).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let stuck = Client::join(&server, "bob", id).await;
    let mut readers = Vec::new();
    for _ in 0..100 {
        readers.push(Client::join(&server, "bob", id).await);
    }
    let text = "x".repeat(60_000);
    for _ in 0..30 {
        ann.note(id, &text).await;
        settle().await;
        for reader in &readers {
            assert_eq!(reader.entries().len(), 1);
        }
        ann.take();
    }
    assert!(stuck.session.outbox().is_closed());
    assert_eq!(stuck.close().unwrap().code, CloseCode::TooSlow);
    assert!(stuck.take().is_empty(), "nothing is left for it");
    assert_eq!(log_lines(&server.store, id).await.len(), 30);

    let mut back = Client::connect(&server, "bob").await;
    back.resume(id, 25).await;
    assert_eq!(back.entries().len(), 5);
}

/// Protects a turn's reader who is slow for a while: the pieces become one, and nothing of the text is lost.
#[tokio::test(start_paused = true)]
async fn the_pieces_of_a_turn_merge_for_who_is_slow() {
    let server = TestHub::with(with_outbox(64 * 1024)).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let slow = Client::join(&server, "bob", id).await;
    let words: Vec<_> = (0..7_500).map(|number| format!("{number:04}")).collect();
    // One piece a millisecond: each is handed on by itself.
    let script =
        words.iter().flat_map(|word| [crate::world::say(word), Script::Wait(Duration::from_millis(1))]);
    server.backend.play(script.chain([crate::world::END]).collect());
    ann.ask(id, "hello").await;
    let mut fast = Vec::new();
    for _ in 0..100 {
        pass(Duration::from_millis(100)).await;
        fast.extend(crate::client::without_updates(ann.take()));
    }
    let whole = words.concat();
    let items = crate::client::without_updates(slow.take());
    assert!(items.len() < 200, "{} things for the slow one", items.len());
    assert!(fast.len() > 4_000, "{} things for the fast one", fast.len());
    for items in [items, fast] {
        let lines = crate::line::lines(&items);
        assert_eq!(
            lines[1..],
            ["start".into(), format!("delta 0 {whole}"), format!("end 2 complete {whole}")]
        );
    }
}

/// Protects a slow reader's connection from what may be missed: typing is dropped before anything closes.
#[tokio::test(start_paused = true)]
async fn typing_closes_no_connection() {
    let server = TestHub::with(with_outbox(4_000)).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let slow = Client::join(&server, "bob", id).await;
    ann.note(id, &"x".repeat(2_500)).await;
    settle().await;
    for _ in 0..100 {
        for is_typing in [true, false] {
            ann.act(Action::Typing { place: id.into(), is_typing }).await;
        }
        settle().await;
        ann.take();
    }
    let lines = slow.lines();
    assert!(lines[0].starts_with("message 1"));
    assert!(lines.len() < 6, "{lines:?}");
    assert_eq!(slow.close(), None);
}

/// Protects the memory from who comes back to a busy conversation and does not read: what is kept for it is bounded.
#[tokio::test(start_paused = true)]
async fn what_is_kept_for_who_reads_the_log_is_bounded() {
    let ms = Duration::from_millis;
    let server = slow_server(Delays { read: ms(60_000), ..Delays::default() }, unlimited()).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::connect(&server, "ann").await;
    ann.note(id, "n1").await;
    let mut bob = Client::connect(&server, "bob").await;
    let outbox = std::sync::Arc::clone(bob.session.outbox());
    let writing = async {
        pass(ms(1_000)).await;
        for _ in 0..40 {
            ann.act(Action::Send(draft(id, &"x".repeat(60_000), "note", None))).await;
            pass(ms(10)).await;
            ann.take();
        }
        assert!(outbox.is_closed());
    };
    tokio::join!(writing, bob.resume(id, 0));
    assert_eq!(bob.close().unwrap().code, CloseCode::TooSlow);
    assert_eq!(log_lines(&server.store, id).await.len(), 41);
}
