//! The rules of entry of the three kinds.

use super::{ROOM, add, enter, exit, forget, id, place, wanted};
use crate::client::{Client, draft, pass, settle};
use crate::world::{server, unlimited};
use parlor_domain::ports::{AuditEntry, AuditFilter, AuditStore};
use parlor_domain::room::{MemberRole, RoomKind};
use parlor_domain::testing::{MemoryStore, TestHub};
use parlor_domain::{Action, ErrorCode, HISTORY_MAX, RoomAction, RoomDraft, TurnOptions};
use std::sync::Arc;
use std::time::Duration;

/// Protects a private room: its creator and one other, and the second sees only what came since.
#[tokio::test(start_paused = true)]
async fn a_private_room_is_for_two() {
    let server = server().await;
    let mut ann = Client::connect(&server, "ann").await;
    assert_eq!(ann.does(enter(None)).await, ["room private room-1 as owner at 0, 1 of 1 online"]);
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "before").await;
    forget(&[&ann]).await;

    let mut bob = Client::connect(&server, "bob").await;
    assert_eq!(bob.does(enter(None)).await, ["room private room-1 as member at 1, 2 of 2 online"]);
    ann.note(conversation, "after").await;
    assert_eq!(bob.calm().await, ["message 2 after"]);
    let history = Action::History { place: place(), before: None, limit: HISTORY_MAX };
    assert_eq!(bob.does(history.clone()).await, ["history [2]"]);
    bob.resume(conversation, 0).await;
    assert_eq!(bob.calm().await, ["missed 2 after", "resumed 0..2"]);

    let mut cay = Client::connect(&server, "cay").await;
    assert_eq!(cay.does(enter(None)).await, ["refused ROOM_FULL"]);
    assert_eq!(cay.does(history).await, ["refused ROOM_NOT_FOUND"]);
    assert_eq!(
        ann.does(enter(None)).await.last().unwrap(),
        "room private room-1 as owner at 2, 2 of 2 online"
    );
}

/// Protects what a second person must not see: neither changes to what came before them, nor a new answer to it.
#[tokio::test(start_paused = true)]
async fn who_came_second_learns_nothing_of_what_came_before() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", None).await;
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "the secret").await;
    settle().await;
    let secret = ann.entries()[0].id;
    let mut bob = Client::entering(&server, "bob", None).await;
    let mut tab = Client::connect(&server, "bob").await;

    assert_eq!(ann.does(super::edit(secret, "another secret")).await, ["changed 2 of 1 another secret"]);
    assert!(bob.calm().await.is_empty() && tab.calm().await.is_empty());
    bob.resume(conversation, 1).await;
    assert_eq!(bob.calm().await, ["resumed 1..2"]);
    for action in [
        super::react(secret, "+1", true),
        Action::Stream { place: place(), message: secret, options: TurnOptions::default() },
        Action::Regenerate { place: place(), message: Some(secret), options: TurnOptions::default() },
    ] {
        assert_eq!(bob.does(action).await, ["refused MESSAGE_NOT_FOUND"]);
    }
    server.backend.play(parlor_domain::testing::Script::reply(&["so"]));
    tab.act(Action::Send(draft(conversation, "what was said?", "user", None))).await;
    settle().await;
    let context: Vec<_> =
        server.backend.requests().remove(0).context.into_iter().map(|it| it.content).collect();
    assert_eq!(context, ["what was said?"], "the AI tells them nothing either");
}

/// Protects open rooms: everybody may enter, sees everything, and the first is the owner.
#[tokio::test(start_paused = true)]
async fn a_shared_room_is_open() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Shared).await;
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "hello").await;
    let mut bob = Client::connect(&server, "bob").await;
    let message = Action::Send(draft(conversation, "me too", "note", None));
    assert_eq!(bob.does(message.clone()).await, ["refused CONVERSATION_NOT_FOUND"], "not before entering");
    assert_eq!(bob.does(enter(None)).await, ["room shared room-1 as member at 1, 2 of 2 online"]);
    bob.resume(conversation, 0).await;
    assert_eq!(bob.calm().await, ["missed 1 hello", "resumed 0..1"]);
    assert_eq!(bob.does(message).await, ["sent 2 me too"]);
}

