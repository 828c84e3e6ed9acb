//! Files in memory, and a scanner that finds what a test tells it.

use crate::FileId;
use crate::ports::{BlobError, Blobs, ByteStream, Inspector, Layout, LinkSigner, Scanner, Staged, Verdict};
use crate::uploads::FilePorts;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// What this scanner takes for a virus.
pub const TEST_VIRUS: &[u8] = b"a virus for tests";

/// What this scanner does not look at.
pub const TEST_UNSCANNABLE: &[u8] = b"too long for tests";

/// How an upload is cut, and the chunks that have come.
type StagedChunks = (Layout, BTreeMap<u32, Bytes>);

/// What a test may hold up.
#[derive(Debug, Default)]
struct Gate(Mutex<Option<Arc<Semaphore>>>);

impl Gate {
    fn hold(&self) -> Arc<Semaphore> {
        let left = Arc::new(Semaphore::new(0));
        *self.0.lock() = Some(Arc::clone(&left));
        left
    }

    async fn pass(&self) {
        let left = self.0.lock().clone();
        let Some(left) = left else { return };
        if let Ok(place) = left.acquire().await {
            place.forget();
        }
    }
}

/// Everything that files need, in memory.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    staged: Mutex<HashMap<FileId, StagedChunks>>,
    published: Mutex<HashMap<FileId, Bytes>>,
    previews: Mutex<HashMap<FileId, Bytes>>,
    scanner_is_away: AtomicBool,
    blobs_fail: AtomicBool,
    previewing: Gate,
    staging: Gate,
    publishing: Gate,
    previews_begun: AtomicUsize,
}

impl MemoryFiles {
    /// As ports, with a scanner or without one.
    pub fn ports(self: &Arc<Self>, with_scanner: bool) -> FilePorts {
        FilePorts {
            blobs: Arc::clone(self) as _,
            scanner: with_scanner.then(|| Arc::clone(self) as _),
            inspector: Arc::clone(self) as _,
            links: Arc::clone(self) as _,
        }
    }

    /// From here on the scanner does not answer, or does again.
    pub fn set_scanner_away(&self, away: bool) {
        self.scanner_is_away.store(away, Ordering::Relaxed);
    }

    /// From here on no bytes can be published, or can again.
    pub fn set_failing(&self, fail: bool) {
        self.blobs_fail.store(fail, Ordering::Relaxed);
    }

    /// From here on a preview that is begun is not finished before one more may be.
    pub fn hold_previews(&self) -> Arc<Semaphore> {
        self.previewing.hold()
    }

    /// The same for chunks that are staged.
    pub fn hold_staging(&self) -> Arc<Semaphore> {
        self.staging.hold()
    }

    /// The same for files that are published: held, they are neither here nor there.
    pub fn hold_publishing(&self) -> Arc<Semaphore> {
        self.publishing.hold()
    }

    /// How many previews were begun, and how many are kept.
    pub fn preview_counts(&self) -> (usize, usize) {
        (self.previews_begun.load(Ordering::Relaxed), self.previews.lock().len())
    }

    /// How many files have bytes, staged and published.
    pub fn counts(&self) -> (usize, usize) {
        (self.staged.lock().len(), self.published.lock().len())
    }
}

fn failed() -> BlobError {
    BlobError { message: "a fault that the test injected".into(), source: None }
}

fn missing() -> BlobError {
    BlobError { message: "there are no such bytes".into(), source: None }
}

fn once(bytes: Bytes) -> ByteStream {
    stream::once(async { Ok(bytes) }).boxed()
}

#[async_trait]
impl Blobs for MemoryFiles {
    async fn staged(&self, file: FileId) -> Result<Option<Staged>, BlobError> {
        Ok(self.staged.lock().get(&file).map(|(layout, chunks)| {
            let mut staged = Staged::empty(*layout);
            for (index, chunk) in chunks {
                staged.lengths[*index as usize] = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            }
            staged
        }))
    }

