//! An upload that comes in one go, from its beginning to its end, of whatever size it turns out to have.

use super::finishing::Finisher;
use super::{UploadDraft, internal, invalid, not_found};
use crate::caller::Caller;
use crate::hub::{Hub, Shared};
use crate::ports::{Checksum, FileRecord, FileStatus, Layout};
use crate::{ErrorCode, FileId, Refusal};
use bytes::{Bytes, BytesMut};
use std::net::IpAddr;
use std::sync::Arc;

/// An upload that is under way. Dropped before it is finished, it is removed.
pub struct FileUpload {
    shared: Arc<Shared>,
    record: FileRecord,
    address: Option<IpAddr>,
    /// What came and is not staged: less than a chunk.
    rest: BytesMut,
    /// How many bytes are staged: whole chunks.
    staged: u64,
    is_over: bool,
}

impl Hub {
    /// Begins an upload whose bytes follow; its draft says how many there are at most. Errors: as of
    /// [`UploadAction::Init`](super::UploadAction::Init).
    pub async fn file_upload(&self, caller: &Caller, draft: UploadDraft) -> Result<FileUpload, Refusal> {
        let (shared, owner) = (Arc::clone(&self.0), caller.identity.user);
        let conversation = shared.upload_place(owner, draft.place.as_ref()).await?;
        let record = shared.upload_begin(owner, conversation, &draft).await?;
        let (address, rest) = (caller.address, BytesMut::new());
        Ok(FileUpload { shared, record, address, rest, staged: 0, is_over: false })
    }
}

impl Hub {
    /// How many bytes a file may have that comes in a body of `length`, where that is known.
    pub fn file_bound(&self, length: Option<u64>) -> u64 {
        let most = self.0.settings.uploads.max_file;
        // The body is longer than the file; how long the file is shows at its end.
        length.map_or(most, |length| length.min(most))
    }
}

impl FileUpload {
    /// Its id.
    pub fn id(&self) -> FileId {
        self.record.id
    }

    /// Takes the next bytes. Errors: `FILE_TOO_LARGE`, `RATE_LIMIT`, `INTERNAL`; where the upload is over by another
    /// way, `UPLOAD_NOT_FOUND` or `UPLOAD_INVALID`.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), Refusal> {
        let chunk = self.record.chunk_size as usize;
        if self.staged + (self.rest.len() + bytes.len()) as u64 > self.record.size {
            let words = format!("a file has at most {} bytes", self.record.size);
            return Err(Refusal::new(ErrorCode::FileTooLarge, words));
        }
        self.shared.user_limits.check_upload(self.record.owner, bytes.len())?;
        while !bytes.is_empty() {
            let room = chunk - self.rest.len();
            self.rest.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
            if self.rest.len() == chunk {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// All bytes have come. Errors: as of [`UploadAction::Finalize`](super::UploadAction::Finalize).
    pub async fn finish(mut self, checksum: Option<Checksum>) -> Result<FileRecord, Refusal> {
        if !self.rest.is_empty() {
            self.flush().await?;
        }
        if self.staged == 0 {
            return Err(invalid("a file has at least one byte"));
        }
        let finisher = Finisher { address: self.address, connection: None };
        let outcome = self.shared.upload_finish(self.record.owner, self.record.id, checksum, finisher).await;
        // What waits for the scanner is kept; of all other refusals there is nothing to go on with.
        self.is_over = match &outcome {
            Ok(_) => true,
            Err(refusal) => refusal.code == ErrorCode::ScannerUnavailable,
        };
        outcome
    }

    async fn flush(&mut self) -> Result<(), Refusal> {
        let (chunk, chunk_size) = (self.rest.split().freeze(), self.record.chunk_size);
        let index = u32::try_from(self.staged / u64::from(chunk_size)).unwrap_or(u32::MAX);
        self.staged += chunk.len() as u64;
        let (file, layout) = (self.record.id, Layout::plain(self.staged, chunk_size));
        let line = self.shared.files()?.alone(file).await;
        self.still_comes().await?;
        self.shared.upload_stage(line, file, (layout, index), chunk).await.map(drop)
    }
}

impl FileUpload {
    /// Its owner may have finished it over a socket, or removed it: what is scanned must not change any more. Errors:
    /// `UPLOAD_NOT_FOUND`, `UPLOAD_INVALID`.
    async fn still_comes(&self) -> Result<(), Refusal> {
        let found = self.shared.store.upload_get(self.record.id).await.map_err(|error| internal(&error))?;
        match found.ok_or_else(not_found)?.status {
            FileStatus::Uploading => Ok(()),
            _ => Err(invalid("the file is whole")),
        }
    }
}

impl Drop for FileUpload {
    fn drop(&mut self) {
        if self.is_over || self.shared.tasks.is_closed() {
            return; // where the server stops, its expiry removes it
        }
        let (shared, file) = (Arc::clone(&self.shared), self.record.id);
        self.shared.tasks.spawn(async move {
            let Ok(uploads) = shared.files() else { return };
            // Behind whatever is being done with it, so that no bytes come to be that nobody removes.
            let _line = uploads.alone(file).await;
            // Why not is in the log; its expiry removes it.
            let _ = shared.upload_remove(file).await;
        });
    }
}
