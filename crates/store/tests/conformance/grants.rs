//! Sign-ins: their refresh tokens, and their end.

use crate::people::{ANN, audit_entry, hash, later, token, user};
use crate::subject::{Subject, suite};
use crate::write::at;
use parlor_domain::UserId;
use parlor_domain::ports::{AuditAction, GrantId, NewRefreshToken, Revocation, Rotated, UserChange};
use uuid::Uuid;

/// The end of a token's sign-in in second `second`, to be known for a minute.
fn end(token: &NewRefreshToken, second: i64) -> Revocation {
    let NewRefreshToken { grant, user, .. } = *token;
    Revocation { grant, user, at: at(second), until: at(second + 60) }
}

async fn a_token_is_exchanged_once_and_seen_when_it_comes_again(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let (first, next) = (token(&ann), hash());
    let grant = first.grant;
    people.refresh_create(first.clone()).await.unwrap();
    let rotated = people.refresh_rotate(first.hash, next, at(700), at(1)).await.unwrap();
    assert!(rotated == Rotated::Fresh { user: ann.clone(), grant });

    let again = people.refresh_rotate(first.hash, hash(), at(700), at(2)).await.unwrap();
    assert!(again == Rotated::Reused { user: ann.id, grant });
    // Nothing was changed: the end of the sign-in is the caller's to order.
    let rotated = people.refresh_rotate(next, hash(), at(700), at(3)).await.unwrap();
    assert!(rotated == Rotated::Fresh { user: ann, grant });
}

async fn an_exchange_gives_the_user_as_they_are_now(subject: &Subject) {
    let ann = user(subject, ANN).await;
    let first = token(&ann);
    subject.people.refresh_create(first.clone()).await.unwrap();
    let change = UserChange { username: Some("Queen Ann".to_owned()), profile: None };
    let ann = subject.store.user_update(ann.id, change).await.unwrap().unwrap();
    let rotated = subject.people.refresh_rotate(first.hash, hash(), at(700), at(1)).await.unwrap();
    assert!(rotated == Rotated::Fresh { user: ann, grant: first.grant });
}

async fn a_token_is_good_until_its_end_and_so_is_the_next_one(subject: &Subject) {
    let people = &subject.people;
    let (first, next) = (token(&user(subject, ANN).await), hash());
    people.refresh_create(first.clone()).await.unwrap();
    assert!(people.refresh_rotate(first.hash, next, at(900), later()).await.unwrap() == Rotated::Unknown);
    assert!(people.refresh_rotate(hash(), next, at(900), at(1)).await.unwrap() == Rotated::Unknown);
    let rotated = people.refresh_rotate(first.hash, next, at(900), at(599)).await.unwrap();
    assert!(matches!(rotated, Rotated::Fresh { .. }));
    // The first was used, and its time is over: nobody can tell it from one that never was.
    assert!(people.refresh_rotate(first.hash, hash(), at(900), later()).await.unwrap() == Rotated::Unknown);
    assert!(people.refresh_rotate(next, hash(), at(1_000), at(900)).await.unwrap() == Rotated::Unknown);
    assert!(matches!(
        people.refresh_rotate(next, hash(), at(1_000), at(899)).await.unwrap(),
        Rotated::Fresh { .. }
    ));
}

async fn whose_a_token_is_is_known_while_it_has_not_expired(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let first = token(&ann);
    people.refresh_create(first.clone()).await.unwrap();
    let owner = Some((ann.id, first.grant));
    assert_eq!(people.refresh_owner(first.hash, at(1)).await.unwrap(), owner);
    people.refresh_rotate(first.hash, hash(), at(700), at(1)).await.unwrap();
    assert_eq!(people.refresh_owner(first.hash, at(599)).await.unwrap(), owner, "also when it was used");
    assert_eq!(people.refresh_owner(first.hash, later()).await.unwrap(), None);
    assert_eq!(people.refresh_owner(hash(), at(1)).await.unwrap(), None);
}

async fn a_token_needs_a_user(subject: &Subject) {
    let nobody = NewRefreshToken { user: UserId::new(), ..token(&user(subject, ANN).await) };
    assert!(subject.people.refresh_create(nobody.clone()).await.is_err());
    assert_eq!(subject.people.refresh_owner(nobody.hash, at(1)).await.unwrap(), None);
}

