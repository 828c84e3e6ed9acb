//! Files that are there, for whoever may read them: who is told of a file is told nothing of one that they may not.

use super::{FilePorts, internal, invalid, not_found};
use crate::caller::Caller;
use crate::command::Place;
use crate::hub::{Hub, Shared};
use crate::ports::{AuditAction, ByteStream, FileRecord, FileStatus, Page, Paged};
use crate::{ConversationId, ErrorCode, FileId, Refusal, Timestamp, UserId};
use bytes::Bytes;
use futures_util::StreamExt;
use std::ops::Range;
use std::sync::Arc;

/// The most entries of one page of a list.
const PAGE_MAX: usize = 200;
/// The largest image of which there is a preview, in bytes: it is read into memory.
const PREVIEW_MAX: u64 = 20 * 1024 * 1024;
/// What there are previews of.
pub(super) const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// What a link says: that who has it may read a file as `user` may, until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLink {
    /// The file.
    pub file: FileId,
    /// As whom.
    pub user: UserId,
    /// Until when.
    pub expires_at: Timestamp,
    /// That we said so: 64 hexadecimal digits.
    pub signature: String,
}

/// Bytes of a file.
pub struct FilePart {
    /// Which: none of it where the file is empty.
    pub range: Range<u64>,
    /// The bytes.
    pub content: ByteStream,
}

impl Hub {
    /// A file that the caller may read. Error: `UPLOAD_NOT_FOUND`, also for who may not.
    pub async fn file_get(&self, caller: &Caller, file: FileId) -> Result<FileRecord, Refusal> {
        self.0.file_readable(file, caller.identity.user).await
    }

    /// The caller's own files, the last first, at most 200 a page.
    pub async fn file_list(&self, caller: &Caller, page: Page) -> Result<Paged<FileRecord>, Refusal> {
        self.0.files()?;
        let page = Page { limit: page.limit.min(PAGE_MAX), ..page };
        let listed = self.0.store.upload_list(caller.identity.user, page).await;
        listed.map_err(|error| internal(&error))
    }

    /// A part of a file that is there. Errors: `SCANNER_UNAVAILABLE` where it waits for the scanner, `UPLOAD_INVALID`
    /// where it is not whole.
    pub async fn file_read(&self, record: &FileRecord, range: Range<u64>) -> Result<FilePart, Refusal> {
        must_be_there(record)?;
        let content = self.0.files()?.ports.blobs.read(record.id, range.clone()).await;
        Ok(FilePart { range, content: content.map_err(|error| internal(&error))? })
    }

    /// A small PNG of an image. Errors: as of [`Hub::file_read`]; `FILE_TYPE_NOT_ALLOWED` where the file is no PNG, JPEG,
    /// GIF or WebP image, cannot be read as one, or is too large for it.
    pub async fn file_preview(&self, record: &FileRecord) -> Result<Bytes, Refusal> {
        must_be_there(record)?;
        if !IMAGES.contains(&record.media_type.as_str()) || record.size > PREVIEW_MAX {
            return Err(no_preview());
        }
        let uploads = self.0.files()?;
        let kept = uploads.ports.blobs.preview(record.id).await.map_err(|error| internal(&error))?;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let place = Arc::clone(&uploads.previews).acquire_owned().await.map_err(|error| internal(&error))?;
        let (shared, record) = (Arc::clone(&self.0), record.clone());
        // An image is decoded to its end though nobody waits for it any more: until then its place is taken.
        let making = async move {
            let _place = place;
            shared.preview_make(&record).await
        };
        // Its own task panicked, which has been logged.
        self.0.tasks.spawn(making).await.unwrap_or_else(|_| Err(Refusal::of(ErrorCode::Internal)))
    }

    /// Removes a file of the caller's own; it is written down. Errors: `UPLOAD_NOT_FOUND`, also for a stranger;
    /// `FORBIDDEN` for who may only read it.
    pub async fn file_delete(&self, caller: &Caller, file: FileId) -> Result<(), Refusal> {
        let deleted = self.0.file_delete(caller.identity.user, file).await;
        self.0.audited(caller.into(), AuditAction::FileDelete, Some(file.to_string()), deleted).await
    }

    /// A link that lets who has it read a file as the caller may: for pages, whose images send no token. Error:
    /// `UPLOAD_NOT_FOUND`.
    pub async fn file_link(&self, caller: &Caller, file: FileId) -> Result<FileLink, Refusal> {
        let user = caller.identity.user;
        self.0.file_readable(file, user).await?;
        let expires_at = self.now().plus(self.0.settings.uploads.link);
        // In whole seconds, as it stands in the link.
        let expires_at = Timestamp::from_microsecond(expires_at.as_microsecond() / 1_000_000 * 1_000_000);
        let signature = self.0.file_signature(file, user, expires_at)?;
        Ok(FileLink { file, user, expires_at, signature })
    }

