//! Those whom other issuers vouch for.

use crate::people::{ANN, user};
use crate::subject::{Subject, suite};
use crate::write::at;
use parlor_domain::ports::{ForeignIdentity, Role};

fn subject_of(issuer: &str, name: &str) -> ForeignIdentity {
    ForeignIdentity {
        issuer: issuer.to_owned(),
        subject: name.to_owned(),
        email: None,
        placeholder: format!("{name}@{issuer}.invalid"),
        username: Some("Ann".to_owned()),
    }
}

async fn a_subject_is_one_user_from_its_first_sight_on(subject: &Subject) {
    let people = &subject.people;
    let first = people.identity_user(subject_of("clerk", "ann"), at(0)).await.unwrap();
    assert_eq!((first.email.as_str(), first.username()), ("ann@clerk.invalid", "Ann"));
    assert_eq!((first.role, first.created_at), (Role::User, at(0)));
    assert_eq!(subject.store.user_get(first.id).await.unwrap(), Some(first.clone()));

    // Whatever its issuer says of it later.
    let changed = ForeignIdentity {
        email: Some(ANN.to_owned()),
        username: Some("Queen Ann".to_owned()),
        ..subject_of("clerk", "ann")
    };
    assert_eq!(people.identity_user(changed, at(5)).await.unwrap(), first);
}

async fn a_subject_means_nothing_without_its_issuer(subject: &Subject) {
    let people = &subject.people;
    let mut users = Vec::new();
    for (issuer, name) in [("clerk", "ann"), ("clerk", "bob"), ("other", "ann")] {
        users.push(people.identity_user(subject_of(issuer, name), at(0)).await.unwrap().id);
    }
    users.sort_unstable();
    users.dedup();
    assert_eq!(users.len(), 3);
}

async fn a_verified_address_finds_its_account(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let vouched = ForeignIdentity { email: Some(ANN.to_owned()), ..subject_of("clerk", "ann") };
    assert_eq!(people.identity_user(vouched, at(1)).await.unwrap(), ann, "with its own name");
    // From then on by the subject alone.
    assert_eq!(people.identity_user(subject_of("clerk", "ann"), at(2)).await.unwrap(), ann);
}

suite! {
    a_subject_is_one_user_from_its_first_sight_on
    a_subject_means_nothing_without_its_issuer
    a_verified_address_finds_its_account
}
