//! Files: where their bytes are, what they are found to be, and who vouches for a link to one.

use super::StoreError;
use crate::FileId;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::ops::Range;
use std::sync::Arc;

/// Bytes could not be kept, read or examined.
#[derive(Debug, Clone, thiserror::Error)]
#[error("files: {message}")]
pub struct BlobError {
    /// What was being done.
    pub message: String,
    /// Why it failed.
    #[source]
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl BlobError {
    /// A failure while something was done.
    pub fn new(message: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { message: message.into(), source: Some(Arc::new(source)) }
    }
}

/// The bytes of a file in their order, in pieces of any size up to about a mebibyte.
pub type ByteStream = BoxStream<'static, Result<Bytes, BlobError>>;

/// How an upload is cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The whole file, in bytes.
    pub size: u64,
    /// The largest chunk, in bytes. Not zero.
    pub chunk_size: u32,
    /// How many chunks there are.
    pub total: u32,
}

impl Layout {
    /// A file in chunks that are as large as they may be, but for the last.
    pub fn plain(size: u64, chunk_size: u32) -> Self {
        let total = u32::try_from(size.div_ceil(u64::from(chunk_size.max(1)))).unwrap_or(u32::MAX);
        Self { size, chunk_size, total }
    }

    /// Where a chunk begins that has all the bytes of its place in a [plain](Self::plain) layout; none for any other.
    pub fn place(&self, index: u32, length: usize) -> Option<u64> {
        let (length, whole) = (length as u64, u64::from(self.chunk_size));
        let start = u64::from(index) * whole;
        let fits = length == whole || start < self.size && length == whole.min(self.size - start);
        (fits && *self == Self::plain(self.size, self.chunk_size)).then_some(start)
    }
}

/// What is there of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// How it is cut.
    pub layout: Layout,
    /// The bytes of each chunk, by its index; 0 where it has not come.
    pub lengths: Vec<u32>,
}

impl Staged {
    /// Nothing yet.
    pub fn empty(layout: Layout) -> Self {
        Self { layout, lengths: vec![0; layout.total as usize] }
    }

    /// The chunks that have not come, in their order.
    pub fn missing(&self) -> Vec<u32> {
        let missing = self.lengths.iter().zip(0..).filter(|(length, _)| **length == 0);
        missing.map(|(_, index)| index).collect()
    }

    /// How many chunks have come.
    pub fn received(&self) -> u32 {
        let received = self.lengths.iter().filter(|length| **length > 0).count();
        u32::try_from(received).unwrap_or(u32::MAX)
    }

    /// How many bytes have come.
    pub fn bytes(&self) -> u64 {
        self.lengths.iter().map(|length| u64::from(*length)).sum()
    }

    /// Whether every chunk and every byte is there.
    pub fn is_whole(&self) -> bool {
        self.bytes() == self.layout.size && self.lengths.iter().all(|length| *length > 0)
    }
}

/// Where the bytes of files are: *staged* while they come and are examined, *published* once they may be read. What is
/// staged survives the death of the process, and what is published that of the machine.
///
/// Who calls sees to it that nothing is done twice at once with the same file.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// What is staged of an upload; none where nothing is.
    async fn staged(&self, file: FileId) -> Result<Option<Staged>, BlobError>;

    /// Stages one chunk, 1 to `layout.chunk_size` bytes, in the place of the same one that came before, which had as
    /// many. The layout is that of the chunks before, unless a file comes whose size nobody knew: then it has grown.
    async fn stage(&self, file: FileId, layout: Layout, index: u32, chunk: Bytes) -> Result<(), BlobError>;

    /// The chunks that are staged, in the order of their indexes.
    async fn staged_read(&self, file: FileId) -> Result<ByteStream, BlobError>;

    /// Makes the staged file one that can be [read](Self::read), and removes what was staged; it is durable when this
    /// returns. Harmless where that was done before. Error: also where neither is there.
    async fn publish(&self, file: FileId) -> Result<(), BlobError>;

    /// Removes what is staged of a file, if anything is.
    async fn unstage(&self, file: FileId) -> Result<(), BlobError>;

    /// The files of which something is staged on this machine.
    async fn staged_list(&self) -> Result<Vec<FileId>, BlobError>;

    /// A part of a published file.
    async fn read(&self, file: FileId, range: Range<u64>) -> Result<ByteStream, BlobError>;

    /// Removes a published file and its preview, if they are there.
    async fn delete(&self, file: FileId) -> Result<(), BlobError>;

    /// The preview that was kept of a file.
    async fn preview(&self, file: FileId) -> Result<Option<Bytes>, BlobError>;

    /// Keeps a preview of a file.
    async fn preview_keep(&self, file: FileId, preview: Bytes) -> Result<(), BlobError>;
}

/// What a scanner finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Clean,
    /// A virus; what the scanner calls it.
    Infected(String),
}

/// Looks for viruses.
#[async_trait]
pub trait Scanner: Send + Sync + 'static {
    /// Looks through a file. Error: it is not known what the file is; it must be taken for infected until it is.
    async fn scan(&self, file: ByteStream) -> Result<Verdict, BlobError>;

    /// Whether the scanner answers.
    async fn ping(&self) -> Result<(), BlobError>;
}

/// What can be found out of a file's bytes alone.
#[async_trait]
pub trait Inspector: Send + Sync + 'static {
    /// The media type that the beginning of a file tells, whatever the file is called; none where it tells none, as that
    /// of a text does not.
    fn sniff(&self, head: &[u8]) -> Option<&'static str>;

    /// A small PNG of a PNG, JPEG, GIF or WebP image, in bounded time and memory; none where the image cannot be read or
    /// is too large.
    async fn preview(&self, image: Bytes) -> Option<Bytes>;
}

/// Vouches for links to files that are good for a while.
pub trait LinkSigner: Send + Sync + 'static {
    /// A keyed hash of what a link says.
    fn sign(&self, words: &[u8]) -> [u8; 32];
}

impl From<BlobError> for StoreError {
    fn from(error: BlobError) -> Self {
        Self { message: error.message, source: error.source }
    }
}
