//! Passwords, and what users change of themselves.

use crate::people::{ANN, user};
use crate::subject::{Subject, suite};
use crate::write::at;
use parlor_domain::ports::{Credential, Role, UserChange};
use parlor_domain::{ConversationId, UserId};

async fn an_account_is_found_by_its_address_with_or_without_a_password(subject: &Subject) {
    let people = &subject.people;
    assert!(people.credential_find(ANN).await.unwrap().is_none());
    let ann = user(subject, ANN).await;
    let bare = Credential { user: ann.clone(), password_hash: None };
    assert!(people.credential_find(ANN).await.unwrap() == Some(bare));

    let imported = people.credential_import(ANN, None, "$2b$12$old", at(1)).await.unwrap();
    assert_eq!(imported, Some(ann.clone()));
    let hash = people.credential_find(ANN).await.unwrap().unwrap().password_hash;
    assert_eq!(hash.as_deref(), Some("$2b$12$old"));
}

async fn an_import_makes_the_user_and_never_changes_a_password(subject: &Subject) {
    let people = &subject.people;
    let ann = people.credential_import(ANN, Some("Ann"), "first", at(3)).await.unwrap().unwrap();
    assert_eq!((ann.email.as_str(), ann.username(), ann.role), (ANN, "Ann", Role::User));
    assert_eq!((ann.created_at, ann.profile.clone()), (at(3), None));
    assert_eq!(subject.store.user_get(ann.id).await.unwrap(), Some(ann.clone()));

    assert_eq!(people.credential_import(ANN, Some("Eve"), "second", at(4)).await.unwrap(), None);
    let credential = people.credential_find(ANN).await.unwrap().unwrap();
    assert!(credential == Credential { user: ann, password_hash: Some("first".to_owned()) });
}

async fn an_import_leaves_an_account_its_name_and_role(subject: &Subject) {
    let ann = subject.store.user_ensure(ANN, Some(Role::Admin), at(0)).await.unwrap();
    let imported = subject.people.credential_import(ANN, Some("Eve"), "hash", at(1)).await.unwrap();
    assert_eq!(imported, Some(ann));
}

async fn a_password_is_replaced_only_in_the_place_of_the_one_that_was_read(subject: &Subject) {
    let people = &subject.people;
    let ann = people.credential_import(ANN, None, "old", at(0)).await.unwrap().unwrap();
    let bob = people.credential_import("bob@example.org", None, "old", at(0)).await.unwrap().unwrap();
    assert!(people.credential_replace(ann.id, "old", "new").await.unwrap());
    assert!(!people.credential_replace(ann.id, "old", "other").await.unwrap());
    assert!(!people.credential_replace(UserId::new(), "old", "other").await.unwrap());
    for (user, hash) in [(ann, "new"), (bob, "old")] {
        let found = people.credential_find(&user.email).await.unwrap().unwrap();
        assert_eq!(found.password_hash.as_deref(), Some(hash));
    }
}

async fn a_user_changes_what_they_name_and_keeps_the_rest(subject: &Subject) {
    let store = &subject.store;
    let ann = user(subject, ANN).await;
    assert_eq!((ann.username(), ann.name.as_deref(), ann.profile.as_deref()), ("ann", None, None));
    let change = |username: Option<&str>, profile: Option<&str>| {
        let change = UserChange { username: username.map(Into::into), profile: profile.map(Into::into) };
        store.user_update(ann.id, change)
    };
    let named = change(Some("Größe 猫"), None).await.unwrap().unwrap();
    assert_eq!((named.username(), named.profile.as_deref()), ("Größe 猫", None));
    let told = change(None, Some(r#"{"pet":"cat"}"#)).await.unwrap().unwrap();
    assert_eq!((told.username(), told.profile.as_deref()), ("Größe 猫", Some(r#"{"pet":"cat"}"#)));
    assert_eq!(change(None, None).await.unwrap(), Some(told.clone()));
    assert_eq!(store.user_get(ann.id).await.unwrap(), Some(told.clone()));
    assert_eq!((told.id, told.email, told.role, told.created_at), (ann.id, ann.email, ann.role, at(0)));

    // Making the same user again changes neither.
    let again = store.user_ensure(ANN, Some(Role::Admin), at(5)).await.unwrap();
    assert_eq!((again.username(), again.profile.as_deref()), ("Größe 猫", Some(r#"{"pet":"cat"}"#)));
    let again = store.user_ensure(ANN, None, at(5)).await.unwrap();
    assert_eq!((again.username(), again.role), ("Größe 猫", Role::Admin));
}

async fn nobody_is_changed_who_is_not_there(subject: &Subject) {
    for username in [Some("Ann".to_owned()), None] {
        let change = UserChange { username, profile: None };
        assert_eq!(subject.store.user_update(UserId::new(), change).await.unwrap(), None);
    }
}

async fn members_are_listed_by_the_names_that_they_chose(subject: &Subject) {
    let store = &subject.store;
    let (ann, bob) = (user(subject, ANN).await, user(subject, "bob@example.org").await);
    let change = UserChange { username: Some("Queen Ann".to_owned()), profile: None };
    store.user_update(ann.id, change).await.unwrap();
    let (place, stranger) = (ConversationId::new(), UserId::new());
    store.conversation_create(place, ann.id, "", at(0)).await.unwrap();
    for user in [bob.id, stranger] {
        assert!(store.participant_add(place, user).await.unwrap());
    }
    let members = store.member_list(place, None, 9).await.unwrap();
    let mut named: Vec<_> = members.iter().map(|one| (one.user, one.username.as_deref())).collect();
    let mut expected = vec![(ann.id, Some("Queen Ann")), (bob.id, Some("bob")), (stranger, None)];
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected);
}

suite! {
    an_account_is_found_by_its_address_with_or_without_a_password
    an_import_makes_the_user_and_never_changes_a_password
    an_import_leaves_an_account_its_name_and_role
    a_password_is_replaced_only_in_the_place_of_the_one_that_was_read
    a_user_changes_what_they_name_and_keeps_the_rest
    nobody_is_changed_who_is_not_there
    members_are_listed_by_the_names_that_they_chose
}
