//! Files in the database: whose they are, how far they have come, and which messages carry them.

use super::{Layout, Page, Paged, StoreError};
use crate::{ConversationId, FileId, Timestamp, UserId};
use async_trait::async_trait;
use std::fmt;

/// How far a file has come. From each it goes to the next, or to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileStatus {
    /// Its bytes come.
    Uploading,
    /// It is whole and what it says it is; the scanner has not seen it.
    Pending,
    /// It is on its way to where it can be read.
    Clean,
    /// It can be read.
    Available,
    /// It is gone; its bytes may not be yet.
    Deleted,
}

impl FileStatus {
    /// The word in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Pending => "pending",
            Self::Clean => "clean",
            Self::Available => "available",
            Self::Deleted => "deleted",
        }
    }
}

impl std::str::FromStr for FileStatus {
    type Err = UnknownFileStatus;

    fn from_str(text: &str) -> Result<Self, UnknownFileStatus> {
        let all = [Self::Uploading, Self::Pending, Self::Clean, Self::Available, Self::Deleted];
        all.into_iter().find(|status| status.as_str() == text).ok_or(UnknownFileStatus)
    }
}

/// The text names no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a status of a file")]
pub struct UnknownFileStatus;

/// The SHA-256 of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum(pub [u8; 32]);

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Checksum {
    type Err = InvalidChecksum;

    /// 64 hexadecimal digits, in either case.
    fn from_str(text: &str) -> Result<Self, InvalidChecksum> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidChecksum);
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| InvalidChecksum)?;
        }
        Ok(Self(bytes))
    }
}

/// The text is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a checksum is the 64 hexadecimal digits of a SHA-256")]
pub struct InvalidChecksum;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Its id.
    pub id: FileId,
    /// Who uploaded it.
    pub owner: UserId,
    /// The conversation that it was uploaded into, if it was one: its participants can read it.
    pub conversation: Option<ConversationId>,
    /// What it is called: a name without a path.
    pub name: String,
    /// What it is.
    pub media_type: String,
    /// How many bytes it has; while it comes, how many it may have.
    pub size: u64,
    /// The largest chunk that it comes in, in bytes.
    pub chunk_size: u32,
    /// How far it has come.
    pub status: FileStatus,
    /// Its SHA-256, once that is known.
    pub checksum: Option<Checksum>,
    /// When its upload began.
    pub created_at: Timestamp,
    /// When it could first be read.
    pub finished_at: Option<Timestamp>,
    /// When it goes if it is not whole by then.
    pub expires_at: Timestamp,
}

impl FileRecord {
    /// How it comes in chunks that are as large as they may be.
    pub fn layout(&self) -> Layout {
        Layout::plain(self.size, self.chunk_size)
    }
}

/// How much one user may have. None is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UploadQuota {
    /// Bytes of all their files together, those that come counted whole.
    pub bytes: Option<u64>,
    /// Files that are not whole.
    pub unfinished: Option<u64>,
}

/// What became of a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadCreated {
    /// It is there.
    Made,
    /// The user's files would have too many bytes.
    TooManyBytes,
    /// The user has too many files that are not whole.
    TooManyUnfinished,
}

/// One step of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadStep {
    /// The file.
    pub id: FileId,
    /// What it must be.
    pub from: FileStatus,
    /// What it is then.
    pub to: FileStatus,
    /// What is known of its bytes from now on: how many there are, and their SHA-256.
    pub content: Option<(u64, Checksum)>,
    /// When; told of one that becomes available.
    pub at: Timestamp,
}

/// Files. Those that are [`Deleted`](FileStatus::Deleted) are there for who removes their bytes, and for nobody else.
///
/// Which messages carry which files says the log ([`Metadata::attachments`](crate::message::Metadata)): a store notes it in
/// the transaction that a message comes into the log by. With the last message of their owner's that carries them, when
/// that is deleted, files are deleted in its transaction; and with the last conversation that they are in.
#[async_trait]
pub trait UploadStore: Send + Sync + 'static {
    /// Begins a file, if the quota lets it: however many are begun at once.
    async fn upload_create(&self, file: FileRecord, quota: UploadQuota) -> Result<UploadCreated, StoreError>;

    /// A file.
    async fn upload_get(&self, id: FileId) -> Result<Option<FileRecord>, StoreError>;

    /// A file that a user may read: their own; one that was uploaded into a conversation in which they are, and were
    /// or see everything; one that a message carries which they can read.
    async fn upload_readable(&self, id: FileId, user: UserId) -> Result<Option<FileRecord>, StoreError>;

    /// A user's own files, the last begun first.
    async fn upload_list(&self, owner: UserId, page: Page) -> Result<Paged<FileRecord>, StoreError>;

    /// Takes a file a step on. False where it was not what the step begins with.
    async fn upload_step(&self, step: UploadStep) -> Result<bool, StoreError>;

    /// Makes a file [`Deleted`](FileStatus::Deleted). False where it was or is not there.
    async fn upload_delete(&self, id: FileId) -> Result<bool, StoreError>;

    /// Makes the files deleted that were to be whole by `now` and are not. Gives how many.
    async fn upload_expire(&self, now: Timestamp) -> Result<usize, StoreError>;

    /// The files with this status and an id above `after`, by id, at most `limit`.
    async fn upload_due(
        &self,
        status: FileStatus,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, StoreError>;

    /// Forgets a deleted file: its bytes are gone. Harmless where it is not there.
    async fn upload_forget(&self, id: FileId) -> Result<(), StoreError>;
}
