//! Files: whose they are, how far they have come, who may read them, and what goes with a conversation.

use crate::subject::{Subject, suite};
use crate::write::{Scene, at};
use parlor_domain::message::{Attachment, Edit, Fingerprint, Metadata};
use parlor_domain::ports::{
    Checksum, FileRecord, FileStatus, MembershipChange, MembershipStep, NewMessage, Page, UploadCreated,
    UploadQuota, UploadStep, Write, Written,
};
use parlor_domain::room::{MemberRole, RoomKind};
use parlor_domain::{ConversationId, FileId, UserId};
use std::collections::BTreeSet;

const ALL: Page = Page { offset: 0, limit: 99 };
const NO_QUOTA: UploadQuota = UploadQuota { bytes: None, unfinished: None };

fn record(owner: UserId, conversation: Option<ConversationId>) -> FileRecord {
    FileRecord {
        id: FileId::new(),
        owner,
        conversation,
        name: "größe.txt".into(),
        media_type: "text/plain".into(),
        size: 10,
        chunk_size: 4,
        status: FileStatus::Uploading,
        checksum: None,
        created_at: at(0),
        finished_at: None,
        expires_at: at(100),
    }
}

async fn made(subject: &Subject, owner: UserId, conversation: Option<ConversationId>) -> FileRecord {
    let record = record(owner, conversation);
    let created = subject.store.upload_create(record.clone(), NO_QUOTA).await.unwrap();
    assert_eq!(created, UploadCreated::Made);
    record
}

fn step(record: &FileRecord, from: FileStatus, to: FileStatus, seconds: i64) -> UploadStep {
    UploadStep { id: record.id, from, to, content: None, at: at(seconds) }
}

async fn available(
    subject: &Subject,
    owner: UserId,
    place: Option<ConversationId>,
    seconds: i64,
) -> FileRecord {
    let record = made(subject, owner, place).await;
    let step = step(&record, FileStatus::Uploading, FileStatus::Available, seconds);
    assert!(subject.store.upload_step(step).await.unwrap());
    subject.store.upload_get(record.id).await.unwrap().unwrap()
}

fn attachment(file: &FileRecord) -> Attachment {
    let (name, mime_type) = (file.name.clone(), file.media_type.clone());
    Attachment { file: file.id, name, mime_type, size: file.size }
}

fn carrying(scene: &Scene, files: &[&FileRecord]) -> NewMessage {
    let mut new = scene.message("look");
    let attachments = files.iter().map(|file| attachment(file)).collect();
    new.message.metadata = Metadata { attachments, ..Metadata::default() }.boxed();
    new
}

async fn gone(subject: &Subject) -> BTreeSet<FileId> {
    let gone = subject.store.upload_due(FileStatus::Deleted, None, 99).await.unwrap();
    gone.iter().map(|it| it.id).collect()
}

async fn reads(subject: &Subject, file: &FileRecord, user: UserId) -> bool {
    subject.store.upload_readable(file.id, user).await.unwrap().is_some()
}

async fn files_go_step_by_step(subject: &Subject) {
    let (store, owner) = (&subject.store, UserId::new());
    let record = made(subject, owner, None).await;
    assert_eq!(store.upload_get(record.id).await.unwrap(), Some(record.clone()));
    let content = Some((8, Checksum([7; 32])));
    let pending = step(&record, FileStatus::Uploading, FileStatus::Pending, 1);
    assert!(store.upload_step(UploadStep { content, ..pending }).await.unwrap());
    assert!(!store.upload_step(pending).await.unwrap(), "it is there no more");
    assert!(store.upload_step(step(&record, FileStatus::Pending, FileStatus::Clean, 2)).await.unwrap());
    assert!(store.upload_step(step(&record, FileStatus::Clean, FileStatus::Available, 3)).await.unwrap());
    let found = store.upload_get(record.id).await.unwrap().unwrap();
    let (status, checksum, finished_at) = (FileStatus::Available, Some(Checksum([7; 32])), Some(at(3)));
    assert_eq!(found, FileRecord { status, size: 8, checksum, finished_at, ..record.clone() });

    assert!(store.upload_delete(record.id).await.unwrap());
    assert!(!store.upload_delete(record.id).await.unwrap());
    assert_eq!(store.upload_get(record.id).await.unwrap(), None);
    let due = store.upload_due(FileStatus::Deleted, None, 9).await.unwrap();
    assert_eq!(due.iter().map(|it| it.id).collect::<Vec<_>>(), [record.id]);
    store.upload_forget(record.id).await.unwrap();
    store.upload_forget(record.id).await.unwrap();
    assert_eq!(store.upload_due(FileStatus::Deleted, None, 9).await.unwrap(), []);
}

