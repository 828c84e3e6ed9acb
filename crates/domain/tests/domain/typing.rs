//! "Is typing": to the others, for as long as it is true.

use crate::client::{Client, pass, settle};
use crate::world::{conversation, server};
use parlor_domain::{Action, ConversationId};
use std::time::Duration;

async fn type_in(client: &mut Client, conversation: ConversationId, is_typing: bool) {
    client.act(Action::Typing { place: conversation.into(), is_typing }).await;
}

/// Protects a typist from seeing themselves, and the others from hearing the same twice.
#[tokio::test(start_paused = true)]
async fn only_the_others_hear_of_typing_and_only_of_changes() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let tab = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    let elsewhere = Client::connect(&server, "bob").await;
    type_in(&mut ann, id, false).await;
    assert!(bob.seen().await.is_empty());
    type_in(&mut ann, id, true).await;
    type_in(&mut ann, id, true).await;
    assert_eq!(bob.seen().await, ["typing"]);
    type_in(&mut ann, id, false).await;
    type_in(&mut ann, id, false).await;
    assert_eq!(bob.seen().await, ["typing ended"]);
    for client in [&ann, &tab, &elsewhere] {
        assert!(client.seen().await.is_empty());
    }
}

/// Protects the others from a typist who went away: it ends six seconds after the last word of it.
#[tokio::test(start_paused = true)]
async fn typing_ends_by_itself() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    type_in(&mut ann, id, true).await;
    pass(Duration::from_millis(5_900)).await;
    assert_eq!(bob.lines(), ["typing"]);
    pass(Duration::from_millis(200)).await;
    assert_eq!(bob.lines(), ["typing ended"]);

    type_in(&mut ann, id, true).await;
    pass(Duration::from_secs(4)).await;
    type_in(&mut ann, id, true).await; // goes on
    drop(ann);
    pass(Duration::from_secs(5)).await;
    assert_eq!(bob.lines(), ["typing"]);
    pass(Duration::from_secs(2)).await;
    assert_eq!(bob.lines(), ["typing ended"]);
}

/// Protects the picture of a conversation: a message ends its author's typing, and nobody else's.
#[tokio::test(start_paused = true)]
async fn a_message_ends_its_authors_typing() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob", "cay"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let mut cay = Client::join(&server, "cay", id).await;
    let bob = Client::join(&server, "bob", id).await;
    type_in(&mut ann, id, true).await;
    type_in(&mut cay, id, true).await;
    ann.note(id, "hello").await;
    assert_eq!(bob.seen().await, ["typing", "typing", "typing ended", "message 1 hello"]);
    pass(Duration::from_secs(7)).await;
    assert_eq!(bob.lines(), ["typing ended"]);
}

/// Protects members that have not joined on this connection: they may type all the same.
#[tokio::test(start_paused = true)]
async fn a_member_types_without_having_joined() {
    let server = server().await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::connect(&server, "ann").await;
    let bob = Client::join(&server, "bob", id).await;
    type_in(&mut ann, id, true).await;
    settle().await;
    assert_eq!(bob.lines(), ["typing"]);
    assert!(ann.lines().is_empty());
}