/// Protects closed rooms: only whom the owner or a moderator has added.
#[tokio::test(start_paused = true)]
async fn a_group_is_for_those_who_were_added() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Group).await;
    let mut bob = Client::connect(&server, "bob").await;
    assert_eq!(bob.does(enter(None)).await, ["refused ROOM_ACCESS_DENIED"]);
    assert_eq!(bob.does(enter(RoomKind::Shared)).await, ["refused ROOM_ACCESS_DENIED"], "nor its kind");
    assert_eq!(ann.does(add(bob.user(), None)).await, ["now member", "made member"]);
    assert_eq!(bob.calm().await, ["now member"], "they hear of it wherever they are");
    assert_eq!(bob.does(enter(None)).await, ["room group room-1 as member at 0, 2 of 2 online"]);
}

/// Protects who asks for a room from getting another one under its name.
#[tokio::test(start_paused = true)]
async fn a_taken_id_with_other_rules_is_a_conflict() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Shared).await;
    for kind in [RoomKind::Private, RoomKind::Group] {
        assert_eq!(ann.does(enter(kind)).await, ["refused CONFLICT"]);
        assert_eq!(Client::connect(&server, "bob").await.does(enter(kind)).await, ["refused CONFLICT"]);
    }
    let long = RoomDraft { name: Some("n".repeat(201)), ..wanted("room-2", None, None) };
    let action = Action::Room(RoomAction::Enter(long));
    assert_eq!(ann.does(action).await, ["refused INVALID_REQUEST"]);
}

/// Protects the creation from two who do it at once: there is one room, and one owner.
#[tokio::test(start_paused = true)]
async fn two_who_make_a_room_at_once_are_in_the_same() {
    let server = server().await;
    let mut clients = Vec::new();
    for name in ["ann", "bob", "cay", "dan"] {
        clients.push(Client::connect(&server, name).await);
    }
    let entered =
        futures_util::future::join_all(clients.iter_mut().map(|it| it.act(enter(RoomKind::Shared)))).await;
    assert_eq!(entered.len(), 4);
    let mut owners = 0;
    for client in &clients {
        let lines = client.calm().await;
        assert!(lines[0].starts_with("room shared room-1 as "), "{lines:?}");
        owners += usize::from(lines[0].contains("owner"));
    }
    assert_eq!(owners, 1);
    let caller = server.hub.authenticate(&clients[0].user().to_string()).await.unwrap();
    assert_eq!(server.hub.member_list(&caller, &id(ROOM), None, 10).await.unwrap().len(), 4);
}

/// Protects a member who enters from two tabs at once: they are in it once, and stay in it.
#[tokio::test(start_paused = true)]
async fn who_enters_twice_at_once_is_a_member() {
    let server = server().await;
    let ann = Client::entering(&server, "ann", RoomKind::Shared).await;
    let mut tabs = [Client::connect(&server, "bob").await, Client::connect(&server, "bob").await];
    server.store.hold_writes();
    let [one, two] = &mut tabs;
    let entering = async { tokio::join!(one.act(enter(None)), two.act(enter(None))) };
    let release = async {
        server.store.until_held(1).await;
        settle().await;
        server.store.release_writes();
    };
    tokio::join!(entering, release);
    for tab in &tabs {
        assert_eq!(tab.calm().await[0], "room shared room-1 as member at 0, 2 of 2 online");
    }
    drop(ann);
    let conversation = super::conversation(&server).await;
    let [one, two] = &mut tabs;
    one.note(conversation, "still here").await;
    assert_eq!(two.calm().await, ["message 1 still here"]);
}

/// Protects an id that another node freed and gave to another room: what this node knew of it is asked again.
#[tokio::test(start_paused = true)]
async fn a_room_that_was_replaced_elsewhere_is_found() {
    let store = Arc::new(MemoryStore::shared());
    let one = TestHub::on(Arc::clone(&store), unlimited()).await;
    let two = TestHub::on(store, unlimited()).await;
    let mut ann = Client::entering(&two, "ann", RoomKind::Group).await;
    let mut bob = Client::connect(&one, "bob").await;
    assert_eq!(bob.does(enter(None)).await, ["refused ROOM_ACCESS_DENIED"]);
    pass(Duration::from_secs(200)).await; // the first node has no task for it any more
    ann.does(super::delete()).await;
    ann.does(enter(RoomKind::Shared)).await;
    let entered = "room shared room-1 as member at 0, 1 of 2 online"; // ann is on the other node
    assert_eq!(bob.does(enter(None)).await, [entered]);
}

