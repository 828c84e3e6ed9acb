//! The audit log: it is read by what is wanted, and the schema itself lets it only grow.

use crate::postgres::Server;
use crate::subject::{Subject, suite};
use crate::write::at;
use parlor_domain::UserId;
use parlor_domain::ports::{AuditAction, AuditEntry, AuditFilter};
use uuid::Uuid;

async fn entries_come_back_as_they_were_written_newest_first(subject: &Subject) {
    let store = &subject.store;
    let bare = AuditEntry::new(AuditAction::ConversationPurge, at(0));
    let full = AuditEntry {
        actor: Some(UserId::new()),
        account: Some("Größe@example.org".to_owned()),
        address: Some("2001:db8::7".parse().unwrap()),
        subject: Some("a room".to_owned()),
        outcome: "INVALID_CODE".to_owned(),
        ..AuditEntry::new(AuditAction::SignInVerify, at(1))
    };
    let old = AuditEntry {
        address: Some("192.0.2.1".parse().unwrap()),
        ..AuditEntry::new(AuditAction::SignIn, at(2))
    };
    store.audit_append(vec![]).await.unwrap();
    store.audit_append(vec![bare.clone(), full.clone()]).await.unwrap();
    store.audit_append(vec![old.clone()]).await.unwrap();
    let listed = store.audit_list(AuditFilter::default(), None, 9).await.unwrap();
    assert_eq!(listed, [old, full, bare]);
}

/// Ten entries, one a second, of two actors in turn and three actions.
async fn ten(subject: &Subject) -> (Vec<AuditEntry>, [UserId; 2]) {
    let actors = [UserId::new(), UserId::new()];
    let actions = [AuditAction::SignIn, AuditAction::SignOut, AuditAction::AuditRead];
    let entries: Vec<AuditEntry> = (0..10_i64)
        .map(|second| {
            let number = usize::try_from(second).unwrap();
            let entry = AuditEntry::new(actions[number % 3], at(second));
            AuditEntry { actor: Some(actors[number % 2]), ..entry }
        })
        .collect();
    subject.store.audit_append(entries.clone()).await.unwrap();
    (entries, actors)
}

async fn pages_follow_each_other_without_gap_or_repetition(subject: &Subject) {
    let (entries, _) = ten(subject).await;
    let (mut read, mut before) = (Vec::new(), None);
    loop {
        let page = subject.store.audit_list(AuditFilter::default(), before, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        assert!(page.len() <= 3);
        read.extend(page);
    }
    assert!(read.iter().eq(entries.iter().rev()));
    assert_eq!(subject.store.audit_list(AuditFilter::default(), None, 0).await.unwrap(), []);
}

async fn a_filter_leaves_what_fits_in_all_of_it(subject: &Subject) {
    let (_, actors) = ten(subject).await;
    let everything = AuditFilter::default();
    let listed = async |filter: &AuditFilter| {
        let listed = subject.store.audit_list(filter.clone(), None, 99).await.unwrap();
        let seconds = listed.iter().map(|entry| entry.at.since(at(0)).as_secs());
        seconds.collect::<Vec<_>>()
    };
    let by_first = AuditFilter { actor: Some(actors[0]), ..everything.clone() };
    assert_eq!(listed(&by_first).await, [8, 6, 4, 2, 0]);
    let sign_ins = AuditFilter { action: Some("sign_in".to_owned()), ..everything.clone() };
    assert_eq!(listed(&sign_ins).await, [9, 6, 3, 0]);
    let some = AuditFilter { since: Some(at(3)), until: Some(at(6)), ..everything };
    assert_eq!(listed(&some).await, [5, 4, 3]);
    let all = AuditFilter { since: Some(at(1)), action: Some("sign_in".to_owned()), ..by_first };
    assert_eq!(listed(&all).await, [6]);
    for stranger in ["SIGN_IN", "", "sign_in\0", "' OR 1=1 --"] {
        let none = AuditFilter { action: Some(stranger.to_owned()), ..AuditFilter::default() };
        assert_eq!(listed(&none).await, [0; 0], "{stranger:?}");
    }
    let nobody = AuditFilter { actor: Some(UserId::new()), ..AuditFilter::default() };
    assert_eq!(listed(&nobody).await, [0; 0]);
}

async fn an_entry_that_is_there_stays_as_it_is(subject: &Subject) {
    let entry = AuditEntry::new(AuditAction::SignIn, at(0));
    let changed = AuditEntry { outcome: "changed".to_owned(), ..entry.clone() };
    for one in [entry.clone(), entry.clone(), changed] {
        subject.store.audit_append(vec![one]).await.unwrap();
    }
    assert_eq!(subject.store.audit_list(AuditFilter::default(), None, 9).await.unwrap(), [entry]);
}

suite! {
    entries_come_back_as_they_were_written_newest_first
    pages_follow_each_other_without_gap_or_repetition
    a_filter_leaves_what_fits_in_all_of_it
    an_entry_that_is_there_stays_as_it_is
}

/// What would change the log, in words that both databases understand.
const CHANGES: [&str; 4] = [
    "UPDATE audit_log SET outcome = 'done'",
    "UPDATE audit_log SET outcome = 'done' WHERE action = 'sign_in'",
    "DELETE FROM audit_log",
    "DELETE FROM audit_log WHERE action = 'sign_in'",
];

async fn refused_entry(subject: &Subject) -> AuditEntry {
    let entry = AuditEntry::new(AuditAction::SignIn, at(0));
    let entry = AuditEntry { outcome: "INVALID_CREDENTIALS".to_owned(), ..entry };
    subject.store.audit_append(vec![entry.clone()]).await.unwrap();
    entry
}

/// Also a process that is not ours, or a mistake of ours, cannot rewrite what happened.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_refuses_to_change_the_log() {
    let subject = Subject::sqlite().await;
    let entry = refused_entry(&subject).await;
    let file = rusqlite::Connection::open(subject.url().unwrap().replace("sqlite://", "")).unwrap();
    for change in CHANGES {
        let error = file.execute_batch(change).unwrap_err();
        assert!(error.to_string().contains("the audit log only grows"), "{change}: {error}");
    }
    let id = Uuid::simple(entry.id);
    let replace = format!(
        "INSERT OR REPLACE INTO audit_log (id, at, action, outcome) VALUES (x'{id}', 0, 'a', 'done')"
    );
    file.execute_batch(&replace).unwrap();
    assert_eq!(subject.store.audit_list(AuditFilter::default(), None, 9).await.unwrap(), [entry]);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_refuses_to_change_the_log() {
    let subject = Subject::postgres().await;
    let entry = refused_entry(&subject).await;
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    let id = entry.id;
    let upsert = format!(
        "INSERT INTO audit_log (id, at, action, outcome) VALUES ('{id}', now(), 'a', 'done') \
         ON CONFLICT (id) DO UPDATE SET outcome = 'done'"
    );
    for replica in ["", "SET session_replication_role = replica"] {
        client.batch_execute(replica).await.unwrap();
        for change in CHANGES.into_iter().chain(["TRUNCATE audit_log", &upsert]) {
            let error = client.batch_execute(change).await.unwrap_err();
            let message = error.as_db_error().unwrap().message();
            assert_eq!(message, "the audit log only grows", "{change}");
        }
    }
    assert_eq!(subject.store.audit_list(AuditFilter::default(), None, 9).await.unwrap(), [entry]);
}
