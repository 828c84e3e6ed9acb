//! Watermarks, what somebody has missed, and whose message they have read.

use crate::subject::{Subject, suite};
use crate::write::{Scene, Writing, at, changed, ending, refused, say};
use parlor_domain::message::Edit;
use parlor_domain::ports::{MembershipStep, Unsynced, Written};
use parlor_domain::room::RoomKind;
use parlor_domain::{ConversationId, ErrorCode, UserId};

async fn watermarks(scene: &Scene) -> (u64, u64) {
    let members = scene.store.member_list(scene.conversation, None, 9).await.unwrap();
    let own = members.into_iter().find(|one| one.user == scene.user).unwrap();
    (own.delivered, own.read)
}

async fn watermarks_only_rise_and_stay_below_the_head(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    scene.write((0..5).map(|_| say(scene.message("hello")))).await;
    let check = async |delivered, read, expected: (u64, u64), marked: (u64, u64)| {
        let written = scene.write_one(scene.receipt(delivered, read)).await;
        assert_eq!(written, Written::Marked { read_from: marked.0, read_to: marked.1 });
        assert_eq!(watermarks(&scene).await, expected);
    };
    check(3, 0, (3, 0), (0, 0)).await;
    check(2, 0, (3, 0), (0, 0)).await;
    // What is read is delivered.
    check(0, 4, (4, 4), (0, 4)).await;
    check(0, 2, (4, 4), (4, 4)).await;
    check(u64::MAX, 0, (5, 4), (4, 4)).await;
    check(0, 99, (5, 5), (4, 5)).await;
    scene.store(scene.message("and more")).await;
    assert_eq!(watermarks(&scene).await, (5, 5));
}

async fn a_receipt_sees_what_was_written_before_it_in_its_call(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let new = scene.message("hello");
    let edit = scene.change(new.message.id, Edit::Delete, 2);
    let writes = [
        Writing::from(scene.receipt(9, 9)),
        new.into(),
        scene.receipt(9, 1).into(),
        edit.into(),
        scene.receipt(9, 9).into(),
    ];
    let written = scene.write(writes.map(|writing| writing.0)).await;
    assert_eq!(written[0], Written::Marked { read_from: 0, read_to: 0 });
    assert_eq!(written[2], Written::Marked { read_from: 0, read_to: 1 });
    assert_eq!(written[4], Written::Marked { read_from: 1, read_to: 2 });
    assert_eq!(watermarks(&scene).await, (2, 2));
}

async fn only_who_takes_part_has_watermarks(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let stranger = scene.of(UserId::new());
    scene.store(scene.message("hello")).await;
    refused(&stranger.write_one(stranger.receipt(1, 1)).await, ErrorCode::ConversationNotFound);
    let removed = scene.of(UserId::new());
    removed.write_one(removed.enter()).await;
    removed.write_one(removed.step(MembershipStep::Remove)).await;
    refused(&removed.write_one(removed.receipt(1, 1)).await, ErrorCode::ConversationNotFound);
    let nowhere = Scene { conversation: ConversationId::new(), ..scene };
    refused(&nowhere.write_one(nowhere.receipt(1, 1)).await, ErrorCode::ConversationNotFound);
}

async fn what_was_missed_is_listed_oldest_first(subject: &Subject) {
    let (bob, user) = (UserId::new(), UserId::new());
    let mut scenes = Vec::new();
    for number in 0..4_i64 {
        let owner = Scene::room(&subject.store, &format!("room-{number}"), RoomKind::Shared).await;
        // What rested longest is not what was made first.
        let mut new = owner.message("before");
        new.message.created_at = at(100 - number);
        owner.store(new.clone()).await;
        let scene = owner.of(bob);
        let role = parlor_domain::room::MemberRole::Member;
        let step = MembershipStep::Enter { role, most: None, from_now: number == 2, readmit: false };
        scene.write_one(scene.step(step)).await;
        (new.message.id, new.message.author) =
            (parlor_domain::MessageId::new(), parlor_domain::message::Author::User(user));
        owner.store(new).await;
        scenes.push(scene);
    }
    // All of one is delivered, and from another one was removed.
    scenes[1].write_one(scenes[1].receipt(2, 0)).await;
    let unsynced = |number: usize, visible_after| Unsynced {
        conversation: scenes[number].conversation,
        room: Some(format!("room-{number}").parse().unwrap()),
        delivered: 1,
        visible_after,
        last_seq: 2,
    };
    let list = async |limit| subject.store.unsynced_list(bob, limit).await.unwrap();
    assert_eq!(list(9).await, [unsynced(3, 0), unsynced(2, 1), unsynced(0, 0)]);
    assert_eq!(list(2).await, [unsynced(3, 0), unsynced(2, 1)]);
    scenes[3].write_one(scenes[3].step(MembershipStep::Remove)).await;
    assert_eq!(list(1).await, [unsynced(2, 1)]);
    assert_eq!(subject.store.unsynced_list(UserId::new(), 9).await.unwrap(), []);

    let plain = Scene::new(&subject.store).await;
    plain.store(plain.message("hello")).await;
    assert_eq!(subject.store.unsynced_list(plain.user, 9).await.unwrap()[0].room, None);
}

async fn the_newest_covered_message_is_anothers(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let bob = ann.of(UserId::new());
    let first = ann.store(ann.message("1")).await;
    let second = ann.store(ann.message("2")).await;
    bob.store(bob.message("3")).await;
    let mut asked = ann.message("4");
    let turn = ann.turn(asked.message.id);
    asked.turn = Some(turn.clone());
    let fourth = ann.store(asked).await;
    ann.write_one(ending(&turn, "5")).await;
    let edited = changed(ann.write_one(ann.change(first.id, Edit::Content("changed".into()), 6)).await);
    let covered = async |after, through, reader: &Scene| {
        subject.store.message_covered(ann.conversation, after, through, reader.user).await.unwrap()
    };
    assert_eq!(covered(0, 9, &bob).await, Some(fourth), "neither the AI's, nor an older one that changed");
    assert_eq!(covered(0, 3, &bob).await, Some(second));
    assert_eq!(covered(0, 1, &bob).await, Some(edited));
    assert_eq!(covered(2, 3, &bob).await, None);
    assert_eq!(covered(0, 9, &ann).await.map(|message| message.seq), Some(3));
    assert_eq!(covered(4, u64::MAX, &ann).await, None);
}

suite! {
    watermarks_only_rise_and_stay_below_the_head
    a_receipt_sees_what_was_written_before_it_in_its_call
    only_who_takes_part_has_watermarks
    what_was_missed_is_listed_oldest_first
    the_newest_covered_message_is_anothers
}
