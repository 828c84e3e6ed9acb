//! Accounts under many hands, on one node and on two: guesses, tokens and counts mean the same as one after the other.

use crate::people::{ANN, audit_entry, guess, hash, later, sign_in, sign_up, token, user};
use crate::subject::{Node, Subject, suite};
use crate::write::at;
use futures_util::future::join_all;
use parlor_domain::ports::{
    AuditAction, AuditEntry, AuditFilter, CodeGuess, Digest, ForeignIdentity, NewCode, NewRefreshToken,
    Revocation, Rotated,
};
use std::collections::BTreeSet;
use std::time::Duration;

const MANY: usize = 40;
/// How often what is a matter of luck is done.
const ROUNDS: u64 = 5;

/// Does it [`MANY`] times at once, on two nodes in turn, each in a task of its own.
async fn at_once<T, F>(nodes: &[Node; 2], act: impl Fn(Node, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> =
        (0..MANY).map(|number| tokio::spawn(act(nodes[number % 2].clone(), number))).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

/// The nodes, with all their connections open: who has to wait for one meets nobody.
async fn nodes(subject: &Subject) -> [Node; 2] {
    let nodes = subject.nodes().await;
    at_once(&nodes, |node, _| async move { node.people.count("open", Duration::ZERO, at(0)).await.unwrap() })
        .await;
    subject.people.count_clear("open").await.unwrap();
    nodes
}

/// Forty guesses at once are heard five times: who asks many nodes at once learns no more than who asks one.
async fn guesses_at_once_are_no_more_than_a_code_bears(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let code = sign_in(ANN, hash());
    people.code_create(code.clone(), 1).await.unwrap();
    let found = at_once(&nodes(subject).await, |node, _| {
        let wrong = guess(&code, hash());
        async move { node.people.code_guess(wrong).await.unwrap() }
    })
    .await;
    assert!(found.iter().all(Option::is_none));
    assert_eq!(people.code_guess(guess(&code, code.hash)).await.unwrap(), None, "it is burnt");
    let sixth = CodeGuess { tries: 6, ..guess(&code, code.hash) };
    assert_eq!(people.code_guess(sixth).await.unwrap(), Some(ann), "by five, and not by forty");
}

async fn every_guess_is_counted_once(subject: &Subject) {
    let people = &subject.people;
    let ann = user(subject, ANN).await;
    let code = sign_in(ANN, hash());
    people.code_create(code.clone(), 1).await.unwrap();
    let found = at_once(&nodes(subject).await, |node, _| {
        // Without a bound, so that all of them count.
        let wrong = CodeGuess { tries: u32::MAX, ..guess(&code, hash()) };
        async move { node.people.code_guess(wrong).await.unwrap() }
    })
    .await;
    assert!(found.iter().all(Option::is_none));
    let tries = u32::try_from(MANY).unwrap();
    let burnt = CodeGuess { tries, ..guess(&code, code.hash) };
    assert!(people.code_guess(burnt).await.unwrap().is_none(), "every guess was counted");
    let spared = CodeGuess { tries: tries + 1, ..guess(&code, code.hash) };
    assert_eq!(people.code_guess(spared).await.unwrap(), Some(ann), "and none twice");
}

async fn a_right_code_is_good_for_one_of_many(subject: &Subject) {
    let code = sign_up(ANN, hash());
    subject.people.code_create(code.clone(), 1).await.unwrap();
    let found = at_once(&nodes(subject).await, |node, _| {
        let right = CodeGuess { tries: u32::MAX, ..guess(&code, code.hash) };
        async move { node.people.code_guess(right).await.unwrap() }
    })
    .await;
    assert_eq!(found.iter().flatten().count(), 1);
}

async fn codes_made_at_once_are_no_more_than_may_live(subject: &Subject) {
    user(subject, ANN).await;
    let codes: Vec<NewCode> = (0..MANY).map(|_| sign_in(ANN, hash())).collect();
    at_once(&nodes(subject).await, |node, number| {
        let code = codes[number].clone();
        async move { node.people.code_create(code, 3).await.unwrap() }
    })
    .await;
    // All that are left are over then.
    assert_eq!(subject.people.credentials_sweep(later()).await.unwrap(), 3);
}

async fn accounts_made_at_once_by_every_way_are_one(subject: &Subject) {
    let codes: Vec<NewCode> = (0..MANY).map(|_| sign_up(ANN, hash())).collect();
    let users = at_once(&nodes(subject).await, |node, number| {
        let code = codes[number].clone();
        async move {
            let person = ForeignIdentity {
                issuer: "clerk".to_owned(),
                subject: format!("ann {}", number % 3),
                email: Some(ANN.to_owned()),
                placeholder: format!("{number}@clerk.invalid"),
                username: None,
            };
            match number % 4 {
                0 => {
                    node.people.code_create(code.clone(), MANY).await.unwrap();
                    node.people.code_guess(guess(&code, code.hash)).await.unwrap()
                }
                1 => node.people.credential_import(ANN, None, "imported", at(0)).await.unwrap(),
                2 => Some(node.people.identity_user(person, at(0)).await.unwrap()),
                _ => Some(node.store.user_ensure(ANN, None, at(0)).await.unwrap()),
            }
        }
    })
    .await;
    let ids: BTreeSet<_> = users.iter().flatten().map(|user| user.id).collect();
    assert_eq!(ids.len(), 1);
    let passwords = users.iter().enumerate().filter(|(number, user)| number % 4 < 2 && user.is_some());
    assert_eq!(passwords.count(), 1, "one of them gave the password");
}

/// Without an address that is known to be theirs the users differ, so that only the subject itself can be the lock.
async fn a_subject_seen_at_once_is_one_user(subject: &Subject) {
    let nodes = nodes(subject).await;
    for round in 0..ROUNDS {
        let users = at_once(&nodes, |node, number| {
            let person = ForeignIdentity {
                issuer: "clerk".to_owned(),
                subject: format!("ann {round}"),
                email: None,
                placeholder: format!("{round}.{number}@clerk.invalid"),
                username: None,
            };
            async move { node.people.identity_user(person, at(0)).await.unwrap().id }
        })
        .await;
        assert_eq!(users.iter().collect::<BTreeSet<_>>().len(), 1);
        assert_eq!(subject.store.totals().await.unwrap().users, round + 1, "and nobody was made in vain");
    }
}

async fn a_refresh_token_is_exchanged_by_one_of_many(subject: &Subject) {
    let first = token(&user(subject, ANN).await);
    subject.people.refresh_create(first.clone()).await.unwrap();
    let rotated = at_once(&nodes(subject).await, |node, _| {
        let (old, next) = (first.hash, hash());
        async move { (node.people.refresh_rotate(old, next, at(700), at(1)).await.unwrap(), next) }
    })
    .await;
    let fresh: Vec<_> =
        rotated.iter().filter(|(rotated, _)| matches!(rotated, Rotated::Fresh { .. })).collect();
    let reused = rotated.iter().filter(|(rotated, _)| matches!(rotated, Rotated::Reused { .. }));
    assert_eq!((fresh.len(), reused.count()), (1, MANY - 1));
    for (rotated, next) in &rotated {
        let known = subject.people.refresh_owner(*next, at(1)).await.unwrap().is_some();
        assert_eq!(known, matches!(rotated, Rotated::Fresh { .. }), "only the one that was given is there");
    }
}

/// Half of the tasks exchange tokens as fast as they can; the other half end those sign-ins meanwhile.
async fn nothing_survives_the_end_of_its_sign_in(subject: &Subject) {
    let (ann, nodes) = (user(subject, ANN).await, nodes(subject).await);
    for _ in 0..ROUNDS {
        let firsts: Vec<_> = (0..MANY / 2).map(|_| token(&ann)).collect();
        for first in &firsts {
            subject.people.refresh_create(first.clone()).await.unwrap();
        }
        let given = at_once(&nodes, |node, number| {
            // Both of a sign-in's tasks are not on one node.
            let first = firsts[(number + number / firsts.len()) % firsts.len()].clone();
            async move {
                if number < MANY / 2 {
                    return exchange_until_the_end(&node, &first).await;
                }
                for _ in 0..number % 4 {
                    node.people.count("a while", Duration::from_secs(1), at(0)).await.unwrap();
                }
                let end = Revocation { grant: first.grant, user: first.user, at: at(1), until: at(600) };
                node.store.grant_revoke(end, audit_entry(AuditAction::SignOut)).await.unwrap();
                Vec::new()
            }
        })
        .await;
        for token in given.into_iter().flatten() {
            assert_eq!(subject.people.refresh_owner(token, at(1)).await.unwrap(), None);
        }
    }
}

/// Gives every token that there was.
async fn exchange_until_the_end(node: &Node, first: &NewRefreshToken) -> Vec<Digest> {
    let mut given = vec![first.hash];
    loop {
        // The store in memory never waits, and would let nobody else have a turn.
        tokio::task::yield_now().await;
        let (old, next) = (given[given.len() - 1], hash());
        match node.people.refresh_rotate(old, next, at(700), at(1)).await.unwrap() {
            Rotated::Fresh { .. } => given.push(next),
            Rotated::Reused { .. } => panic!("it was never used"),
            Rotated::Unknown => return given,
        }
    }
}

async fn counts_are_exact(subject: &Subject) {
    let mut counts = at_once(&nodes(subject).await, |node, number| async move {
        // In a window that is over, and in one that opens.
        let now = if number == 0 { at(0) } else { at(100) };
        node.people.count("ip", Duration::from_secs(60), now).await.unwrap();
        node.people.count("all", Duration::from_secs(60), at(0)).await.unwrap().count
    })
    .await;
    counts.sort_unstable();
    assert!(counts.iter().copied().eq(1..=u32::try_from(MANY).unwrap()), "{counts:?}");
}

/// Everything that removes rows, at once, and over and over: nobody waits in a circle, nothing fails.
async fn sweeps_are_in_nobodys_way(subject: &Subject) {
    let ann = user(subject, ANN).await;
    at_once(&nodes(subject).await, |node, number| {
        let ann = ann.clone();
        async move {
            for round in 0..6 {
                match number % 4 {
                    0 => {
                        node.people.credentials_sweep(at(i64::from(round) * 200)).await.unwrap();
                    }
                    1 => {
                        let code = NewCode { expires_at: at(i64::from(round) * 100), ..sign_in(ANN, hash()) };
                        node.people.code_create(code.clone(), 2).await.unwrap();
                        node.people.code_guess(guess(&code, code.hash)).await.unwrap();
                    }
                    2 => {
                        let first = token(&ann);
                        node.people.refresh_create(first.clone()).await.unwrap();
                        let end = Revocation { grant: first.grant, user: ann.id, at: at(1), until: at(300) };
                        node.people.refresh_rotate(first.hash, hash(), at(400), at(1)).await.unwrap();
                        node.store.grant_revoke(end, audit_entry(AuditAction::SignOut)).await.unwrap();
                    }
                    _ => {
                        let key = format!("key {round}");
                        let now = at(i64::from(round) * 90);
                        node.people.count(&key, Duration::from_secs(60), now).await.unwrap();
                    }
                }
            }
        }
    })
    .await;
    subject.people.credentials_sweep(at(100_000)).await.unwrap();
    assert_eq!(subject.people.credentials_sweep(at(100_000)).await.unwrap(), 0);
    assert_eq!(subject.store.grants_revoked(None, at(0)).await.unwrap(), []);
}

async fn no_entry_of_the_audit_log_is_lost(subject: &Subject) {
    let appended = at_once(&nodes(subject).await, |node, _| async move {
        let entries: Vec<AuditEntry> = (0..3).map(|_| AuditEntry::new(AuditAction::SignIn, at(0))).collect();
        node.store.audit_append(entries.clone()).await.unwrap();
        entries
    })
    .await;
    let mut expected: Vec<AuditEntry> = appended.into_iter().flatten().collect();
    expected.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    assert_eq!(subject.store.audit_list(AuditFilter::default(), None, 999).await.unwrap(), expected);
}

suite! {
    guesses_at_once_are_no_more_than_a_code_bears
    every_guess_is_counted_once
    a_right_code_is_good_for_one_of_many
    codes_made_at_once_are_no_more_than_may_live
    accounts_made_at_once_by_every_way_are_one
    a_subject_seen_at_once_is_one_user
    a_refresh_token_is_exchanged_by_one_of_many
    nothing_survives_the_end_of_its_sign_in
    counts_are_exact
    sweeps_are_in_nobodys_way
    no_entry_of_the_audit_log_is_lost
}
