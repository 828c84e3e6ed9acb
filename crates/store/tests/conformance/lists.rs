//! Conversations in their participants' lists, and what comes back into them.

use crate::people::audit_entry;
use crate::subject::{Subject, suite};
use crate::write::{Scene, at, ending, refused, stored};
use parlor_domain::ports::{
    AuditAction, ConversationEntry, MembershipStep, NewMessage, Page, Paged, Store, Written,
};
use parlor_domain::room::{MemberRole, RoomKind};
use parlor_domain::{ConversationId, ErrorCode, UserId};
use std::sync::Arc;

const ALL: Page = Page { offset: 0, limit: 99 };

async fn list(store: &Arc<dyn Store>, user: UserId, deleted: bool, page: Page) -> Vec<ConversationId> {
    let listed = store.conversation_list(user, deleted, page).await.unwrap();
    listed.items.iter().map(|entry| entry.summary.id).collect()
}

async fn entry(scene: &Scene) -> Option<ConversationEntry> {
    scene.store.conversation_entry(scene.conversation, scene.user).await.unwrap()
}

/// A message that is sent `seconds` after that morning.
fn late(scene: &Scene, seconds: i64) -> NewMessage {
    let mut new = scene.message("hello");
    new.message.created_at = at(seconds);
    new
}

async fn delete(scene: &Scene) {
    assert_eq!(scene.write_one(scene.step(MembershipStep::Delete)).await, Written::Done);
}

async fn a_list_has_ones_own_the_last_changed_first(subject: &Subject) {
    let (ann, bob) = (Scene::new(&subject.store).await, Scene::new(&subject.store).await);
    let mut own = vec![ann.clone()];
    for _ in 0..4 {
        own.push(ann.another("A title").await);
    }
    let room = Scene::room(&subject.store, "tea", RoomKind::Shared).await.of(ann.user);
    room.write_one(room.enter()).await;
    own[1].store(late(&own[1], 9)).await;
    own[3].store(late(&own[3], 5)).await;

    // Those that nothing was said in are of one age: the higher id comes first.
    let mut expected: Vec<_> = [1, 3, 4, 2, 0].map(|place: usize| own[place].conversation).to_vec();
    expected[2..].sort_by(|one, other| other.cmp(one));
    assert_eq!(list(&subject.store, ann.user, false, ALL).await, expected);
    assert_eq!(list(&subject.store, bob.user, false, ALL).await, [bob.conversation]);
    assert_eq!(list(&subject.store, UserId::new(), false, ALL).await, []);

    let middle =
        subject.store.conversation_list(ann.user, false, Page { offset: 1, limit: 2 }).await.unwrap();
    assert_eq!(middle.items.iter().map(|one| one.summary.id).collect::<Vec<_>>(), expected[1..3]);
    assert_eq!(middle.total, 5);
    let beyond = subject.store.conversation_list(ann.user, false, Page { offset: u64::MAX, limit: 2 }).await;
    assert_eq!(beyond.unwrap(), Paged { items: Vec::new(), total: 5 });
    let none = subject.store.conversation_list(ann.user, false, Page { offset: 0, limit: 0 }).await;
    assert_eq!(none.unwrap(), Paged { items: Vec::new(), total: 5 });
}

async fn an_entry_says_what_its_reader_is_and_sees(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    ann.store(late(&ann, 4)).await;
    let bob = ann.of(UserId::new());
    let enter =
        MembershipStep::Enter { role: MemberRole::Moderator, most: None, from_now: true, readmit: false };
    bob.write_one(bob.step(enter)).await;
    let record = subject.store.conversation_get(ann.conversation).await.unwrap().unwrap();
    let expected = ConversationEntry {
        summary: record.summary,
        created_at: at(0),
        deleted_at: None,
        role: MemberRole::Owner,
        visible_after: 0,
    };
    assert_eq!((expected.summary.message_count, expected.summary.updated_at), (1, at(4)));
    assert_eq!(entry(&ann).await.as_ref(), Some(&expected));
    let as_bob = ConversationEntry { role: MemberRole::Moderator, visible_after: 1, ..expected };
    assert_eq!(entry(&bob).await.as_ref(), Some(&as_bob));
    assert_eq!(subject.store.conversation_list(bob.user, false, ALL).await.unwrap().items, [as_bob]);
}

