//! Rooms: made once, found by their id, listed a page at a time.

use crate::subject::{Subject, suite};
use crate::write::{Scene, at, duplicate, stored};
use parlor_domain::message::Summary;
use parlor_domain::ports::{MembershipStep, NewRoom, RoomRecord, RoomScope, Totals};
use parlor_domain::room::{AiMode, MemberRole, Room, RoomKind};
use parlor_domain::{ConversationId, RoomId, UserId};

fn id(text: &str) -> RoomId {
    text.parse().unwrap()
}

fn ids(rooms: &[RoomRecord]) -> Vec<&str> {
    rooms.iter().map(|record| record.room.id.as_str()).collect()
}

async fn a_room_comes_back_as_it_was_made(subject: &Subject) {
    let (store, owner) = (&subject.store, UserId::new());
    for (number, kind) in RoomKind::ALL.iter().enumerate() {
        let room = Room {
            id: id(&format!("A.room_{number}:x-1")),
            kind: *kind,
            ai_mode: AiMode::ALL.get(number).copied(),
        };
        let conversation = ConversationId::new();
        let title = "Größe".to_owned();
        let new = NewRoom {
            conversation,
            room: room.clone(),
            title: title.clone(),
            owner,
            assistant: None,
            at: at(4),
        };
        assert!(store.room_create(new).await.unwrap());
        assert_eq!(store.room_find(&room.id).await.unwrap(), Some(conversation));
        let record = store.conversation_get(conversation).await.unwrap().unwrap();
        let summary = Summary { id: conversation, title, updated_at: at(4), message_count: 0, last_seq: 0 };
        assert_eq!((record.summary, record.room), (summary.clone(), Some(room.clone())));
        assert_eq!(
            (record.participants[0].user, record.participants[0].role),
            (owner, Some(MemberRole::Owner))
        );
        let expected = RoomRecord {
            summary,
            room: room.clone(),
            created_at: at(4),
            role: Some(MemberRole::Owner),
            members: 1,
        };
        assert_eq!(store.room_get(&room.id, owner).await.unwrap(), Some(expected.clone()));
        let to_others = RoomRecord { role: None, ..expected };
        assert_eq!(store.room_get(&room.id, UserId::new()).await.unwrap(), Some(to_others));
    }
    assert_eq!(store.room_find(&id("a.room_0:x-1")).await.unwrap(), None, "case counts");
    assert_eq!(store.room_get(&id("nowhere"), owner).await.unwrap(), None);
}

async fn a_room_id_is_given_once(subject: &Subject) {
    let ann = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    let second = subject.second().await;
    let new = |room: &str, conversation| NewRoom {
        conversation,
        room: Room { id: id(room), kind: RoomKind::Group, ai_mode: None },
        title: "Another".to_owned(),
        owner: UserId::new(),
        assistant: None,
        at: at(1),
    };
    let never = ConversationId::new();
    assert!(!second.room_create(new("tea", never)).await.unwrap());
    assert_eq!(second.conversation_get(never).await.unwrap(), None);
    assert_eq!(second.room_find(&id("tea")).await.unwrap(), Some(ann.conversation));

    for round in 0..8 {
        let name = format!("room-{round}");
        let makers = (0..6).map(|number| {
            let store = if number % 2 == 0 { &subject.store } else { &second };
            store.room_create(new(&name, ConversationId::new()))
        });
        let made = futures_util::future::join_all(makers).await;
        assert_eq!(made.into_iter().filter(|made| *made.as_ref().unwrap()).count(), 1);
    }
}