async fn own_files_are_listed_last_first(subject: &Subject) {
    let owner = UserId::new();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(made(subject, owner, None).await.id);
        made(subject, UserId::new(), None).await;
    }
    ids.sort_unstable();
    ids.reverse();
    subject.store.upload_delete(ids.remove(2)).await.unwrap();
    let page = |offset, limit| subject.store.upload_list(owner, Page { offset, limit });
    let listed = page(0, 99).await.unwrap();
    assert_eq!(listed.items.iter().map(|it| it.id).collect::<Vec<_>>(), ids);
    let second = page(1, 2).await.unwrap();
    assert_eq!(
        (second.items.iter().map(|it| it.id).collect::<Vec<_>>(), second.total),
        (ids[1..3].to_vec(), 4)
    );
}

async fn quotas_hold_however_many_come_at_once(subject: &Subject) {
    let (owner, second) = (UserId::new(), subject.second().await);
    let quota = UploadQuota { bytes: Some(45), unfinished: None };
    let stores = [&subject.store, &second];
    let creates = (0..12).map(|number| stores[number % 2].upload_create(record(owner, None), quota));
    let all = futures_util::future::join_all(creates).await;
    let made = all.into_iter().filter(|created| *created.as_ref().unwrap() == UploadCreated::Made);
    assert_eq!(made.count(), 4);
    let few = UploadQuota { bytes: None, unfinished: Some(4) };
    let one_more = async || subject.store.upload_create(record(owner, None), few).await.unwrap();
    assert_eq!(one_more().await, UploadCreated::TooManyUnfinished);
    let first = subject.store.upload_list(owner, ALL).await.unwrap().items.remove(0);
    subject.store.upload_step(step(&first, FileStatus::Uploading, FileStatus::Available, 1)).await.unwrap();
    assert_eq!(one_more().await, UploadCreated::Made);
    let nothing = UploadQuota { bytes: Some(5), unfinished: None };
    let other = subject.store.upload_create(record(UserId::new(), None), nothing).await.unwrap();
    assert_eq!(other, UploadCreated::TooManyBytes);
}

async fn what_takes_too_long_expires(subject: &Subject) {
    let owner = UserId::new();
    let (slow, done) = (made(subject, owner, None).await, available(subject, owner, None, 1).await);
    assert_eq!(subject.store.upload_expire(at(99)).await.unwrap(), 0);
    assert_eq!(subject.store.upload_expire(at(100)).await.unwrap(), 1);
    assert_eq!(subject.store.upload_expire(at(100)).await.unwrap(), 0);
    assert_eq!(subject.store.upload_get(slow.id).await.unwrap(), None);
    assert!(subject.store.upload_get(done.id).await.unwrap().is_some());
}

async fn members_read_what_came_into_their_room(subject: &Subject) {
    let room = Scene::room(&subject.store, "tea", RoomKind::Private).await;
    let (before, stranger) = (available(subject, room.user, Some(room.conversation), 5).await, UserId::new());
    let guest = UserId::new();
    let enter = MembershipStep::Enter { role: MemberRole::Member, most: None, from_now: true, readmit: true };
    room.store(room.message("a secret")).await;
    room.write_one(MembershipChange { user: guest, at: at(10), ..room.step(enter) }).await;
    let after = available(subject, room.user, Some(room.conversation), 15).await;
    for (file, user, expect) in [
        (&before, room.user, true),
        (&before, guest, false),
        (&after, guest, true),
        (&after, stranger, false),
    ] {
        assert_eq!(reads(subject, file, user).await, expect);
    }
    room.write_one(MembershipChange { user: guest, at: at(20), ..room.step(MembershipStep::Remove) }).await;
    assert!(!reads(subject, &after, guest).await);
}

async fn who_reads_a_message_reads_what_it_carries(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (owner, guest) = (UserId::new(), UserId::new());
    let file = available(subject, owner, None, 1).await;
    assert!(reads(subject, &file, owner).await && !reads(subject, &file, scene.user).await);
    let new = carrying(&scene, &[&file]);
    let message = new.message.id;
    assert!(!reads(subject, &file, scene.user).await, "the message is not there");
    let stored = scene.store(new).await;
    assert_eq!(stored.metadata.unwrap().attachments, [attachment(&file)]);
    assert!(reads(subject, &file, scene.user).await && !reads(subject, &file, guest).await);
    scene.write_one(scene.change(message, Edit::Delete, 5)).await;
    assert!(!reads(subject, &file, scene.user).await, "the message says nothing any more");
}

