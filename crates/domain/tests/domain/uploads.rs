//! Files: what becomes of an upload, whatever comes between its beginning and its end.

mod attachments;
mod telling;

use crate::world::unlimited;
use parlor_domain::ports::{FileStatus, Store, UploadStore};
use parlor_domain::testing::{MemoryStore, TEST_UNSCANNABLE, TEST_VIRUS, TestHub};
use parlor_domain::{
    Action, Caller, Command, Correlation, ErrorCode, EventBody, FileId, FileLink, Outgoing, Place, ReplyBody,
    Session, Settings, UploadAction, UploadDraft, UploadReply,
};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

async fn caller(server: &TestHub, name: &str) -> Caller {
    let user = server.user(&format!("{name}@example.org")).await;
    server.hub.authenticate(&user.to_string()).await.unwrap()
}

/// What a connection is answered next, past events.
async fn answer(session: &Session) -> Result<UploadReply, ErrorCode> {
    loop {
        let mut batch = VecDeque::new();
        tokio::time::timeout(Duration::from_secs(20), session.outbox().take(&mut batch))
            .await
            .unwrap()
            .unwrap();
        for item in batch {
            let Outgoing::Reply(reply) = item else { continue };
            match reply.body {
                ReplyBody::Upload(upload) => return Ok(upload),
                ReplyBody::Refused { refusal, .. } => return Err(refusal.code),
                _ => {}
            }
        }
    }
}

async fn ask(session: &mut Session, action: UploadAction) -> Result<UploadReply, ErrorCode> {
    session.handle(Command { action: Action::Upload(action), correlation: Correlation::default() }).await;
    answer(session).await
}

fn draft(name: &str, size: usize, place: Option<Place>) -> UploadDraft {
    UploadDraft { place, name: name.into(), size: size as u64, media_type: String::new() }
}

fn sum(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

async fn begin(session: &mut Session, draft: UploadDraft) -> Result<FileId, ErrorCode> {
    match ask(session, UploadAction::Init(draft)).await? {
        UploadReply::Ready { file, .. } => Ok(file),
        other => panic!("{other:?}"),
    }
}

/// Everything but the end.
async fn sent(session: &mut Session, name: &str, content: &[u8]) -> FileId {
    let file = begin(session, draft(name, content.len(), None)).await.unwrap();
    let chunk = UploadAction::Chunk { file, index: 0, total: Some(1), data: content.to_vec().into() };
    ask(session, chunk).await.unwrap();
    file
}

async fn finish(session: &mut Session, file: FileId, content: &[u8]) -> Result<UploadReply, ErrorCode> {
    ask(session, UploadAction::Finalize { file, checksum: sum(content) }).await
}

async fn read(server: &TestHub, caller: &Caller, file: FileId) -> Result<Vec<u8>, ErrorCode> {
    use futures_util::TryStreamExt;
    let record = server.hub.file_get(caller, file).await.map_err(|it| it.code)?;
    let part = server.hub.file_read(&record, 0..record.size).await.map_err(|it| it.code)?;
    let pieces: Vec<_> = part.content.try_collect().await.unwrap();
    Ok(pieces.concat())
}

/// Looks again and again until it is so.
async fn until(mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to be");
}

#[tokio::test]
async fn an_upload_becomes_a_file_and_the_same_again_is_the_same() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let file = sent(&mut ann, "a.txt", b"hello").await;
    let first = finish(&mut ann, file, b"hello").await.unwrap();
    let UploadReply::Finished(record) = &first else { panic!("{first:?}") };
    assert_eq!((record.status, record.size), (FileStatus::Available, 5));
    assert_eq!(finish(&mut ann, file, b"hello").await.map(|_| ()), Ok(()));
    assert_eq!(finish(&mut ann, file, b"other").await, Err(ErrorCode::ChecksumMismatch));
    assert_eq!(read(&server, &caller(&server, "ann").await, file).await.unwrap(), b"hello");
    assert_eq!(read(&server, &caller(&server, "eve").await, file).await, Err(ErrorCode::UploadNotFound));
    assert_eq!(server.files.counts(), (0, 1));
}