async fn lists_have_pages_by_id(subject: &Subject) {
    let store = &subject.store;
    let bob = UserId::new();
    // By their bytes, so that capitals come first.
    for (name, kind) in [
        ("b", RoomKind::Shared),
        ("a", RoomKind::Group),
        ("Z", RoomKind::Shared),
        ("a-1", RoomKind::Shared),
        ("a.1", RoomKind::Private),
        ("a1", RoomKind::Shared),
    ] {
        let owner = Scene::room(store, name, kind).await;
        if name != "a1" {
            let scene = owner.of(bob);
            scene.write_one(scene.enter()).await;
            if name == "Z" {
                scene.write_one(scene.step(MembershipStep::Remove)).await;
            }
        }
    }
    Scene::new(store).await;
    let list = async |scope, after: Option<&str>, limit| {
        let after = after.map(id);
        store.room_list(bob, scope, after.as_ref(), limit).await.unwrap()
    };
    assert_eq!(ids(&list(RoomScope::Own, None, 9).await), ["a", "a-1", "a.1", "b"]);
    assert_eq!(ids(&list(RoomScope::Own, Some("a"), 2).await), ["a-1", "a.1"]);
    assert_eq!(ids(&list(RoomScope::Own, Some("b"), 9).await), [""; 0]);
    let shared = list(RoomScope::Shared, None, 9).await;
    assert_eq!(ids(&shared), ["Z", "a-1", "a1", "b"]);
    let parts: Vec<_> = shared.iter().map(|record| (record.role, record.members)).collect();
    let member = Some(MemberRole::Member);
    assert_eq!(parts, [(None, 1), (member, 2), (None, 1), (member, 2)]);
    assert_eq!(ids(&list(RoomScope::Shared, Some("a-0"), 2).await), ["a-1", "a1"]);
    assert_eq!(ids(&list(RoomScope::Shared, None, 0).await), [""; 0]);
}

async fn members_have_names_and_pages(subject: &Subject) {
    let store = &subject.store;
    let ann = Scene::room(store, "tea", RoomKind::Shared).await;
    let mut users = vec![ann.user];
    for number in 0..4 {
        let account = store.user_ensure(&format!("user{number}@example.org"), None, at(0)).await.unwrap();
        let scene = ann.of(account.id);
        scene.write_one(scene.enter()).await;
        users.push(account.id);
    }
    users.sort_unstable();
    let list = async |after, limit| store.member_list(ann.conversation, after, limit).await.unwrap();
    let all = list(None, 9).await;
    assert_eq!(all.iter().map(|one| one.user).collect::<Vec<_>>(), users);
    for one in &all {
        let account = store.user_get(one.user).await.unwrap();
        assert_eq!(one.username.as_deref(), account.as_ref().map(parlor_domain::ports::User::username));
    }
    assert_eq!(list(Some(users[1]), 2).await, all[2..4]);
    assert_eq!(list(Some(users[4]), 2).await, []);
    assert_eq!(store.member_list(ConversationId::new(), None, 9).await.unwrap(), []);
}

async fn the_first_message_of_a_room_did_not_make_it(subject: &Subject) {
    let room = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    let first = room.store(room.sent("a", "hello")).await;
    assert_eq!(duplicate(room.write_one(room.sent("a", "hello")).await), first);
    let fingerprint = room.sent("a", "hello").fingerprint.unwrap();
    assert_eq!(subject.store.message_that_created(fingerprint).await.unwrap(), None);
    let opening = room.opening("a", "hello", "A conversation");
    let made = opening.message.conversation;
    assert_eq!(stored(room.write_one(opening).await).0.conversation, made);
    // Nor where both come in one call.
    let tea = Scene { user: room.user, ..Scene::room(&subject.store, "more-tea", RoomKind::Shared).await };
    let (said, opening) = (tea.sent("b", "hello"), tea.opening("b", "hello", "Another"));
    let written = tea.write([crate::write::say(said), crate::write::say(opening)]).await;
    written.into_iter().for_each(|one| drop(stored(one)));
}

async fn everything_is_counted(subject: &Subject) {
    let store = &subject.store;
    assert_eq!(store.totals().await.unwrap(), Totals::default());
    store.user_ensure("ann@example.org", None, at(0)).await.unwrap();
    let plain = Scene::new(store).await;
    let room = Scene::room(store, "tea", RoomKind::Shared).await;
    let gone = Scene::room(store, "gone", RoomKind::Shared).await;
    for scene in [&plain, &room, &room, &gone] {
        scene.store(scene.message("hello")).await;
    }
    gone.write_one(gone.step(MembershipStep::Delete)).await;
    assert_eq!(store.totals().await.unwrap(), Totals { users: 1, conversations: 2, rooms: 1, messages: 3 });
}

suite! {
    sealed too:
    a_room_comes_back_as_it_was_made
    a_room_id_is_given_once
    lists_have_pages_by_id
    members_have_names_and_pages
    the_first_message_of_a_room_did_not_make_it
    everything_is_counted
}
