//! What a live reply shows beside its text, and what becomes of it where its backend fails.

use super::{ask_with_restarts, fail, provider_server};
use crate::client::{Client, pass};
use crate::world::{END, log, say, unlimited};
use parlor_domain::message::TurnStatus;
use parlor_domain::ports::{About, Delta, Finish, ToolCall};
use parlor_domain::testing::{Script, TestHub};
use std::time::Duration;

fn think(text: &str) -> Script {
    Script::Say(Delta::Reasoning(text.into()))
}

fn call(index: u32, arguments: &str) -> Script {
    let arguments = arguments.into();
    Script::Say(Delta::ToolCall(ToolCall { index, id: None, name: None, arguments }))
}

/// Protects the text from what is no part of it: thoughts and calls are told apart, and none of them is in the log.
#[tokio::test(start_paused = true)]
async fn thoughts_and_calls_are_kept_apart() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    let script = vec![think("hm"), think(", ü"), say("so"), call(0, "{}"), think("ok"), say(" be it"), END];
    server.backend.play(script);
    ann.ask(id, "hello").await;
    let expected = [
        "sent 1 hello",
        "start",
        "thought 0 hm, ü",
        "delta 0 so",
        "call 0 {}",
        "thought 6 ok",
        "delta 2  be it",
        "end 2 complete so be it",
    ];
    assert_eq!(ann.seen().await, expected);
    assert_eq!(log(&server.store, id).await[1].content, "so be it");
}

/// Protects a reply that is nothing but calls of tools: it is whole.
#[tokio::test(start_paused = true)]
async fn a_reply_of_calls_is_whole() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    server.backend.play(vec![call(0, "{\"a\""), call(0, ":1}"), Script::Say(Delta::End(Finish::ToolCalls))]);
    ann.ask(id, "hello").await;
    assert_eq!(ann.seen().await[2..], ["call 0 {\"a\"", "call 0 :1}", "end 2 complete "]);
}

/// Protects readers from two minds: where a backend fails after its thoughts and before its content, the next one's
/// first word says that what was shown counts no more.
#[tokio::test(start_paused = true)]
async fn thoughts_do_not_commit_a_turn() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    server.backend.play(vec![think("one"), fail(500)]);
    server.backend.play(vec![think("two"), say("second"), END]);
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(2)).await;
    let expected = ["thought 0 one", "restart 2", "thought 0 two", "delta 0 second", "end 2 complete second"];
    assert_eq!(ann.lines()[2..], expected);
}

/// Protects who would rather have a whole reply than the beginning of one: by their leave another backend begins anew,
/// what was shown is replaced, and the log has one text.
#[tokio::test(start_paused = true)]
async fn a_reply_is_made_anew_by_the_clients_leave() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    server.backend.play(vec![say("a long beginning"), fail(500)]);
    server.backend.play(vec![say("whole"), END]);
    ann.act(ask_with_restarts(id)).await;
    pass(Duration::from_secs(2)).await;
    let expected = ["delta 0 a long beginning", "restart 2", "delta 0 whole", "end 2 complete whole"];
    assert_eq!(ann.lines()[2..], expected);
    assert_eq!(log(&server.store, id).await[1].content, "whole");
    // Where nobody else has a word, the beginning stays.
    server.backend.play(vec![say("only a beginning"), fail(500)]);
    server.backend.play(vec![fail(500)]);
    server.backend.play(vec![fail(500)]);
    ann.act(ask_with_restarts(id)).await;
    pass(Duration::from_secs(5)).await;
    assert_eq!(ann.lines().last().unwrap(), "end 4 interrupted only a beginning");
}

/// Protects a late reader: who joins after a restart sees the new text alone, at its offsets.
#[tokio::test(start_paused = true)]
async fn who_joins_after_a_restart_sees_the_new_text() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    let bob = server.user("bob@example.org").await;
    server.hub.participant_add(id, bob).await.unwrap();
    server.backend.play(vec![say("a long beginning"), fail(500)]);
    server.backend.play(vec![say("new"), Script::Wait(Duration::from_secs(9)), say("er"), END]);
    ann.act(ask_with_restarts(id)).await;
    pass(Duration::from_secs(4)).await;
    let bob = Client::join(&server, "bob", id).await;
    pass(Duration::from_secs(9)).await;
    assert_eq!(bob.lines(), ["delta 3 er", "end 2 complete newer"]);
}

/// Protects a crash: a restarted reply's checkpoint is the new text, also where it is as long as the old one.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_follows_a_restart() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    server.backend.play(vec![say("old"), Script::Wait(Duration::from_secs(3)), fail(500)]);
    server.backend.play(vec![say("new"), Script::Hang]);
    ann.act(ask_with_restarts(id)).await;
    pass(Duration::from_secs(8)).await;
    // Another process opens the log: for it, the turn is a dead one's.
    let next = TestHub::on(std::sync::Arc::clone(&server.store), unlimited()).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(log(&next.store, id).await[1].content, "new");
}

/// Protects the memory from a mind that never stops: thoughts beyond the longest reply are left out, and the reply
/// comes all the same; calls that long are an error.
#[tokio::test(start_paused = true)]
async fn endless_thoughts_are_cut() {
    let settings = parlor_domain::Settings { outbox: 16 * 1024, ..unlimited() };
    let (server, mut ann, id) = provider_server(settings.clone()).await;
    let thoughts = (0..100).map(|_| think(&"ü".repeat(500)));
    server.backend.play(thoughts.chain([say("done"), END]).collect());
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(log(&server.store, id).await[1].content, "done");
    let (server, mut ann, id) = provider_server(settings).await;
    server.backend.play((0..100).map(|_| call(0, &"x".repeat(500))).chain([END]).collect());
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(1)).await;
    let status = log(&server.store, id).await[1].reply.as_ref().map(|reply| reply.status);
    assert_eq!(status, Some(TurnStatus::Interrupted));
}

/// Protects a model that thinks for long: a sign of life is enough for the first limit, and every one for the second.
#[tokio::test(start_paused = true)]
async fn thinking_is_a_sign_of_life() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    let long = |text: &str| [Script::Wait(Duration::from_secs(50)), think(text)];
    let script = [long("a"), long("b"), long("c")].concat();
    server.backend.play(script.into_iter().chain([say("done"), END]).collect());
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(160)).await;
    assert_eq!(ann.lines().last().unwrap(), "end 2 complete done");
}

/// Protects the log and the books from what no database holds: a NUL is replaced, and names are cut.
#[tokio::test(start_paused = true)]
async fn what_no_database_holds_is_replaced() {
    let (server, mut ann, id) = provider_server(unlimited()).await;
    let about = About { confidence: None, content_type: Some("t\0".repeat(100)) };
    let script = [Delta::Model("m\0".repeat(100)), Delta::About(about), Delta::Content("a\0b".into())];
    server.backend.play(script.map(Script::Say).into_iter().chain([END]).collect());
    ann.ask(id, "hello").await;
    assert_eq!(ann.seen().await[2..], ["delta 0 a\u{fffd}b", "end 2 complete a\u{fffd}b"]);
    let message = log(&server.store, id).await.remove(1);
    let model = message.reply.unwrap().model.unwrap();
    assert!(model.starts_with("m\u{fffd}m") && model.len() <= 128, "{model}");
    let content_type = message.content_type.unwrap();
    assert!(content_type.starts_with("t\u{fffd}t") && content_type.len() <= 64, "{content_type}");
}
