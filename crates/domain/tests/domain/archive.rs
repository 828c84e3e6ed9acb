//! Conversations at rest: who finds them, what deleting and restoring mean for those who are connected, and exports.

use crate::client::{Client, hanging_turn, settle};
use crate::world::{conversation, log_lines, open_turns, server, unlimited};
use parlor_domain::ports::{AuditFilter, Clock, ConversationStore, Page, Store};
use parlor_domain::testing::TestHub;
use parlor_domain::{Caller, ConversationId, ErrorCode, Refusal};
use std::time::Duration;

const FIRST: Page = Page { offset: 0, limit: 20 };

async fn caller(server: &TestHub, name: &str) -> Caller {
    server.hub.authenticate(&server.user(&format!("{name}@example.org")).await.to_string()).await.unwrap()
}

async fn listed(server: &TestHub, who: &Caller, deleted: bool) -> Vec<ConversationId> {
    let page = server.hub.conversation_list(who, deleted, FIRST).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items.iter().map(|entry| entry.summary.id).collect()
}

fn code<T>(outcome: Result<T, Refusal>) -> ErrorCode {
    outcome.err().expect("refused").code
}

/// Protects every conversation: for a stranger there is none, whatever they want of it, and they are told the same as of
/// one that never was. Who takes part and is not its owner cannot delete or restore it.
#[tokio::test(start_paused = true)]
async fn a_stranger_finds_nothing() {
    let server = server().await;
    let here = conversation(&server, &["ann", "bob"]).await;
    let (eve, bob, ann) =
        (caller(&server, "eve").await, caller(&server, "bob").await, caller(&server, "ann").await);
    for id in [here, ConversationId::new()] {
        let refusals = [
            server.hub.conversation_read(&eve, id, FIRST).await.err(),
            server.hub.conversation_delete(&eve, id).await.err(),
            server.hub.conversation_restore(&eve, id).await.err(),
            server.hub.conversation_export(&eve, id).await.err(),
            server.hub.conversation_messages(&eve, id, FIRST).await.err(),
            server.hub.conversation_rename(&eve, id, "mine").await.err(),
        ];
        for refusal in refusals {
            assert_eq!(refusal, Some(Refusal::of(ErrorCode::ConversationNotFound)));
        }
    }
    assert!(listed(&server, &eve, false).await.is_empty());
    assert_eq!(code(server.hub.conversation_delete(&bob, here).await), ErrorCode::Forbidden);
    server.hub.conversation_delete(&ann, here).await.unwrap();
    assert_eq!(code(server.hub.conversation_restore(&bob, here).await), ErrorCode::Forbidden);
    assert_eq!(code(server.hub.conversation_restore(&eve, here).await), ErrorCode::ConversationNotFound);
    assert_eq!(code(server.hub.conversation_read(&ann, here, FIRST).await), ErrorCode::ConversationNotFound);
}

/// Protects rooms: they are ended over their own door, and are in no list of conversations.
#[tokio::test(start_paused = true)]
async fn rooms_are_not_among_conversations() {
    let server = server().await;
    let mut ann = Client::connect(&server, "ann").await;
    ann.act(crate::rooms::enter(parlor_domain::room::RoomKind::Private)).await;
    settle().await;
    let room = server.store.room_find(&"room-1".parse().unwrap()).await.unwrap().unwrap();
    let caller = caller(&server, "ann").await;
    assert!(listed(&server, &caller, false).await.is_empty());
    assert_eq!(code(server.hub.conversation_delete(&caller, room).await), ErrorCode::ConversationNotFound);
}

/// Protects what was deleted by mistake: it ends for everybody who is there, its live turn too, and comes back whole: the log
/// goes on where it stood.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_can_be_restored() {
    let server = server().await;
    let here = conversation(&server, &["ann", "bob"]).await;
    let who = caller(&server, "ann").await;
    let mut ann = Client::join(&server, "ann", here).await;
    let bob = Client::join(&server, "bob", here).await;
    hanging_turn(&server, &mut ann, here).await;
    bob.seen().await;
    server.hub.conversation_delete(&who, here).await.unwrap();
    assert_eq!(bob.seen().await, ["deleted"]);
    assert_eq!(open_turns(&server).await, 0);
    assert!(listed(&server, &who, false).await.is_empty());
    assert_eq!(listed(&server, &who, true).await, [here]);
    ann.seen().await;
    ann.note(here, "too late").await;
    assert_eq!(ann.seen().await, ["refused CONVERSATION_NOT_FOUND"]);

    server.hub.conversation_restore(&who, here).await.unwrap();
    server.hub.conversation_restore(&who, here).await.unwrap();
    assert_eq!(listed(&server, &who, false).await, [here]);
    ann.note(here, "in time").await;
    settle().await;
    let log = log_lines(&server.store, here).await;
    assert_eq!(log.last().unwrap().split_once(' ').unwrap().1, "in time", "{log:?}");
    assert!(!log.iter().any(|line| line.ends_with("too late")));
    let entries = server.hub.audit_list(&admin_of(&who), AuditFilter::default(), None, 10).await.unwrap();
    let words: Vec<_> = entries.iter().rev().map(|it| it.action.as_str()).collect();
    assert_eq!(words, ["conversation_delete", "conversation_restore", "conversation_restore", "audit_read"]);
    assert!(entries[1..].iter().all(|it| it.subject == Some(here.to_string())));
}

