//! What is counted in windows of time, and what is forgotten when its time is over.

use crate::people::{ANN, audit_entry, guess, hash, later, sign_in, token, user};
use crate::subject::{Subject, suite};
use crate::write::at;
use parlor_domain::ports::{AuditAction, Count, NewCode, NewRefreshToken, Revocation, Rotated};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

async fn a_window_opens_with_the_first_and_ends_in_its_time(subject: &Subject) {
    let people = &subject.people;
    for (second, expected) in [(0, 1), (10, 2), (59, 3)] {
        let count = people.count("ip:192.0.2.1", MINUTE, at(second)).await.unwrap();
        assert_eq!(count, Count { count: expected, until: at(60) });
    }
    assert_eq!(people.count("ip:192.0.2.2", MINUTE, at(59)).await.unwrap().count, 1, "each key has its own");
    let count = people.count("ip:192.0.2.1", MINUTE, at(60)).await.unwrap();
    assert_eq!(count, Count { count: 1, until: at(120) });
}

async fn what_was_counted_can_be_forgotten(subject: &Subject) {
    let people = &subject.people;
    people.count_clear("nobody").await.unwrap();
    for key in ["ann", "ann", "bob"] {
        people.count(key, MINUTE, at(0)).await.unwrap();
    }
    people.count_clear("ann").await.unwrap();
    let count = people.count("ann", MINUTE, at(30)).await.unwrap();
    assert_eq!(count, Count { count: 1, until: at(90) });
    assert_eq!(people.count("bob", MINUTE, at(30)).await.unwrap().count, 2);
}

async fn a_sweep_removes_what_is_over_and_nothing_else(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let (over, living) = (token(&ann), token(&ann));
    people.refresh_create(over.clone()).await.unwrap();
    let living = NewRefreshToken { expires_at: at(601), ..living };
    people.refresh_create(living.clone()).await.unwrap();
    people.code_create(sign_in("bob@example.org", hash()), 3).await.unwrap();
    let code = NewCode { expires_at: at(601), ..sign_in(ANN, hash()) };
    people.code_create(code.clone(), 3).await.unwrap();
    for (key, window) in [("over", 600), ("living", 601)] {
        people.count(key, Duration::from_secs(window), at(0)).await.unwrap();
    }
    let [ended, known] = [600, 601].map(|second| Revocation {
        grant: token(&ann).grant,
        user: ann.id,
        at: at(0),
        until: at(second),
    });
    subject.store.grant_revoke(ended, audit_entry(AuditAction::SignOut)).await.unwrap();
    subject.store.grant_revoke(known, audit_entry(AuditAction::SignOut)).await.unwrap();

    assert_eq!(people.credentials_sweep(at(599)).await.unwrap(), 0);
    assert_eq!(people.credentials_sweep(later()).await.unwrap(), 4);
    assert_eq!(people.credentials_sweep(later()).await.unwrap(), 0);
    assert_eq!(people.refresh_owner(over.hash, at(1)).await.unwrap(), None);
    assert!(matches!(
        people.refresh_rotate(living.hash, hash(), at(700), later()).await.unwrap(),
        Rotated::Fresh { .. }
    ));
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), Some(ann));
    assert_eq!(people.count("living", MINUTE, later()).await.unwrap().count, 2);
    assert_eq!(subject.store.grants_revoked(None, at(0)).await.unwrap(), [known]);
}

/// More than the thousand of one step.
async fn a_sweep_removes_however_many_there_are(subject: &Subject) {
    for number in 0..1_100 {
        subject.people.count(&format!("ip:{number}"), MINUTE, at(0)).await.unwrap();
    }
    assert_eq!(subject.people.credentials_sweep(at(60)).await.unwrap(), 1_100);
}

suite! {
    a_window_opens_with_the_first_and_ends_in_its_time
    what_was_counted_can_be_forgotten
    a_sweep_removes_what_is_over_and_nothing_else
    a_sweep_removes_however_many_there_are
}
