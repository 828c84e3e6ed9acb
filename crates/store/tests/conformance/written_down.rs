//! What stands in the audit log by the transaction that did it: both are there, or neither.

use crate::people::{ANN, audit_entry, hash, token, user};
use crate::postgres::Server;
use crate::subject::{Subject, suite};
use crate::write::{Scene, at, refused};
use parlor_domain::ErrorCode;
use parlor_domain::ports::{
    AuditAction, AuditEntry, AuditFilter, MembershipChange, MembershipStep, NewRefreshToken, Revocation,
    Rotated, Store, StoreError, Write,
};
use std::sync::Arc;

async fn actions(store: &Arc<dyn Store>) -> Vec<String> {
    let listed = store.audit_list(AuditFilter::default(), None, 99).await.unwrap();
    listed.into_iter().rev().map(|entry| entry.action).collect()
}

/// The deletion of a scene's conversation in second 5.
fn deletion(scene: &Scene) -> MembershipChange {
    let entry = Some(Box::new(audit_entry(AuditAction::ConversationDelete)));
    MembershipChange { at: at(5), entry, ..scene.step(MembershipStep::Delete) }
}

async fn restore(scene: &Scene) -> Result<bool, StoreError> {
    let entry = audit_entry(AuditAction::ConversationRestore);
    scene.store.conversation_restore(scene.conversation, scene.user, at(6), entry).await
}

async fn is_there(scene: &Scene) -> bool {
    let entry = scene.store.conversation_entry(scene.conversation, scene.user).await.unwrap();
    entry.is_some_and(|entry| entry.deleted_at.is_none())
}

async fn end(subject: &Subject, token: &NewRefreshToken) -> Result<(), StoreError> {
    let end = Revocation { grant: token.grant, user: token.user, at: at(2), until: at(60) };
    subject.store.grant_revoke(end, audit_entry(AuditAction::SignOut)).await
}

async fn a_deletion_is_written_down_once_and_what_is_refused_is_not(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    scene.write_one(MembershipChange { entry: None, ..scene.enter() }).await;
    assert_eq!(actions(&subject.store).await, [""; 0]);
    let change = deletion(&scene);
    scene.write_one(change.clone()).await;
    refused(&scene.write_one(deletion(&scene)).await, ErrorCode::ConversationNotFound);
    let listed = subject.store.audit_list(AuditFilter::default(), None, 9).await.unwrap();
    assert_eq!(listed, [*change.entry.unwrap()]);
}

async fn deletions_of_one_group_are_each_written_down(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (second, third) = (scene.another("Two").await, scene.another("Three").await);
    let all = [&scene, &second, &third].map(|one| Write::Membership(deletion(one)));
    scene.write(all).await;
    assert_eq!(actions(&subject.store).await, ["conversation_delete"; 3]);
}

async fn what_is_brought_back_is_written_down_and_what_is_there_is_not(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    assert!(!restore(&scene).await.unwrap());
    scene.write_one(MembershipChange { entry: None, ..deletion(&scene) }).await;
    assert!(restore(&scene).await.unwrap());
    assert!(!restore(&scene).await.unwrap());
    assert_eq!(actions(&subject.store).await, ["conversation_restore"]);
}

async fn what_is_removed_for_good_is_written_down_by_its_id(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    // More than goes in one step.
    for _ in 0..3 {
        scene.write((0..500).map(|number| crate::write::say(scene.message(&number.to_string())))).await;
    }
    scene.write_one(MembershipChange { entry: None, ..deletion(&scene) }).await;
    assert_eq!(subject.store.conversation_purge(at(9), 9, at(10)).await.unwrap(), 1);
    let listed = subject.store.audit_list(AuditFilter::default(), None, 9).await.unwrap();
    let [only] = &listed[..] else { panic!("{listed:?}") };
    let purged = AuditEntry::new(AuditAction::ConversationPurge, at(10));
    let expect = AuditEntry { id: only.id, subject: Some(scene.conversation.to_string()), ..purged };
    assert_eq!(*only, expect);
}

async fn the_end_of_a_sign_in_is_written_down_whenever_it_is_wanted(subject: &Subject) {
    let token = token(&user(subject, ANN).await);
    end(subject, &token).await.unwrap();
    end(subject, &token).await.unwrap();
    assert_eq!(actions(&subject.store).await, ["sign_out"; 2]);
}

suite! {
    a_deletion_is_written_down_once_and_what_is_refused_is_not
    deletions_of_one_group_are_each_written_down
    what_is_brought_back_is_written_down_and_what_is_there_is_not
    what_is_removed_for_good_is_written_down_by_its_id
    the_end_of_a_sign_in_is_written_down_whenever_it_is_wanted
}

/// Nothing that is audited is done while the log takes no entry: a full disk is nobody's way around it.
async fn what_cannot_be_written_down_is_not_done(subject: &Subject, shut: impl AsyncFnOnce()) {
    let (there, deleted) = (Scene::new(&subject.store).await, Scene::new(&subject.store).await);
    let token = token(&user(subject, ANN).await);
    subject.people.refresh_create(token.clone()).await.unwrap();
    deleted.write_one(deletion(&deleted)).await;
    shut().await;
    assert!(subject.store.write(vec![Write::Membership(deletion(&there))]).await.is_err());
    assert!(restore(&deleted).await.is_err());
    assert!(subject.store.conversation_purge(at(9), 9, at(9)).await.is_err());
    assert!(end(subject, &token).await.is_err());
    assert!(is_there(&there).await && !is_there(&deleted).await);
    let listed = subject.store.conversation_entry(deleted.conversation, deleted.user).await.unwrap();
    assert!(listed.is_some(), "it can still be brought back");
    let rotated = subject.people.refresh_rotate(token.hash, hash(), at(700), at(3)).await.unwrap();
    assert!(matches!(rotated, Rotated::Fresh { .. }), "the sign-in goes on");
    assert_eq!(actions(&subject.store).await, ["conversation_delete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_that_sqlite_cannot_write_down() {
    let subject = Subject::sqlite().await;
    let file = rusqlite::Connection::open(subject.url().unwrap().replace("sqlite://", "")).unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'full'); END";
    what_cannot_be_written_down_is_not_done(&subject, async || file.execute_batch(full).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_that_postgres_cannot_write_down() {
    let subject = Subject::postgres().await;
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    let full = "ALTER TABLE audit_log ADD CONSTRAINT full_disk CHECK (false) NOT VALID";
    let shut = async || client.batch_execute(full).await.unwrap();
    what_cannot_be_written_down_is_not_done(&subject, shut).await;
}
