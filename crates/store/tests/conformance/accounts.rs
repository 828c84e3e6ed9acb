//! Users, conversations and their participants, and the epoch.

use crate::subject::{Subject, suite};
use crate::write::{at, people_of};
use parlor_domain::message::Summary;
use parlor_domain::ports::Role;
use parlor_domain::room::MemberRole;
use parlor_domain::{ConversationId, UserId};

async fn a_user_is_made_once_and_gets_the_role_that_is_asked_for(subject: &Subject) {
    let store = &subject.store;
    let ann = store.user_ensure("Ann@Example.org", Some(Role::User), at(0)).await.unwrap();
    assert_eq!((ann.email.as_str(), ann.role, ann.created_at), ("ann@example.org", Role::User, at(0)));
    assert_eq!(store.user_get(ann.id).await.unwrap(), Some(ann.clone()));

    let again = store.user_ensure("ann@example.org", Some(Role::Admin), at(5)).await.unwrap();
    assert_eq!((again.id, again.role, again.created_at), (ann.id, Role::Admin, at(0)));
    assert_eq!(store.user_get(ann.id).await.unwrap(), Some(again));

    // Without a role nobody is promoted, and nobody loses what they have.
    let same = store.user_ensure("ann@example.org", None, at(6)).await.unwrap();
    assert_eq!((same.id, same.role), (ann.id, Role::Admin));

    let bob = store.user_ensure("bob@example.org", None, at(1)).await.unwrap();
    assert_eq!(bob.role, Role::User);
    assert_ne!(bob.id, ann.id);
    assert_eq!(store.user_get(UserId::new()).await.unwrap(), None);
}

async fn a_user_whom_many_make_at_once_is_one(subject: &Subject) {
    let ensure = |_| subject.store.user_ensure("ann@example.org", Some(Role::User), at(0));
    let users = futures_util::future::join_all((0..16).map(ensure)).await;
    let first = users[0].as_ref().unwrap().id;
    assert!(users.iter().all(|user| user.as_ref().unwrap().id == first));
}

async fn a_conversation_begins_empty_with_its_owner(subject: &Subject) {
    let (store, id, owner) = (&subject.store, ConversationId::new(), UserId::new());
    assert_eq!(store.conversation_get(id).await.unwrap(), None);
    store.conversation_create(id, owner, "Größe & Ünïcode", at(3)).await.unwrap();

    let record = store.conversation_get(id).await.unwrap().unwrap();
    assert_eq!(people_of(&record), [owner]);
    let title = "Größe & Ünïcode".to_owned();
    assert_eq!(record.summary, Summary { id, title, updated_at: at(3), message_count: 0, last_seq: 0 });
}

async fn a_conversation_that_exists_is_not_made_again(subject: &Subject) {
    let (store, id, owner) = (&subject.store, ConversationId::new(), UserId::new());
    store.conversation_create(id, owner, "The first", at(0)).await.unwrap();
    assert!(store.conversation_create(id, UserId::new(), "The second", at(1)).await.is_err());
    let record = store.conversation_get(id).await.unwrap().unwrap();
    assert_eq!((record.summary.title.as_str(), people_of(&record)), ("The first", vec![owner]));
}

async fn participants_join_once_and_the_owner_stays_first(subject: &Subject) {
    let (store, id, owner) = (&subject.store, ConversationId::new(), UserId::new());
    // Far in the future, so that by time alone the owner would be the last.
    store.conversation_create(id, owner, "", at(1_000_000_000)).await.unwrap();
    let (bob, cleo) = (UserId::new(), UserId::new());
    for user in [bob, cleo, bob, owner] {
        assert!(store.participant_add(id, user).await.unwrap());
    }
    let record = store.conversation_get(id).await.unwrap().unwrap();
    assert_eq!(people_of(&record), [owner, bob, cleo]);
    let roles: Vec<_> = record.participants.iter().map(|one| one.role).collect();
    assert_eq!(roles, [Some(MemberRole::Owner), Some(MemberRole::Member), Some(MemberRole::Member)]);

    let nowhere = ConversationId::new();
    assert!(!store.participant_add(nowhere, bob).await.unwrap());
    assert_eq!(store.conversation_get(nowhere).await.unwrap(), None);
}

async fn the_log_has_one_name_for_everybody(subject: &Subject) {
    subject.store.health().await.unwrap();
    let epoch = subject.store.epoch().await.unwrap();
    assert!(epoch.len() >= 16, "{epoch}");
    assert_eq!(subject.second().await.epoch().await.unwrap(), epoch);
}

suite! {
    sealed too:
    a_user_is_made_once_and_gets_the_role_that_is_asked_for
    a_user_whom_many_make_at_once_is_one
    a_conversation_begins_empty_with_its_owner
    a_conversation_that_exists_is_not_made_again
    participants_join_once_and_the_owner_stays_first
    the_log_has_one_name_for_everybody
}