/// Protects an upload from a mistake of its client: what is wrong is said, and what is there stays.
#[tokio::test]
async fn what_is_wrong_is_said_and_the_chunks_stay() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let file = sent(&mut ann, "a.txt", b"hello").await;
    assert_eq!(finish(&mut ann, file, b"other").await, Err(ErrorCode::ChecksumMismatch));
    let early = begin(&mut ann, draft("b.txt", 9, None)).await.unwrap();
    assert_eq!(finish(&mut ann, early, b"").await, Err(ErrorCode::UploadInvalid));
    let bad = UploadAction::Finalize { file, checksum: "no sum".into() };
    assert_eq!(ask(&mut ann, bad).await, Err(ErrorCode::InvalidRequest));
    assert!(finish(&mut ann, file, b"hello").await.is_ok());
    let mut eve = server.connect("eve@example.org").await;
    for action in [
        UploadAction::Status(early),
        UploadAction::Chunk { file: early, index: 0, total: None, data: b"x".to_vec().into() },
        UploadAction::Finalize { file, checksum: sum(b"hello") },
        UploadAction::Status(FileId::new()),
    ] {
        assert_eq!(ask(&mut eve, action).await, Err(ErrorCode::UploadNotFound));
    }
    let limits = [
        (draft("a.exe", 1, None), ErrorCode::FileTypeNotAllowed),
        (draft("a.txt", 0, None), ErrorCode::UploadInvalid),
        (draft("a.txt", 52_428_801, None), ErrorCode::FileTooLarge),
        (draft("a\0.txt", 1, None), ErrorCode::InvalidRequest),
        (draft("a.txt", 1, Some(Place::Room("nowhere".parse().unwrap()))), ErrorCode::RoomNotFound),
    ];
    for (draft, code) in limits {
        assert_eq!(begin(&mut eve, draft).await, Err(code));
    }
    let mebibyte = vec![0; 1024 * 1024 + 1];
    let chunk = UploadAction::Chunk { file: early, index: 0, total: None, data: mebibyte.into() };
    assert_eq!(ask(&mut ann, chunk).await, Err(ErrorCode::ChunkTooLarge));
}

/// Protects from a file that is something else: it is gone with all its bytes.
#[tokio::test]
async fn what_is_not_what_it_says_is_removed() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let html: &[u8] = b"<html><script>alert(1)</script>";
    let file = sent(&mut ann, "a.png", html).await;
    assert_eq!(finish(&mut ann, file, html).await, Err(ErrorCode::FileTypeNotAllowed));
    assert_eq!(finish(&mut ann, file, html).await, Err(ErrorCode::UploadNotFound));
    until(async || server.files.counts() == (0, 0)).await;
}

/// Protects everybody from a virus: it is never read, it goes with all its bytes, and it is written down.
#[tokio::test]
async fn a_virus_is_removed_and_written_down() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let file = sent(&mut ann, "a.txt", TEST_VIRUS).await;
    assert_eq!(finish(&mut ann, file, TEST_VIRUS).await, Err(ErrorCode::VirusFound));
    assert_eq!(read(&server, &caller(&server, "ann").await, file).await, Err(ErrorCode::UploadNotFound));
    until(async || server.files.counts() == (0, 0)).await;
    let log = server.store.clone() as Arc<dyn Store>;
    let entries = log.audit_list(parlor_domain::ports::AuditFilter::default(), None, 9).await.unwrap();
    let entry = entries.iter().find(|entry| entry.subject == Some(file.to_string())).unwrap();
    assert_eq!((entry.action.as_str(), entry.outcome.as_str()), ("file_refuse", "VIRUS_FOUND"));
    assert_eq!(entry.actor, Some(ann.user()));
}

/// Protects from what nobody scanned: it waits, unread, and is scanned once the scanner is back.
#[tokio::test(start_paused = true)]
async fn without_its_scanner_a_file_waits() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let reader = caller(&server, "ann").await;
    server.files.set_scanner_away(true);
    let good = sent(&mut ann, "a.txt", b"hello").await;
    let bad = sent(&mut ann, "b.txt", TEST_VIRUS).await;
    assert_eq!(finish(&mut ann, good, b"hello").await, Err(ErrorCode::ScannerUnavailable));
    assert_eq!(finish(&mut ann, bad, TEST_VIRUS).await, Err(ErrorCode::ScannerUnavailable));
    assert_eq!(server.hub.scanner_health().await, Some(false));
    assert_eq!(read(&server, &reader, good).await, Err(ErrorCode::ScannerUnavailable));
    let status = ask(&mut ann, UploadAction::Status(good)).await.unwrap();
    assert!(matches!(status, UploadReply::Status { file, missing, .. }
        if file.status == FileStatus::Pending && missing.is_empty()));

    server.files.set_scanner_away(false);
    until(async || read(&server, &reader, good).await.as_deref() == Ok(b"hello")).await;
    until(async || read(&server, &reader, bad).await == Err(ErrorCode::UploadNotFound)).await;
    let mut batch = VecDeque::new();
    ann.outbox().take(&mut batch).await.unwrap();
    let told = batch.iter().any(|item| {
        matches!(item, Outgoing::Event(event)
        if matches!(event.body(), EventBody::File(file) if file.id == good))
    });
    assert!(told, "its owner hears of it: {batch:?}");
}