/// Protects a room from having nobody who can end it: the one with most to say, and then the eldest, follows.
#[tokio::test(start_paused = true)]
async fn an_owner_who_leaves_has_an_heir() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Shared).await;
    let bob = Client::entering(&server, "bob", None).await;
    pass(Duration::from_secs(1)).await;
    let mut cay = Client::entering(&server, "cay", None).await;
    assert_eq!(
        ann.does(add(cay.user(), Some(MemberRole::Moderator))).await,
        ["now moderator", "made moderator"]
    );
    forget(&[&bob, &cay]).await;
    assert_eq!(ann.does(exit()).await, ["gone", "room left"]);
    assert_eq!(bob.calm().await, ["gone", "now owner"]);
    assert_eq!(cay.does(super::delete()).await.last().unwrap(), "room deleted");
}

/// Protects ids from rooms that nobody can enter any more. Its end is written down, as every end of a room.
#[tokio::test(start_paused = true)]
async fn a_closed_room_ends_with_its_last_member_and_an_open_one_does_not() {
    let server = server().await;
    for (kind, expected, ends) in [
        (RoomKind::Private, "room group room-1 as owner at 0, 1 of 1 online", 1),
        (RoomKind::Group, "room group room-1 as owner at 0, 1 of 1 online", 1),
        (RoomKind::Shared, "refused CONFLICT", 0),
    ] {
        let server = TestHub::start().await;
        let mut ann = Client::entering(&server, "ann", kind).await;
        ann.note(super::conversation(&server).await, "hello").await;
        settle().await;
        assert_eq!(ann.does(exit()).await.last().unwrap(), "room left");
        let log = server.store.audit_list(AuditFilter::default(), None, 9).await.unwrap();
        let line = |it: &AuditEntry| (it.action.clone(), it.actor, it.subject.clone(), it.outcome.clone());
        let end = ("room_delete".into(), Some(ann.user()), Some(ROOM.into()), "done".into());
        assert_eq!(log.iter().map(line).collect::<Vec<_>>(), vec![end; ends]);
        let mut bob = Client::connect(&server, "bob").await;
        assert_eq!(bob.does(enter(RoomKind::Group)).await, [expected]);
    }
    let mut eve = Client::connect(&server, "eve").await;
    assert_eq!(eve.does(exit()).await, ["refused ROOM_NOT_FOUND"]);
}

/// Protects the doors beside the socket: making, finding and listing rooms keep the same rules.
#[tokio::test(start_paused = true)]
async fn rooms_are_made_and_found_without_a_socket() {
    let server = server().await;
    let mut callers = Vec::new();
    for name in ["ann", "bob"] {
        let user = server.user(&format!("{name}@example.org")).await;
        callers.push(server.hub.authenticate(&user.to_string()).await.unwrap());
    }
    let [ann, bob] = [&callers[0], &callers[1]];
    let hub = &server.hub;
    let group = wanted(ROOM, Some(RoomKind::Group), None);
    assert!(hub.room_create(ann, group.clone()).await.unwrap().created);
    assert!(!hub.room_create(ann, group.clone()).await.unwrap().created, "the same again");
    let code = |result: Result<_, parlor_domain::Refusal>| result.map(drop).unwrap_err().code;
    assert_eq!(code(hub.room_create(bob, group.clone()).await.map(drop)), ErrorCode::Conflict);
    assert_eq!(code(hub.room_create(ann, wanted(ROOM, None, None)).await.map(drop)), ErrorCode::Conflict);
    assert_eq!(code(hub.room_get(bob, &id(ROOM)).await.map(drop)), ErrorCode::RoomNotFound);
    assert_eq!(code(hub.member_list(bob, &id(ROOM), None, 10).await.map(drop)), ErrorCode::RoomNotFound);
    assert_eq!(code(hub.room_delete(bob, &id(ROOM)).await), ErrorCode::RoomNotFound);
    assert_eq!(hub.room_get(ann, &id(ROOM)).await.unwrap().members, 1);
    hub.room_delete(ann, &id(ROOM)).await.unwrap();
    assert_eq!(code(hub.room_get(ann, &id(ROOM)).await.map(drop)), ErrorCode::RoomNotFound);
    assert!(hub.room_create(bob, group).await.unwrap().created, "the id is free again");
    let filter = AuditFilter { action: Some("room_delete".into()), ..AuditFilter::default() };
    let entries = server.store.audit_list(filter, None, 10).await.unwrap();
    let written: Vec<_> =
        entries.iter().map(|it| (it.actor, it.subject.as_deref(), it.outcome.as_str())).collect();
    let [ann, bob] = [ann, bob].map(|it| Some(it.identity.user));
    assert_eq!(written, [(ann, Some(ROOM), "done"), (bob, Some(ROOM), "ROOM_NOT_FOUND")]);
}