    async fn stage(&self, file: FileId, layout: Layout, index: u32, chunk: Bytes) -> Result<(), BlobError> {
        self.staging.pass().await;
        let mut staged = self.staged.lock();
        let (kept, chunks) = staged.entry(file).or_insert_with(|| (layout, BTreeMap::new()));
        *kept = layout;
        chunks.insert(index, chunk);
        Ok(())
    }

    async fn staged_read(&self, file: FileId) -> Result<ByteStream, BlobError> {
        let staged = self.staged.lock();
        let (_, chunks) = staged.get(&file).ok_or_else(missing)?;
        let chunks: Vec<_> = chunks.values().cloned().map(Ok).collect();
        Ok(stream::iter(chunks).boxed())
    }

    async fn publish(&self, file: FileId) -> Result<(), BlobError> {
        if self.blobs_fail.load(Ordering::Relaxed) {
            return Err(failed());
        }
        let taken = self.staged.lock().remove(&file);
        let Some((_, chunks)) = taken else {
            return if self.published.lock().contains_key(&file) { Ok(()) } else { Err(missing()) };
        };
        let whole: Vec<u8> = chunks.values().flatten().copied().collect();
        self.publishing.pass().await;
        self.published.lock().insert(file, whole.into());
        Ok(())
    }

    async fn unstage(&self, file: FileId) -> Result<(), BlobError> {
        self.staged.lock().remove(&file);
        Ok(())
    }

    async fn staged_list(&self) -> Result<Vec<FileId>, BlobError> {
        Ok(self.staged.lock().keys().copied().collect())
    }

    async fn read(&self, file: FileId, range: Range<u64>) -> Result<ByteStream, BlobError> {
        let whole = self.published.lock().get(&file).cloned().ok_or_else(missing)?;
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(whole.len());
        Ok(once(whole.slice(at(range.start)..at(range.end))))
    }

    async fn delete(&self, file: FileId) -> Result<(), BlobError> {
        self.published.lock().remove(&file);
        self.previews.lock().remove(&file);
        Ok(())
    }

    async fn preview(&self, file: FileId) -> Result<Option<Bytes>, BlobError> {
        Ok(self.previews.lock().get(&file).cloned())
    }

    async fn preview_keep(&self, file: FileId, preview: Bytes) -> Result<(), BlobError> {
        self.previews.lock().insert(file, preview);
        Ok(())
    }
}

#[async_trait]
impl Scanner for MemoryFiles {
    async fn scan(&self, file: ByteStream) -> Result<Verdict, BlobError> {
        self.ping().await?;
        let whole: Vec<Bytes> = file.try_collect().await?;
        let whole = whole.concat();
        let has = |what: &[u8]| whole.windows(what.len()).any(|it| it == what);
        if has(TEST_UNSCANNABLE) {
            return Err(failed());
        }
        Ok(if has(TEST_VIRUS) { Verdict::Infected("Test".into()) } else { Verdict::Clean })
    }

    async fn ping(&self) -> Result<(), BlobError> {
        if self.scanner_is_away.load(Ordering::Relaxed) { Err(failed()) } else { Ok(()) }
    }
}

#[async_trait]
impl Inspector for MemoryFiles {
    fn sniff(&self, head: &[u8]) -> Option<&'static str> {
        match head {
            [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
            [b'%', b'P', b'D', b'F', ..] => Some("application/pdf"),
            [b'<', ..] => Some("text/html"),
            _ => None,
        }
    }

    async fn preview(&self, image: Bytes) -> Option<Bytes> {
        self.previews_begun.fetch_add(1, Ordering::Relaxed);
        self.previewing.pass().await;
        Some(image.slice(..image.len().min(8)))
    }
}

impl LinkSigner for MemoryFiles {
    fn sign(&self, words: &[u8]) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        Sha256::digest(words).into()
    }
}