/// Protects everybody's files from one that the scanner does not look at: it waits alone.
#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_scanned_holds_up_no_other() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let reader = caller(&server, "ann").await;
    server.files.set_scanner_away(true);
    let long = sent(&mut ann, "a.txt", TEST_UNSCANNABLE).await;
    let good = sent(&mut ann, "b.txt", b"hello").await;
    assert!(long < good, "it is looked at first");
    assert_eq!(finish(&mut ann, long, TEST_UNSCANNABLE).await, Err(ErrorCode::ScannerUnavailable));
    assert_eq!(finish(&mut ann, good, b"hello").await, Err(ErrorCode::ScannerUnavailable));
    server.files.set_scanner_away(false);
    until(async || read(&server, &reader, good).await.as_deref() == Ok(b"hello")).await;
    assert_eq!(read(&server, &reader, long).await, Err(ErrorCode::ScannerUnavailable));
}

/// Protects what was whole from a failure in between: whoever comes next goes on.
#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished() {
    let store = Arc::new(MemoryStore::new());
    let server = TestHub::on(Arc::clone(&store), unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    server.files.set_failing(true);
    let file = sent(&mut ann, "a.txt", b"hello").await;
    assert_eq!(finish(&mut ann, file, b"hello").await, Err(ErrorCode::Internal));
    let record = store.upload_get(file).await.unwrap().unwrap();
    assert_eq!(record.status, FileStatus::Clean);
    server.files.set_failing(false);
    let reader = caller(&server, "ann").await;
    until(async || read(&server, &reader, file).await.as_deref() == Ok(b"hello")).await;
}

/// Protects from what nobody scanned: what comes over HTTP behind the end that a socket made is not taken any more.
#[tokio::test(start_paused = true)]
async fn what_is_scanned_does_not_change() {
    let mut settings = unlimited();
    settings.uploads.max_chunk = 4;
    let server = TestHub::with(settings).await;
    let mut ann = server.connect("ann@example.org").await;
    let reader = caller(&server, "ann").await;
    server.files.set_scanner_away(true);
    let mut upload = server.hub.file_upload(&reader, draft("a.txt", 8, None)).await.unwrap();
    let file = upload.id();
    upload.write(b"ev"[..].into()).await.unwrap();
    for index in 0..2 {
        let chunk = UploadAction::Chunk { file, index, total: None, data: b"good".to_vec().into() };
        ask(&mut ann, chunk).await.unwrap();
    }
    assert_eq!(finish(&mut ann, file, b"goodgood").await, Err(ErrorCode::ScannerUnavailable));
    assert_eq!(upload.write(b"ilevil"[..].into()).await.map_err(|it| it.code), Err(ErrorCode::UploadInvalid));
    server.files.set_scanner_away(false);
    until(async || read(&server, &reader, file).await.as_deref() == Ok(b"goodgood")).await;
    drop(upload);
    until(async || server.files.counts() == (0, 0)).await;
}

/// Protects the memory: an image that is decoded takes its place until that is over, whoever has hung up.
#[tokio::test(start_paused = true)]
async fn previews_that_nobody_waits_for_are_one_at_a_time() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let png: &[u8] = b"\x89PNG\r\n\x1a\n and more";
    let file = sent(&mut ann, "a.png", png).await;
    finish(&mut ann, file, png).await.unwrap();
    let record = server.hub.file_get(&caller(&server, "ann").await, file).await.unwrap();
    let left = server.files.hold_previews();
    for _ in 0..3 {
        let asked = server.hub.file_preview(&record);
        assert!(tokio::time::timeout(Duration::from_secs(1), asked).await.is_err(), "it waits");
    }
    assert_eq!(server.files.preview_counts(), (1, 0));
    left.add_permits(1);
    until(async || server.files.preview_counts() == (1, 1)).await;
    assert!(server.hub.file_preview(&record).await.is_ok());
}