async fn files_go_with_their_last_conversation(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let other = scene.another("A title").await;
    let (room_file, carried) = (
        available(subject, scene.user, Some(scene.conversation), 1).await,
        available(subject, scene.user, None, 1).await,
    );
    let (shared, own) =
        (available(subject, scene.user, None, 1).await, available(subject, scene.user, None, 1).await);
    for (place, file) in [(&scene, &carried), (&scene, &shared), (&other, &shared)] {
        place.store(carrying(place, &[file])).await;
    }
    let end = scene.step(MembershipStep::Delete);
    scene.write_one(MembershipChange { at: at(5), ..end }).await;
    assert!(reads(subject, &room_file, scene.user).await, "it can be brought back");
    assert_eq!(subject.store.conversation_purge(at(9), 9, at(9)).await.unwrap(), 1);
    assert_eq!(gone(subject).await, BTreeSet::from([room_file.id, carried.id]));
    for file in [&shared, &own] {
        assert!(reads(subject, file, scene.user).await);
    }
}

/// A message that is deleted takes its author's files with it, but for those that another one carries, and for those of
/// others. All of one transaction sees what the rest of it did.
async fn files_go_with_their_last_message(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let here = Some(scene.conversation);
    let (own, twice) =
        (available(subject, scene.user, None, 1).await, available(subject, scene.user, here, 1).await);
    let (anothers, brief) =
        (available(subject, UserId::new(), here, 1).await, available(subject, scene.user, None, 1).await);
    let (first, second) = (carrying(&scene, &[&own, &twice, &anothers]), carrying(&scene, &[&twice]));
    let (first_id, second_id) = (first.message.id, second.message.id);
    scene.store(first).await;
    scene.store(second).await;
    scene.write_one(scene.change(first_id, Edit::Delete, 5)).await;
    assert_eq!(gone(subject).await, BTreeSet::from([own.id]));
    scene.write_one(scene.change(second_id, Edit::Delete, 6)).await;
    assert_eq!(gone(subject).await, BTreeSet::from([own.id, twice.id]));
    let new = carrying(&scene, &[&brief]);
    let change = scene.change(new.message.id, Edit::Delete, 7);
    subject.store.write(vec![Write::Message(Box::new(new)), Write::Change(Box::new(change))]).await.unwrap();
    assert_eq!(gone(subject).await, BTreeSet::from([own.id, twice.id, brief.id]));
    assert!(reads(subject, &anothers, scene.user).await);
}

/// A resend carries what the first message did, whatever it says now.
async fn a_resend_carries_nothing_new(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let (owner, fingerprint) = (UserId::new(), Fingerprint::of(scene.user, "1", "look"));
    let (first, other) = (available(subject, owner, None, 1).await, available(subject, owner, None, 1).await);
    assert_eq!(subject.store.message_sent(scene.conversation, fingerprint).await.unwrap(), None);
    let send = |file| NewMessage { fingerprint: Some(fingerprint), ..carrying(&scene, &[file]) };
    let stored = scene.store(send(&first)).await;
    let again = subject.store.write(vec![Write::Message(Box::new(send(&other)))]).await.unwrap();
    let [Written::Duplicate(message)] = &again[..] else { panic!("{again:?}") };
    assert_eq!(message.metadata.as_ref().unwrap().attachments, [attachment(&first)]);
    assert!(reads(subject, &first, scene.user).await && !reads(subject, &other, scene.user).await);
    let found = subject.store.message_sent(scene.conversation, fingerprint).await.unwrap();
    assert_eq!(found.map(|it| it.id), Some(stored.id));
    let elsewhere = scene.another("A title").await.conversation;
    assert_eq!(subject.store.message_sent(elsewhere, fingerprint).await.unwrap(), None);
}

suite! {
    files_go_step_by_step
    own_files_are_listed_last_first
    quotas_hold_however_many_come_at_once
    what_takes_too_long_expires
    members_read_what_came_into_their_room
    who_reads_a_message_reads_what_it_carries
    files_go_with_their_last_conversation
    files_go_with_their_last_message
    a_resend_carries_nothing_new
}