    /// The file that a link lets read. Errors: `INVALID_TOKEN` where it is none of ours, `TOKEN_EXPIRED`, and
    /// `UPLOAD_NOT_FOUND` where its user may not read it any more.
    pub async fn file_by_link(&self, link: &FileLink) -> Result<FileRecord, Refusal> {
        let ours = self.0.file_signature(link.file, link.user, link.expires_at)?;
        if !same(ours.as_bytes(), link.signature.as_bytes()) {
            return Err(Refusal::of(ErrorCode::InvalidToken));
        }
        if link.expires_at <= self.now() {
            return Err(Refusal::of(ErrorCode::TokenExpired));
        }
        self.0.file_readable(link.file, link.user).await
    }

    /// Whether the scanner answers; none where there is none.
    pub async fn scanner_health(&self) -> Option<bool> {
        let scanner = self.0.uploads.as_ref()?.ports.scanner.as_ref()?;
        let answer = scanner.ping().await;
        if let Err(error) = &answer {
            tracing::warn!(%error, "the scanner does not answer");
        }
        Some(answer.is_ok())
    }
}

impl Shared {
    pub(crate) async fn file_readable(&self, file: FileId, user: UserId) -> Result<FileRecord, Refusal> {
        self.files()?;
        let found = self.store.upload_readable(file, user).await.map_err(|error| internal(&error))?;
        // What is not finished is its owner's alone.
        let there = |it: &FileRecord| it.status == FileStatus::Available || it.owner == user;
        found.filter(there).ok_or_else(not_found)
    }

    async fn preview_make(&self, record: &FileRecord) -> Result<Bytes, Refusal> {
        let FilePorts { blobs, inspector, .. } = &self.files()?.ports;
        let content = blobs.read(record.id, 0..record.size).await.map_err(|error| internal(&error))?;
        let image = collect(content, record.size).await?;
        let preview = inspector.preview(image).await.ok_or_else(no_preview)?;
        // Kept behind the file's end, it would stay for ever.
        let _line = self.files()?.alone(record.id).await;
        let found = self.store.upload_get(record.id).await.map_err(|error| internal(&error))?;
        found.ok_or_else(not_found)?;
        blobs.preview_keep(record.id, preview.clone()).await.map_err(|error| internal(&error))?;
        Ok(preview)
    }

    async fn file_delete(&self, user: UserId, file: FileId) -> Result<(), Refusal> {
        let record = self.file_readable(file, user).await?;
        if record.owner != user {
            return Err(Refusal::new(ErrorCode::Forbidden, "only its owner deletes a file"));
        }
        // Behind whatever is being done with it, so that no bytes come to be that nobody removes.
        let _line = self.files()?.alone(file).await;
        if self.upload_remove(file).await? { Ok(()) } else { Err(not_found()) }
    }

    fn file_signature(&self, file: FileId, user: UserId, until: Timestamp) -> Result<String, Refusal> {
        let words = format!("file {file} for {user} until {}", until.as_microsecond());
        let signature = self.files()?.ports.links.sign(words.as_bytes());
        Ok(crate::ports::Checksum(signature).to_string())
    }

    /// The conversation that a file goes into, of which its owner must be a member. Errors: `ROOM_NOT_FOUND`,
    /// `CONVERSATION_NOT_FOUND`.
    pub(crate) async fn upload_place(
        self: &Arc<Self>,
        owner: UserId,
        place: Option<&Place>,
    ) -> Result<Option<ConversationId>, Refusal> {
        let Some(place) = place else { return Ok(None) };
        let (conversation, is_room) = match place {
            Place::Conversation(id) => (*id, false),
            Place::Room(room) => (self.room_find(room).await?, true),
        };
        let access = self.access(conversation, owner).await;
        access.map(|_| Some(conversation)).map_err(|refusal| refusal.about(is_room))
    }
}

fn no_preview() -> Refusal {
    Refusal::new(ErrorCode::FileTypeNotAllowed, "there is no preview of this file")
}

pub(super) fn must_be_there(record: &FileRecord) -> Result<(), Refusal> {
    match record.status {
        FileStatus::Available => Ok(()),
        // What was scanned a moment ago is readable in another one.
        FileStatus::Pending | FileStatus::Clean => Err(Refusal::of(ErrorCode::ScannerUnavailable)),
        _ => Err(invalid("the file is not whole")),
    }
}

/// The whole of a file that fits into memory.
pub(super) async fn collect(mut content: ByteStream, size: u64) -> Result<Bytes, Refusal> {
    let mut all = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    while let Some(piece) = content.next().await {
        all.extend_from_slice(&piece.map_err(|error| internal(&error))?);
    }
    Ok(all.into())
}

/// In a time that does not tell where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
}
