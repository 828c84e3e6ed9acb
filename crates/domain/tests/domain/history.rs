//! Earlier messages, page by page.

use crate::client::{Client, settle};
use crate::world::{conversation, say, server};
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, ConversationId, Outgoing, ReplyBody};

async fn notes(server: &TestHub, texts: impl IntoIterator<Item = String>) -> (ConversationId, Client) {
    let id = conversation(server, &["ann", "bob"]).await;
    let mut ann = Client::join(server, "ann", id).await;
    for text in texts {
        ann.note(id, &text).await;
        settle().await;
        ann.take();
    }
    (id, ann)
}

async fn page(
    client: &mut Client,
    conversation: ConversationId,
    before: Option<u64>,
    limit: usize,
) -> String {
    client.act(Action::History { place: conversation.into(), before, limit }).await;
    client.lines().join("; ")
}

/// Protects the pages: each has the messages before the last one's, oldest first, and says whether there are more.
#[tokio::test(start_paused = true)]
async fn pages_lead_back_to_the_beginning() {
    let server = server().await;
    let (id, mut ann) = notes(&server, (1..=5).map(|number| number.to_string())).await;
    let cases = [
        (None, 2, "history [4, 5] and more"),
        (Some(4), 2, "history [2, 3] and more"),
        (Some(2), 2, "history [1]"),
        (Some(1), 2, "history []"),
        (Some(0), 2, "history []"),
        (None, 5, "history [1, 2, 3, 4, 5]"),
        (Some(6), 4, "history [2, 3, 4, 5] and more"),
        (Some(u64::MAX), 5, "history [1, 2, 3, 4, 5]"),
        (None, 0, "history [5] and more"),
    ];
    for (before, limit, expected) in cases {
        assert_eq!(page(&mut ann, id, before, limit).await, expected, "{before:?} {limit}");
    }
    let mut bob = Client::connect(&server, "bob").await;
    assert_eq!(page(&mut bob, id, None, 1).await, "history [5] and more");
    ann.note(id, "6").await;
    assert_eq!(bob.seen().await, ["elsewhere 6 6"], "to look is not to join");
}

/// Protects the server from a page without end: 200 messages at most.
#[tokio::test(start_paused = true)]
async fn a_page_has_at_most_two_hundred_messages() {
    let server = server().await;
    let (id, mut ann) = notes(&server, (1..=201).map(|number| number.to_string())).await;
    let line = page(&mut ann, id, None, usize::MAX).await;
    assert_eq!(line, format!("history {:?} and more", (2..=201).collect::<Vec<_>>()));
}

/// Protects a connection from a page of long messages: it is cut at about half a mebibyte.
#[tokio::test(start_paused = true)]
async fn a_page_of_long_messages_is_cut() {
    let server = server().await;
    let long = "x".repeat(60 * 1024);
    let (id, mut ann) = notes(&server, std::iter::repeat_n(long, 20)).await;
    assert_eq!(
        page(&mut ann, id, None, 200).await,
        format!("history {:?} and more", (13..=20).collect::<Vec<_>>())
    );
    assert_eq!(page(&mut ann, id, Some(5), 200).await, "history [1, 2, 3, 4]");

    let piece = "y".repeat(60 * 1024);
    server.backend.play((0..8).map(|_| say(&piece)).chain([crate::world::END]).collect());
    ann.ask(id, "tell me all").await;
    settle().await;
    ann.take();
    ann.act(Action::History { place: id.into(), before: None, limit: 200 }).await;
    let mut items = crate::client::without_updates(ann.take());
    let Some(Outgoing::Reply(reply)) = items.pop() else { panic!("no answer: {items:?}") };
    let ReplyBody::History { messages, has_more, .. } = reply.body else { panic!("no history") };
    assert_eq!((messages.len(), messages[1].content.len(), has_more), (2, 480 * 1024, true));
}

/// Protects who asks while the store fails.
#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_read_is_refused() {
    let server = server().await;
    let (id, mut ann) = notes(&server, ["1".to_owned()]).await;
    server.store.fail_next_reads(1);
    assert_eq!(page(&mut ann, id, None, 1).await, "refused INTERNAL");
    assert_eq!(page(&mut ann, id, None, 1).await, "history [1]");
}