async fn strangers_and_who_was_removed_find_nothing(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let (bob, cat) = (ann.of(UserId::new()), ann.of(UserId::new()));
    bob.write_one(bob.enter()).await;
    assert!(entry(&bob).await.is_some());
    bob.write_one(bob.step(MembershipStep::Remove)).await;
    for one in [&bob, &cat] {
        assert_eq!(entry(one).await, None);
        assert_eq!(list(&subject.store, one.user, false, ALL).await, []);
    }
    let room = Scene::room(&subject.store, "tea", RoomKind::Private).await;
    assert_eq!(entry(&room).await, None, "a room is in the list of rooms");
    assert_eq!(list(&subject.store, room.user, false, ALL).await, []);
}

async fn what_was_deleted_is_in_a_list_of_its_own(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let kept = ann.another("A title").await;
    let bob = ann.of(UserId::new());
    bob.write_one(bob.enter()).await;
    delete(&ann).await;
    let room = Scene::room(&subject.store, "tea", RoomKind::Private).await;
    delete(&room).await;

    assert_eq!(list(&subject.store, ann.user, false, ALL).await, [kept.conversation]);
    assert_eq!(list(&subject.store, ann.user, true, ALL).await, [ann.conversation]);
    assert_eq!(list(&subject.store, bob.user, true, ALL).await, [ann.conversation]);
    assert_eq!(entry(&ann).await.unwrap().deleted_at, Some(at(3)));
    assert_eq!(list(&subject.store, room.user, true, ALL).await, []);
    assert_eq!(entry(&room).await, None);
}

async fn its_owner_brings_a_conversation_back(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let other = ann.another("A title").await;
    other.store(late(&other, 8)).await;
    let turn = ann.live_turn().await;
    stored(ann.write_one(ending(&turn, "A room.")).await);
    let log = ann.log().await;
    let restore = async |user| {
        subject
            .store
            .conversation_restore(
                ann.conversation,
                user,
                at(20),
                audit_entry(AuditAction::ConversationRestore),
            )
            .await
            .unwrap()
    };
    assert!(!restore(ann.user).await, "it was not deleted");
    delete(&ann).await;
    assert!(restore(ann.user).await);
    assert!(!restore(ann.user).await, "it is back already");

    assert_eq!(ann.log().await, log);
    assert_eq!(list(&subject.store, ann.user, false, ALL).await, [ann.conversation, other.conversation]);
    assert_eq!(list(&subject.store, ann.user, true, ALL).await, []);
    assert_eq!(entry(&ann).await.unwrap().summary.updated_at, at(20));
    assert_eq!(stored(ann.write_one(ann.message("and on")).await).0.seq, 3);
}

async fn nobody_else_brings_it_back(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let bob = ann.of(UserId::new());
    let role = MemberRole::Moderator;
    bob.write_one(bob.step(MembershipStep::Enter { role, most: None, from_now: false, readmit: false }))
        .await;
    delete(&ann).await;
    let room = Scene::room(&subject.store, "tea", RoomKind::Private).await;
    delete(&room).await;
    let again = Scene::room(&subject.store, "tea", RoomKind::Private).await;
    for (conversation, user) in [
        (ann.conversation, bob.user),
        (ann.conversation, UserId::new()),
        (ConversationId::new(), ann.user),
        (room.conversation, room.user),
    ] {
        assert!(
            !subject
                .store
                .conversation_restore(
                    conversation,
                    user,
                    at(20),
                    audit_entry(AuditAction::ConversationRestore)
                )
                .await
                .unwrap()
        );
    }
    refused(&ann.write_one(ann.message("late")).await, ErrorCode::ConversationNotFound);
    let found = subject.store.room_find(&"tea".parse().unwrap()).await.unwrap();
    assert_eq!(found, Some(again.conversation));
}

suite! {
    sealed too:
    a_list_has_ones_own_the_last_changed_first
    an_entry_says_what_its_reader_is_and_sees
    strangers_and_who_was_removed_find_nothing
    what_was_deleted_is_in_a_list_of_its_own
    its_owner_brings_a_conversation_back
    nobody_else_brings_it_back
}
