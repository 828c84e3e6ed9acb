//! Files in messages: who may put one there, who reads it then, and when it goes.

use super::{begin, caller, draft as upload, finish, read, sent, until};
use crate::client::{Client, draft, entry, settle};
use crate::world::{conversation, log, unlimited};
use parlor_domain::message::{Attachment, Edit, Message};
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, ConversationId, Draft, ErrorCode, FileId, Outgoing, ReplyBody};
use std::sync::Arc;

const TEXT: &[u8] = b"hello";

async fn file(client: &mut Client, name: &str) -> FileId {
    let file = sent(&mut client.session, name, TEXT).await;
    finish(&mut client.session, file, TEXT).await.unwrap();
    client.take();
    file
}

/// A file of the conversation's.
async fn file_of(client: &mut Client, place: ConversationId) -> FileId {
    let file = begin(&mut client.session, upload("a.txt", TEXT.len(), Some(place.into()))).await.unwrap();
    let data = TEXT.to_vec().into();
    let chunk = parlor_domain::UploadAction::Chunk { file, index: 0, total: Some(1), data };
    super::ask(&mut client.session, chunk).await.unwrap();
    finish(&mut client.session, file, TEXT).await.unwrap();
    client.take();
    file
}

pub(super) fn note(
    place: impl Into<Option<ConversationId>>,
    client_id: Option<&str>,
    files: &[FileId],
) -> Draft {
    Draft { attachments: files.to_vec(), ..draft(place, "look", "note", client_id) }
}

/// The message that became of it, or why none did.
async fn send(client: &mut Client, draft: Draft) -> Result<Arc<Message>, ErrorCode> {
    client.act(Action::Send(draft)).await;
    settle().await;
    let items = client.take();
    let refused = items.iter().find_map(|item| match item {
        Outgoing::Reply(reply) => match &reply.body {
            ReplyBody::Refused { refusal, .. } => Some(refusal.code),
            _ => None,
        },
        _ => None,
    });
    match refused {
        Some(code) => Err(code),
        None => Ok(items.iter().find_map(entry).expect("it was sent")),
    }
}

fn names(message: &Message) -> Vec<&str> {
    message.metadata.iter().flat_map(|it| &it.attachments).map(|it| it.name.as_str()).collect()
}

/// Protects the one way of files to others: everybody who sees a message sees what it carries and may read it, nobody else,
/// and only as long as the message is there.
#[tokio::test(start_paused = true)]
async fn who_sees_a_message_reads_its_files() {
    let server = TestHub::with(unlimited()).await;
    let id = conversation(&server, &["ann", "bob"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let bob = Client::join(&server, "bob", id).await;
    let readers = [caller(&server, "bob").await, caller(&server, "eve").await];
    let paper = file(&mut ann, "paper.txt").await;
    let reads = async |reader: usize| read(&server, &readers[reader], paper).await;
    assert_eq!(
        (reads(0).await, reads(1).await),
        (Err(ErrorCode::UploadNotFound), Err(ErrorCode::UploadNotFound))
    );

    let message = send(&mut ann, note(id, None, &[paper, paper])).await.unwrap();
    let expect =
        Attachment { file: paper, name: "paper.txt".into(), mime_type: "text/plain".into(), size: 5 };
    assert_eq!(message.metadata.as_ref().unwrap().attachments, [expect]);
    assert_eq!(bob.entries()[0].metadata, message.metadata, "others are told");
    assert_eq!(log(&server.store, id).await[0].metadata, message.metadata, "and it is in the log");
    assert_eq!((reads(0).await, reads(1).await), (Ok(TEXT.to_vec()), Err(ErrorCode::UploadNotFound)));

    ann.act(Action::Change { message: message.id, edit: Edit::Content("look here".into()) }).await;
    settle().await;
    assert_eq!(names(&log(&server.store, id).await[0]), ["paper.txt"], "another text changes nothing of it");
    ann.act(Action::Change { message: message.id, edit: Edit::Delete }).await;
    settle().await;
    assert_eq!(reads(0).await, Err(ErrorCode::UploadNotFound));
    until(async || server.files.counts() == (0, 0)).await;
}

/// Protects files from being handed on by who may only read them, and everybody from what was not scanned.
#[tokio::test(start_paused = true)]
async fn only_ones_own_and_the_places_files_are_carried() {
    let server = TestHub::with(unlimited()).await;
    let (here, there) = (conversation(&server, &["ann", "bob"]).await, conversation(&server, &["bob"]).await);
    let mut ann = Client::join(&server, "ann", here).await;
    let mut bob = Client::join(&server, "bob", here).await;
    let (own, of_here) = (file(&mut ann, "own.txt").await, file_of(&mut ann, here).await);
    let refused = Err::<(), ErrorCode>;
    let mut try_send = async |draft| send(&mut bob, draft).await.map(drop);
    assert_eq!(try_send(note(here, None, &[own])).await, refused(ErrorCode::UploadNotFound));
    assert_eq!(try_send(note(here, None, &[FileId::new()])).await, refused(ErrorCode::UploadNotFound));
    assert_eq!(try_send(note(None, None, &[own])).await, refused(ErrorCode::UploadNotFound));
    assert_eq!(try_send(note(there, None, &[of_here])).await, refused(ErrorCode::UploadNotFound));
    assert_eq!(try_send(note(None, None, &[of_here])).await, refused(ErrorCode::UploadNotFound));
    assert_eq!(try_send(note(here, None, &[of_here; 11])).await, refused(ErrorCode::InvalidRequest));
    assert_eq!(try_send(note(here, None, &[of_here])).await, Ok(()));

    let unfinished = begin(&mut ann.session, upload("a.txt", 9, None)).await.unwrap();
    assert_eq!(send(&mut ann, note(here, None, &[unfinished])).await, Err(ErrorCode::UploadInvalid));
    server.files.set_scanner_away(true);
    let waiting = sent(&mut ann.session, "b.txt", TEXT).await;
    assert_eq!(finish(&mut ann.session, waiting, TEXT).await, Err(ErrorCode::ScannerUnavailable));
    assert_eq!(send(&mut ann, note(here, None, &[waiting])).await, Err(ErrorCode::ScannerUnavailable));
    assert_eq!(log(&server.store, here).await.len(), 1, "nothing else was stored");
    let new = send(&mut ann, note(None, None, &[own])).await.unwrap();
    assert_eq!(names(&new), ["own.txt"], "the first message of a conversation carries files, too");
}

/// Protects a resend: it finds the first, also when its file has gone meanwhile.
#[tokio::test(start_paused = true)]
async fn a_resend_is_the_first_whatever_became_of_its_files() {
    let server = TestHub::with(unlimited()).await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    let paper = file(&mut ann, "paper.txt").await;
    send(&mut ann, note(id, Some("1"), &[paper])).await.unwrap();
    let again = async |ann: &mut Client| {
        ann.act(Action::Send(note(id, Some("1"), &[paper]))).await;
        ann.seen().await
    };
    let lines = again(&mut ann).await;
    server.hub.file_delete(&caller(&server, "ann").await, paper).await.unwrap();
    assert_eq!(again(&mut ann).await, lines);
    assert_eq!(log(&server.store, id).await.len(), 1);
    ann.act(Action::Send(note(id, Some("2"), &[paper]))).await;
    assert_eq!(ann.seen().await, ["refused UPLOAD_NOT_FOUND"]);
}