/// Protects the disk: of a file that is removed while its preview is made, none is kept.
#[tokio::test(start_paused = true)]
async fn a_preview_does_not_outlive_its_file() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let owner = caller(&server, "ann").await;
    let png: &[u8] = b"\x89PNG\r\n\x1a\n and more";
    let file = sent(&mut ann, "a.png", png).await;
    finish(&mut ann, file, png).await.unwrap();
    let record = server.hub.file_get(&owner, file).await.unwrap();
    let left = server.files.hold_previews();
    let remove = async {
        until(async || server.files.preview_counts().0 == 1).await;
        server.hub.file_delete(&owner, file).await.unwrap();
        until(async || server.files.counts() == (0, 0)).await;
        left.add_permits(1);
    };
    let (preview, ()) = tokio::join!(server.hub.file_preview(&record), remove);
    assert_eq!(preview.map_err(|it| it.code), Err(ErrorCode::UploadNotFound));
    assert_eq!(server.files.preview_counts(), (1, 0));
}

/// Protects a file from the other machines of its database: what waits for the scanner is not theirs to remove.
#[tokio::test(start_paused = true)]
async fn what_waits_elsewhere_is_left_alone() {
    let store = Arc::new(MemoryStore::new());
    let server = TestHub::on(Arc::clone(&store), unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    server.files.set_scanner_away(true);
    let file = sent(&mut ann, "a.txt", b"hello").await;
    assert_eq!(finish(&mut ann, file, b"hello").await, Err(ErrorCode::ScannerUnavailable));
    let other = TestHub::on(Arc::clone(&store), unlimited()).await;
    other.clock.advance(Duration::from_hours(25));
    tokio::time::sleep(Duration::from_secs(60)).await;
    server.files.set_scanner_away(false);
    let reader = caller(&server, "ann").await;
    until(async || read(&server, &reader, file).await.as_deref() == Ok(b"hello")).await;
}

/// Protects an upload from two that write it at once: a chunk that is being written is written to its end, and who comes
/// next finds it.
#[tokio::test(start_paused = true)]
async fn a_lost_connection_does_not_let_others_between() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let file = begin(&mut ann, draft("a.txt", 5, None)).await.unwrap();
    let left = server.files.hold_staging();
    let soon = Duration::from_secs(1);
    let chunk = UploadAction::Chunk { file, index: 0, total: None, data: b"hello".to_vec().into() };
    assert!(tokio::time::timeout(soon, ask(&mut ann, chunk)).await.is_err());
    drop(ann);
    let mut ann = server.connect("ann@example.org").await;
    let asked = tokio::time::timeout(soon, ask(&mut ann, UploadAction::Status(file))).await;
    assert!(asked.is_err(), "it waits: {asked:?}");
    left.add_permits(1);
    let status = ask(&mut ann, UploadAction::Status(file)).await.unwrap();
    assert!(matches!(&status, UploadReply::Status { missing, .. } if missing.is_empty()), "{status:?}");
}

/// Protects the disk: who hangs up while their file is published leaves no bytes of which nobody knows.
#[tokio::test(start_paused = true)]
async fn who_hangs_up_leaves_nothing() {
    let server = TestHub::with(unlimited()).await;
    let owner = caller(&server, "ann").await;
    let left = server.files.hold_publishing();
    let mut upload = server.hub.file_upload(&owner, draft("a.txt", 5, None)).await.unwrap();
    upload.write(b"hello"[..].into()).await.unwrap();
    let finishing = tokio::time::timeout(Duration::from_secs(1), upload.finish(None));
    assert!(finishing.await.is_err(), "it waits");
    let minute = Duration::from_secs(60);
    tokio::time::sleep(minute).await;
    left.add_permits(1);
    tokio::time::sleep(minute).await;
    assert_eq!(server.files.counts(), (0, 0));
}

/// Protects the disk: what is not finished in time goes, with its bytes.
#[tokio::test(start_paused = true)]
async fn what_is_not_finished_goes_in_time() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let file = sent(&mut ann, "a.txt", b"hello").await;
    assert_eq!(server.files.counts(), (1, 0));
    server.clock.advance(Duration::from_hours(25));
    until(async || server.files.counts() == (0, 0)).await;
    until(async || ask(&mut ann, UploadAction::Status(file)).await == Err(ErrorCode::UploadNotFound)).await;
}