fn admin_of(caller: &Caller) -> Caller {
    let mut admin = caller.clone();
    admin.identity.role = parlor_domain::ports::Role::Admin;
    admin
}

/// Protects the promise of deletion: when its time is over, it is gone for good, and that is written down.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_long_ago_is_removed() {
    let mut settings = unlimited();
    settings.deleted_kept = Some(Duration::from_secs(60));
    let server = TestHub::with(settings).await;
    let here = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", here).await;
    ann.note(here, "hello").await;
    settle().await;
    let who = caller(&server, "ann").await;
    server.hub.conversation_delete(&who, here).await.unwrap();
    crate::client::pass_with_clock(&server, 50).await;
    assert_eq!(listed(&server, &who, true).await, [here]);
    crate::client::pass_with_clock(&server, 50).await;
    assert!(listed(&server, &who, true).await.is_empty());
    assert_eq!(code(server.hub.conversation_restore(&who, here).await), ErrorCode::ConversationNotFound);
    assert!(log_lines(&server.store, here).await.is_empty());
}

/// Protects whoever exports: all messages in their order, as they were when it began, however many there are and whatever
/// is written meanwhile.
#[tokio::test(start_paused = true)]
async fn an_export_is_the_whole_log_of_its_beginning() {
    let server = server().await;
    let here = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", here).await;
    for number in 1..=150 {
        ann.note(here, &number.to_string()).await;
    }
    settle().await;
    let who = caller(&server, "ann").await;
    let mut export = server.hub.conversation_export(&who, here).await.unwrap();
    let mut told = vec![export.next().await.unwrap().unwrap().content];
    ann.note(here, "meanwhile").await;
    settle().await;
    while let Some(message) = export.next().await.unwrap() {
        told.push(message.content);
    }
    assert_eq!(told, (1..=150).map(|it| it.to_string()).collect::<Vec<_>>());
    assert!(export.next().await.unwrap().is_none());
    server.store.fail_next_reads(3);
    assert!(server.hub.conversation_export(&who, here).await.is_err());
}

/// Protects whoever exports from taking a part for the whole: where the conversation is removed for good meanwhile, the
/// export fails, wherever it is.
#[tokio::test(start_paused = true)]
async fn an_export_of_what_is_removed_meanwhile_does_not_end_well() {
    let server = server().await;
    let who = caller(&server, "ann").await;
    for (messages, taken) in [(1, 1), (100, 10), (100, 100), (0, 0)] {
        let here = conversation(&server, &["ann"]).await;
        let mut ann = Client::join(&server, "ann", here).await;
        for number in 0..messages {
            ann.note(here, &number.to_string()).await;
        }
        settle().await;
        let mut export = server.hub.conversation_export(&who, here).await.unwrap();
        for _ in 0..taken {
            assert!(export.next().await.unwrap().is_some());
        }
        server.hub.conversation_delete(&who, here).await.unwrap();
        let later = server.clock.now().plus(Duration::from_secs(1));
        assert_eq!(server.store.conversation_purge(later, 9, later).await.unwrap(), 1);
        let rest = loop {
            match export.next().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert!(rest.is_err(), "{taken} of {messages}");
    }
}

/// Protects readers of results: what is looked for is found in titles and messages, marked, and only where the asker takes
/// part; a question without words is refused.
#[tokio::test(start_paused = true)]
async fn search_finds_ones_own() {
    let server = server().await;
    let (hers, his) = (conversation(&server, &["ann"]).await, conversation(&server, &["bob"]).await);
    for (name, id) in [("ann", hers), ("bob", his)] {
        let mut client = Client::join(&server, name, id).await;
        client.note(id, "The quick brown fox").await;
        settle().await;
    }
    let who = caller(&server, "ann").await;
    let found = server.hub.conversation_search(&who, "FOX qui", FIRST).await.unwrap();
    assert_eq!((found.total, found.items[0].entry.summary.id), (1, hers));
    let (_, seq, snippet) = &found.items[0].messages[0];
    let marked: Vec<_> =
        snippet.parts.iter().filter(|(_, marked)| *marked).map(|(text, _)| text.as_str()).collect();
    assert_eq!((*seq, marked), (1, vec!["quick", "fox"]));
    let titled = server.hub.conversation_search(&who, "conversation", FIRST).await.unwrap();
    assert_eq!(titled.items.len(), 1, "the title counts");
    assert_eq!(server.hub.conversation_search(&who, "fox wolf", FIRST).await.unwrap().total, 0);
    for wrong in ["", " ?! ", &"x".repeat(501)] {
        let refused = server.hub.conversation_search(&who, wrong, FIRST).await;
        assert_eq!(code(refused), ErrorCode::InvalidRequest, "{wrong:?}");
    }
}
