//! Files: uploads that come in chunks and can be gone on with, what they must be, and who may read them.
//!
//! `names`, `kinds` and `examination` say which files are taken, `receiving` takes chunks, `finishing` makes a whole
//! upload a file that can be read, `whole` takes an upload that comes in one go, `reading` is for whoever may read it,
//! `attaching` is for messages that carry them, `contents` for models that are told of them, and `keeper` looks after all that is not finished: a file's row says how far it has come, so that whoever finds it
//! goes on from there, after a crash too.

mod attaching;
mod contents;
mod examination;
mod finishing;
mod keeper;
mod kinds;
mod names;
mod reading;
mod receiving;
mod whole;

pub(crate) use finishing::Finisher;
pub(crate) use keeper::run;
pub use reading::{FileLink, FilePart};
pub use whole::FileUpload;

use crate::hub::Shared;
use crate::ports::{Blobs, FileRecord, Inspector, LinkSigner, Scanner, Staged};
use crate::{ErrorCode, FileId, Place, Refusal};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};

/// How many uploads are remembered, so that a chunk asks no database. Then those are forgotten that nobody is at.
const KNOWN: usize = 10_000;
/// How many files are examined, scanned and moved at once: each may take as much of the disk as there is.
const CHECKS: usize = 4;
/// How many images are made smaller at once: each may take 200 MB.
const PREVIEWS: usize = 1;

/// The adapters that files need.
#[derive(Clone)]
pub struct FilePorts {
    /// Where their bytes are.
    pub blobs: Arc<dyn Blobs>,
    /// Who looks for viruses; none where nobody does.
    pub scanner: Option<Arc<dyn Scanner>>,
    /// Who tells what bytes are.
    pub inspector: Arc<dyn Inspector>,
    /// Who vouches for links.
    pub links: Arc<dyn LinkSigner>,
}

/// What can be done with an upload over a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadAction {
    /// Begin one. Answer: `Ready`.
    Init(UploadDraft),
    /// One chunk, in any order; the same again is harmless. It counts against a rate of bytes, and not of frames.
    /// Answer: `Chunk`.
    Chunk {
        /// The upload.
        file: FileId,
        /// Which chunk, from 0.
        index: u32,
        /// How many there are: what the first chunk says holds. None is as many as chunks of the largest size make.
        total: Option<u32>,
        /// Its bytes.
        data: Bytes,
    },
    /// How far it has come. Answer: `Status`.
    Status(FileId),
    /// All chunks were sent. Answer: `Finished`; it may come behind those of later commands. The same again is answered
    /// in the same way.
    Finalize {
        /// The upload.
        file: FileId,
        /// The SHA-256 of the whole file in 64 hexadecimal digits.
        checksum: String,
    },
}

/// A file that is to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadDraft {
    /// Where to: its members can read it. None: its owner's alone, until a message carries it.
    pub place: Option<Place>,
    /// What it is called; of a path, the last part counts.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// What its client takes it for; may be empty.
    pub media_type: String,
}

/// What is answered to an [`UploadAction`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadReply {
    /// Chunks may come.
    Ready {
        /// The upload.
        file: FileId,
        /// The largest chunk, in bytes.
        chunk_size: u32,
        /// How many there are if all but the last are of that size.
        total: u32,
    },
    /// A chunk is there, and survives the death of the server.
    Chunk {
        /// The upload.
        file: FileId,
        /// Which.
        index: u32,
        /// How many are there.
        received: u32,
        /// How many there are in all.
        total: u32,
    },
    /// How far an upload has come.
    Status {
        /// The upload.
        file: Box<FileRecord>,
        /// The chunks that have not come.
        missing: Vec<u32>,
        /// How many there are in all.
        total: u32,
    },
    /// The file can be read.
    Finished(Box<FileRecord>),
}

/// An upload as it is remembered between two chunks.
struct Progress {
    record: FileRecord,
    staged: Option<Staged>,
}

/// The line before an upload: one after the other changes it.
type Line = Arc<tokio::sync::Mutex<Option<Progress>>>;
/// Who has it is at its front.
type Front = tokio::sync::OwnedMutexGuard<Option<Progress>>;

/// All uploads of this process.
pub(crate) struct Uploads {
    pub(crate) ports: FilePorts,
    lines: Mutex<HashMap<FileId, Line>>,
    /// One change of a file's row at a time: a database that writes one thing after the other lets nobody wait for long, and
    /// of a hundred that come at once the last would be refused. They wait here instead.
    rows: Semaphore,
    checks: Semaphore,
    previews: Arc<Semaphore>,
    /// What was read of files last.
    texts: contents::Texts,
    /// There is something to remove.
    garbage: Notify,
}

impl Uploads {
    pub(crate) fn new(ports: FilePorts) -> Self {
        let (rows, checks) = (Semaphore::new(1), Semaphore::new(CHECKS));
        let previews = Arc::new(Semaphore::new(PREVIEWS));
        let (texts, garbage) = (contents::Texts::default(), Notify::new());
        Self { ports, lines: Mutex::default(), rows, checks, previews, texts, garbage }
    }

    fn line(&self, file: FileId) -> Line {
        let mut lines = self.lines.lock();
        if lines.len() >= KNOWN {
            lines.retain(|_, line| Arc::strong_count(line) > 1);
        }
        Arc::clone(lines.entry(file).or_default())
    }

    /// For who is at the front of its line. Where others are behind, it stays theirs.
    fn forget(&self, file: FileId) {
        let mut lines = self.lines.lock();
        // The list's own, and that of who calls.
        if lines.get(&file).is_some_and(|line| Arc::strong_count(line) <= 2) {
            lines.remove(&file);
        }
    }
}

impl Shared {
    /// Error: `UPLOAD_INVALID` where no files are kept here.
    pub(crate) fn files(&self) -> Result<&Uploads, Refusal> {
        self.uploads.as_ref().ok_or(Refusal::new(ErrorCode::UploadInvalid, "this server keeps no files"))
    }
}

fn invalid(words: &'static str) -> Refusal {
    Refusal::new(ErrorCode::UploadInvalid, words)
}

fn not_found() -> Refusal {
    Refusal::of(ErrorCode::UploadNotFound)
}

fn internal(error: &(impl std::error::Error + 'static)) -> Refusal {
    Refusal::internal(error)
}
