//! Who takes part: entering, roles, leaving, removal.

use crate::subject::{Subject, suite};
use crate::write::{Scene, Writing, at, member, people_of, refused, say};
use parlor_domain::ports::{MembershipChange, MembershipStep, Written};
use parlor_domain::room::{MemberRole, Participant, RoomKind};
use parlor_domain::{ConversationId, ErrorCode, UserId};

async fn participants(scene: &Scene) -> Vec<Participant> {
    scene.store.conversation_get(scene.conversation).await.unwrap().unwrap().participants
}

async fn who_enters_has_everything_behind_them(subject: &Subject) {
    let ann = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    ann.write((0..3).map(|_| say(ann.message("hello")))).await;
    let (bob, cleo) = (ann.of(UserId::new()), ann.of(UserId::new()));
    let part = member(&bob.write_one(bob.enter()).await);
    let role = Some(MemberRole::Member);
    assert_eq!(part, Participant { user: bob.user, role, joined_at: at(3), visible_after: 0 });
    let from_now =
        MembershipStep::Enter { role: MemberRole::Moderator, most: None, from_now: true, readmit: false };
    let part = member(&cleo.write_one(cleo.step(from_now)).await);
    assert_eq!((part.role, part.visible_after), (Some(MemberRole::Moderator), 3));
    let listed = participants(&ann).await;
    assert_eq!(listed.iter().map(|one| one.user).collect::<Vec<_>>(), [ann.user, cleo.user, bob.user]);
    assert_eq!(listed[1], part);

    let members = subject.store.member_list(ann.conversation, None, 9).await.unwrap();
    let watermarks: Vec<_> = members.iter().map(|one| (one.delivered, one.read)).collect();
    assert_eq!(watermarks, [(0, 0), (3, 3), (3, 3)]);
    assert_eq!(subject.store.unsynced_list(bob.user, 9).await.unwrap(), []);
}

async fn entering_twice_changes_nothing(subject: &Subject) {
    let ann = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    let bob = ann.of(UserId::new());
    let first = member(&bob.write_one(bob.enter()).await);
    ann.store(ann.message("hello")).await;
    let step =
        MembershipStep::Enter { role: MemberRole::Owner, most: Some(1), from_now: true, readmit: true };
    let again = MembershipChange { at: at(9), ..bob.step(step) };
    assert_eq!(member(&bob.write_one(again).await), first);
    assert_eq!(participants(&ann).await[1], first);
}

async fn a_room_holds_no_more_than_it_may(subject: &Subject) {
    let ann = Scene::room(&subject.store, "tete-a-tete", RoomKind::Private).await;
    let (bob, cleo) = (ann.of(UserId::new()), ann.of(UserId::new()));
    let step =
        MembershipStep::Enter { role: MemberRole::Member, most: Some(2), from_now: true, readmit: false };
    // Also inside one transaction.
    let writes = [Writing::from(bob.step(step)), cleo.step(step).into(), bob.step(step).into()];
    let written = ann.write(writes.map(|writing| writing.0)).await;
    member(&written[0]);
    refused(&written[1], ErrorCode::RoomFull);
    member(&written[2]);
    refused(&cleo.write_one(cleo.step(step)).await, ErrorCode::RoomFull);

    // Who leaves makes room, who was removed too.
    bob.write_one(bob.step(MembershipStep::Leave { heir: None })).await;
    member(&cleo.write_one(cleo.step(step)).await);
    refused(&bob.write_one(bob.step(step)).await, ErrorCode::RoomFull);
    cleo.write_one(cleo.step(MembershipStep::Remove)).await;
    member(&bob.write_one(bob.step(step)).await);
}

async fn who_was_removed_stays_out_until_readmitted(subject: &Subject) {
    let ann = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    let bob = ann.of(UserId::new());
    bob.write_one(bob.enter()).await;
    assert_eq!(bob.write_one(bob.step(MembershipStep::Remove)).await, Written::Done);
    assert_eq!(bob.write_one(bob.step(MembershipStep::Remove)).await, Written::Done);
    // Leaving does not wash it off.
    assert_eq!(bob.write_one(bob.step(MembershipStep::Leave { heir: Some(bob.user) })).await, Written::Done);
    refused(&bob.write_one(bob.enter()).await, ErrorCode::RoomAccessDenied);
    refused(&bob.write_one(bob.step(MembershipStep::SetRole(MemberRole::Owner))).await, ErrorCode::NotFound);
    assert_eq!(participants(&ann).await[1].role, None);
    assert_eq!(subject.store.member_list(ann.conversation, None, 9).await.unwrap().len(), 1);

    ann.store(ann.message("meanwhile")).await;
    let step = MembershipStep::Enter { role: MemberRole::Member, most: None, from_now: true, readmit: true };
    let part = member(&bob.write_one(MembershipChange { at: at(8), ..bob.step(step) }).await);
    assert_eq!((part.role, part.joined_at, part.visible_after), (Some(MemberRole::Member), at(8), 1));
    assert_eq!(subject.store.unsynced_list(bob.user, 9).await.unwrap(), []);
}