async fn the_end_of_a_sign_in_takes_all_its_tokens_and_no_others(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let (ended, other, next) = (token(&ann), token(&ann), hash());
    people.refresh_create(ended.clone()).await.unwrap();
    people.refresh_create(other.clone()).await.unwrap();
    people.refresh_rotate(ended.hash, next, at(700), at(1)).await.unwrap();
    for _ in 0..2 {
        subject.store.grant_revoke(end(&ended, 2), audit_entry(AuditAction::SignOut)).await.unwrap();
    }
    for hash_of in [ended.hash, next] {
        assert!(people.refresh_rotate(hash_of, hash(), at(700), at(3)).await.unwrap() == Rotated::Unknown);
        assert_eq!(people.refresh_owner(hash_of, at(3)).await.unwrap(), None);
    }
    let rotated = people.refresh_rotate(other.hash, hash(), at(700), at(3)).await.unwrap();
    assert!(rotated == Rotated::Fresh { user: ann, grant: other.grant });
}

async fn a_sign_in_that_was_ended_gets_no_token(subject: &Subject) {
    let people = &subject.people;
    let late = token(&user(subject, ANN).await);
    subject.store.grant_revoke(end(&late, 1), audit_entry(AuditAction::SignOut)).await.unwrap();
    people.refresh_create(late.clone()).await.unwrap();
    assert!(people.refresh_rotate(late.hash, hash(), at(700), at(2)).await.unwrap() == Rotated::Unknown);
    // Not even when its end is forgotten.
    people.credentials_sweep(at(500)).await.unwrap();
    assert!(people.refresh_rotate(late.hash, hash(), at(700), at(501)).await.unwrap() == Rotated::Unknown);
}

async fn what_was_ended_is_read_by_when_and_for_how_long(subject: &Subject) {
    let store = &subject.store;
    let ends: Vec<Revocation> = (0..3)
        .map(|second| Revocation {
            grant: GrantId(Uuid::now_v7()),
            user: UserId::new(),
            at: at(second * 10),
            until: at(100 - second * 10),
        })
        .collect();
    for end in ends.iter().rev() {
        store.grant_revoke(*end, audit_entry(AuditAction::SignOut)).await.unwrap();
    }
    assert_eq!(store.grants_revoked(None, at(30)).await.unwrap(), ends);
    assert_eq!(store.grants_revoked(Some(at(10)), at(30)).await.unwrap(), ends[1..], "at or after it");
    assert_eq!(store.grants_revoked(None, at(80)).await.unwrap(), ends[..2], "until is not after it");
    assert_eq!(store.grants_revoked(Some(at(10)), at(90)).await.unwrap(), []);
}

/// A node that has read of the first end forgets it in its time: it must read of the longer one.
async fn an_end_is_there_once_and_the_longest_counts(subject: &Subject) {
    let store = &subject.store;
    let first = Revocation { grant: GrantId(Uuid::now_v7()), user: UserId::new(), at: at(1), until: at(61) };
    let shorter = Revocation { at: at(2), until: at(31), ..first };
    let longer = Revocation { at: at(3), until: at(91), ..first };
    for (end, expected) in [(first, first), (shorter, first), (longer, longer), (first, longer)] {
        store.grant_revoke(end, audit_entry(AuditAction::SignOut)).await.unwrap();
        assert_eq!(store.grants_revoked(None, at(4)).await.unwrap(), [expected]);
    }
}

suite! {
    a_token_is_exchanged_once_and_seen_when_it_comes_again
    an_exchange_gives_the_user_as_they_are_now
    a_token_is_good_until_its_end_and_so_is_the_next_one
    whose_a_token_is_is_known_while_it_has_not_expired
    a_token_needs_a_user
    the_end_of_a_sign_in_takes_all_its_tokens_and_no_others
    a_sign_in_that_was_ended_gets_no_token
    what_was_ended_is_read_by_when_and_for_how_long
    an_end_is_there_once_and_the_longest_counts
}