/// Protects the disk from one user: their files together, and those that are not finished, have a limit.
#[tokio::test]
async fn one_user_has_only_so_much() {
    let mut settings: Settings = unlimited();
    settings.uploads.quota.bytes = Some(100);
    settings.uploads.quota.unfinished = Some(2);
    let server = TestHub::with(settings).await;
    let mut ann = server.connect("ann@example.org").await;
    let first = begin(&mut ann, draft("a.txt", 60, None)).await.unwrap();
    assert_eq!(begin(&mut ann, draft("a.txt", 41, None)).await, Err(ErrorCode::FileTooLarge));
    begin(&mut ann, draft("a.txt", 40, None)).await.unwrap();
    let mut bob = server.connect("bob@example.org").await;
    for _ in 0..2 {
        begin(&mut bob, draft("a.txt", 1, None)).await.unwrap();
    }
    assert_eq!(begin(&mut bob, draft("a.txt", 1, None)).await, Err(ErrorCode::UploadInvalid));
    server.hub.file_delete(&caller(&server, "ann").await, first).await.unwrap();
    assert!(begin(&mut ann, draft("a.txt", 60, None)).await.is_ok());
}

/// Protects the network: bytes have a rate of their own, and chunks do not count as frames.
#[tokio::test]
async fn chunks_count_by_their_bytes() {
    let mut settings = Settings::default();
    settings.limits.frames = parlor_domain::Quota::new(5, Duration::from_secs(60));
    settings.limits.uploads = parlor_domain::Quota::new(20, Duration::from_secs(60));
    let server = TestHub::with(settings).await;
    let mut ann = server.connect("ann@example.org").await;
    let file = begin(&mut ann, draft("a.txt", 100, None)).await.unwrap();
    for index in 0..20 {
        let chunk = UploadAction::Chunk { file, index, total: Some(100), data: b"x".to_vec().into() };
        assert!(ask(&mut ann, chunk).await.is_ok(), "{index}");
    }
    let chunk = UploadAction::Chunk { file, index: 20, total: Some(100), data: b"x".to_vec().into() };
    assert_eq!(ask(&mut ann, chunk).await, Err(ErrorCode::RateLimit));
    assert!(ask(&mut ann, UploadAction::Status(file)).await.is_ok(), "frames were not counted");
}

/// Protects from chunks that cost nothing: an empty one counts as a kibibyte, and one that is refused as a frame.
#[tokio::test]
async fn chunks_for_nothing_count() {
    let empty =
        || UploadAction::Chunk { file: FileId::new(), index: 0, total: None, data: bytes::Bytes::new() };
    let quota = |requests| parlor_domain::Quota::new(requests, Duration::from_secs(60));
    for (frames, uploads) in [(3, 100), (100, 3)] {
        let mut settings = Settings::default();
        (settings.limits.frames, settings.limits.uploads) = (quota(frames), quota(uploads));
        let server = TestHub::with(settings).await;
        let mut ann = server.connect("ann@example.org").await;
        for _ in 0..3 {
            assert_eq!(ask(&mut ann, empty()).await, Err(ErrorCode::UploadNotFound));
        }
        assert_eq!(ask(&mut ann, empty()).await, Err(ErrorCode::RateLimit));
    }
}

/// Protects a file from who has an old link, a made-up one, or another's.
#[tokio::test]
async fn links_are_good_for_one_file_and_a_while() {
    let server = TestHub::with(unlimited()).await;
    let mut ann = server.connect("ann@example.org").await;
    let reader = caller(&server, "ann").await;
    let file = sent(&mut ann, "a.txt", b"hello").await;
    finish(&mut ann, file, b"hello").await.unwrap();
    let eve = caller(&server, "eve").await;
    assert_eq!(server.hub.file_link(&eve, file).await.map_err(|it| it.code), Err(ErrorCode::UploadNotFound));
    let link = server.hub.file_link(&reader, file).await.unwrap();
    assert_eq!(server.hub.file_by_link(&link).await.unwrap().id, file);
    let refused = async |link: FileLink| server.hub.file_by_link(&link).await.unwrap_err().code;
    let later = FileLink { expires_at: link.expires_at.plus(Duration::from_secs(1)), ..link.clone() };
    assert_eq!(refused(later).await, ErrorCode::InvalidToken);
    assert_eq!(refused(FileLink { file: FileId::new(), ..link.clone() }).await, ErrorCode::InvalidToken);
    assert_eq!(refused(FileLink { user: eve.identity.user, ..link.clone() }).await, ErrorCode::InvalidToken);
    assert_eq!(refused(FileLink { signature: String::new(), ..link.clone() }).await, ErrorCode::InvalidToken);
    server.clock.advance(Duration::from_hours(1));
    assert_eq!(refused(link).await, ErrorCode::TokenExpired);
}
