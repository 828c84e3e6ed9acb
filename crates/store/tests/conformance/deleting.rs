//! Deleted conversations: nobody finds them any more, by any door.

use crate::subject::{Subject, suite};
use crate::write::{Scene, Writing, at, changed, ending, refused, stored};
use parlor_domain::ErrorCode;
use parlor_domain::message::Edit;
use parlor_domain::ports::{Checkpoint, MembershipStep, RoomScope, Written};
use parlor_domain::room::RoomKind;

async fn a_deleted_room_is_found_by_nobody(subject: &Subject) {
    let store = &subject.store;
    let ann = Scene::room(store, "tea", RoomKind::Shared).await;
    let message = ann.store(ann.message("hello")).await;
    assert_eq!(ann.write_one(ann.step(MembershipStep::Delete)).await, Written::Done);

    let room = "tea".parse().unwrap();
    assert_eq!(store.conversation_get(ann.conversation).await.unwrap(), None);
    assert_eq!(store.room_find(&room).await.unwrap(), None);
    assert_eq!(store.room_get(&room, ann.user).await.unwrap(), None);
    for scope in [RoomScope::Own, RoomScope::Shared] {
        assert_eq!(store.room_list(ann.user, scope, None, 9).await.unwrap(), []);
    }
    assert_eq!(store.member_list(ann.conversation, None, 9).await.unwrap(), []);
    assert_eq!(store.unsynced_list(ann.user, 9).await.unwrap(), []);
    assert_eq!(ann.log().await, []);
    assert_eq!(store.log_after(ann.conversation, 1, 9, 9).await.unwrap(), []);
    assert_eq!(store.log_before(ann.conversation, None, 9).await.unwrap(), []);
    assert_eq!(store.message_find(message.id).await.unwrap(), None);
    assert_eq!(store.message_get(ann.conversation, message.id).await.unwrap(), None);
    let covered = store.message_covered(ann.conversation, 0, 9, parlor_domain::UserId::new()).await;
    assert_eq!(covered.unwrap(), None);
    assert!(!store.participant_add(ann.conversation, ann.user).await.unwrap());
}

async fn every_write_to_it_is_refused(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let message = ann.store(ann.sent("a", "hello")).await;
    let turn = ann.live_turn().await;
    let mut over = ann.opening("b", "hello", "A title");
    over.message.conversation = ann.conversation;
    let writes = || {
        [
            Writing::from(ann.message("late")),
            ann.sent("a", "hello").into(),
            over.clone().into(),
            ann.change(message.id, Edit::Delete, 2).into(),
            ann.enter().into(),
            ann.step(MembershipStep::Delete).into(),
            ann.receipt(1, 1).into(),
            ann.turn(message.id).into(),
            ending(&turn, "late").into(),
        ]
    };
    // In the transaction of the deletion, and after it.
    let deletion = Writing::from(ann.step(MembershipStep::Delete));
    let written = ann.write(std::iter::once(deletion).chain(writes()).map(|writing| writing.0)).await;
    assert_eq!(written[0], Written::Done);
    let later = ann.write(writes().map(|writing| writing.0)).await;
    for one in written[1..].iter().chain(&later) {
        refused(one, ErrorCode::ConversationNotFound);
    }
}

async fn its_live_turns_end_with_it(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let neighbour = ann.elsewhere().await;
    let (turn, other) = (ann.live_turn().await, neighbour.live_turn().await);
    let asked = ann.message("hello");
    let fresh = ann.turn(asked.message.id);
    let checkpoint = |turn| Checkpoint { turn, content: Some("late".into()), lease_until: at(20) };
    let mut asked = asked;
    asked.turn = Some(fresh.clone());
    // Also the turn that begins in the transaction of the deletion.
    let writes = [
        Writing::from(asked),
        checkpoint(fresh.id).into(),
        ann.step(MembershipStep::Delete).into(),
        checkpoint(fresh.id).into(),
    ];
    let written = ann.write(writes.map(|writing| writing.0)).await;
    refused(&written[3], ErrorCode::Conflict);
    refused(&ann.write_one(checkpoint(turn.id)).await, ErrorCode::Conflict);
    let orphans = subject.store.turns_orphaned(ann.node, at(1_000)).await.unwrap();
    assert_eq!(orphans.iter().map(|orphan| orphan.turn).collect::<Vec<_>>(), [other.id]);
}

async fn its_room_id_is_free_for_another(subject: &Subject) {
    let ann = Scene::room(&subject.store, "tea", RoomKind::Private).await;
    ann.write_one(ann.step(MembershipStep::Delete)).await;
    let bob = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    assert_eq!(subject.store.room_find(&"tea".parse().unwrap()).await.unwrap(), Some(bob.conversation));
    bob.write_one(bob.step(MembershipStep::Delete)).await;
    Scene::room(&subject.store, "tea", RoomKind::Group).await;
}

async fn a_first_message_that_is_gone_is_no_duplicate(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let first = ann.store(ann.opening("a", "hello", "One")).await;
    let made = Scene { conversation: first.conversation, ..ann.clone() };
    let (again, third) = (ann.opening("a", "hello", "Two"), ann.opening("a", "hello", "Three"));
    let writes = [Writing::from(made.step(MembershipStep::Delete)), again.clone().into()];
    let written = ann.write(writes.map(|writing| writing.0)).await;
    let second = stored(written[1].clone()).0;
    assert_eq!(second.conversation, again.message.conversation);
    let fingerprint = again.fingerprint.unwrap();
    assert_eq!(subject.store.message_that_created(fingerprint).await.unwrap(), Some(second.clone()));
    let made = Scene { conversation: second.conversation, ..ann.clone() };
    made.write_one(made.step(MembershipStep::Delete)).await;
    assert_eq!(subject.store.message_that_created(fingerprint).await.unwrap(), None);
    stored(ann.write_one(third).await);
}

async fn what_was_written_before_it_in_its_call_is_kept(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let message = ann.store(ann.message("hello")).await;
    let edit = ann.change(message.id, Edit::Content("changed".into()), 2);
    let writes = [Writing::from(edit), ann.message("last").into(), ann.step(MembershipStep::Delete).into()];
    let written = ann.write(writes.map(|writing| writing.0)).await;
    changed(written[0].clone());
    assert_eq!(stored(written[1].clone()).0.seq, 3);
    assert_eq!(subject.store.totals().await.unwrap().messages, 0);
}

suite! {
    sealed too:
    a_deleted_room_is_found_by_nobody
    every_write_to_it_is_refused
    its_live_turns_end_with_it
    its_room_id_is_free_for_another
    a_first_message_that_is_gone_is_no_duplicate
    what_was_written_before_it_in_its_call_is_kept
}