async fn somebody_who_never_was_there_can_be_barred(subject: &Subject) {
    let ann = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    let bob = ann.of(UserId::new());
    assert_eq!(bob.write_one(bob.step(MembershipStep::Remove)).await, Written::Done);
    refused(&bob.write_one(bob.enter()).await, ErrorCode::RoomAccessDenied);
    refused(&bob.write_one(bob.receipt(1, 1)).await, ErrorCode::ConversationNotFound);
    assert!(
        subject.store.participant_add(ann.conversation, bob.user).await.unwrap(),
        "the owner lets them in"
    );
    assert_eq!(participants(&ann).await[1].role, Some(MemberRole::Member));
}

async fn roles_change_and_an_owner_leaves_an_heir(subject: &Subject) {
    let ann = Scene::room(&subject.store, "tea", RoomKind::Group).await;
    let (bob, cleo) = (ann.of(UserId::new()), ann.of(UserId::new()));
    refused(&bob.write_one(bob.step(MembershipStep::SetRole(MemberRole::Owner))).await, ErrorCode::NotFound);
    for scene in [&bob, &cleo] {
        scene.write_one(scene.enter()).await;
    }
    let part = member(&cleo.write_one(cleo.step(MembershipStep::SetRole(MemberRole::Moderator))).await);
    assert_eq!((part.role, part.joined_at), (Some(MemberRole::Moderator), at(3)));
    let step = MembershipStep::Leave { heir: Some(cleo.user) };
    assert_eq!(ann.write_one(ann.step(step)).await, Written::Done);
    let record = subject.store.conversation_get(ann.conversation).await.unwrap().unwrap();
    assert_eq!(people_of(&record), [cleo.user, bob.user]);
    assert_eq!(record.participants[0].role, Some(MemberRole::Owner));

    // Who is not there leaves nothing, and nobody inherits who is not there.
    let step = MembershipStep::Leave { heir: Some(bob.user) };
    assert_eq!(ann.write_one(ann.step(step)).await, Written::Done);
    let step = MembershipStep::Leave { heir: Some(ann.user) };
    assert_eq!(cleo.write_one(cleo.step(step)).await, Written::Done);
    let left = participants(&ann).await;
    assert_eq!((left.len(), left[0].user, left[0].role), (1, bob.user, Some(MemberRole::Member)));
}

async fn a_conversation_that_a_message_made_has_its_owner_in_the_same_call(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let opening = ann.opening("a", "hello", "A title");
    let made = Scene { conversation: opening.message.conversation, ..ann.clone() };
    let step = MembershipStep::SetRole(MemberRole::Moderator);
    let writes = [Writing::from(opening), made.step(step).into(), made.receipt(9, 1).into()];
    let written = ann.write(writes.map(|writing| writing.0)).await;
    assert_eq!(member(&written[1]).role, Some(MemberRole::Moderator));
    assert_eq!(written[2], Written::Marked { read_from: 0, read_to: 1 });
    assert_eq!(participants(&made).await, [member(&written[1])]);
}

async fn nobody_enters_what_does_not_exist(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let nowhere = Scene { conversation: ConversationId::new(), ..scene };
    for step in [MembershipStep::Remove, MembershipStep::Leave { heir: None }, MembershipStep::Delete] {
        refused(&nowhere.write_one(nowhere.step(step)).await, ErrorCode::ConversationNotFound);
    }
    refused(&nowhere.write_one(nowhere.enter()).await, ErrorCode::ConversationNotFound);
    refused(&nowhere.write_one(nowhere.receipt(1, 1)).await, ErrorCode::ConversationNotFound);
}

async fn two_who_enter_at_once_do_not_both_get_the_last_place(subject: &Subject) {
    let second = subject.second().await;
    for round in 0..10 {
        let room = Scene::room(&subject.store, &format!("room-{round}"), RoomKind::Private).await;
        let step =
            MembershipStep::Enter { role: MemberRole::Member, most: Some(2), from_now: true, readmit: false };
        let entries = (0..8).map(|number| {
            let scene = room.of(UserId::new()).on(if number % 2 == 0 { &subject.store } else { &second });
            async move { scene.write_one(scene.step(step)).await }
        });
        let written = futures_util::future::join_all(entries).await;
        let (inside, outside): (Vec<_>, Vec<_>) =
            written.into_iter().partition(|one| matches!(one, Written::Member(_)));
        assert_eq!(inside.len(), 1, "{inside:?}");
        outside.iter().for_each(|one| refused(one, ErrorCode::RoomFull));
        assert_eq!(participants(&room).await.len(), 2);
    }
}

suite! {
    sealed too:
    who_enters_has_everything_behind_them
    entering_twice_changes_nothing
    a_room_holds_no_more_than_it_may
    who_was_removed_stays_out_until_readmitted
    somebody_who_never_was_there_can_be_barred
    roles_change_and_an_owner_leaves_an_heir
    a_conversation_that_a_message_made_has_its_owner_in_the_same_call
    nobody_enters_what_does_not_exist
    two_who_enter_at_once_do_not_both_get_the_last_place
}
