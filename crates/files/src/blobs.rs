//! The bytes of files: staged, then published.

use crate::pieces::{blocking, pieces};
use crate::staging::{Staging, make_folder};
use crate::store::{OpenError, Place, Store, key, preview_key};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt, PutPayload};
use parlor_domain::FileId;
use parlor_domain::ports::{BlobError, Blobs, ByteStream, Layout, Staged};
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// How much of a file is on its way to S3 at once, in bytes: the smallest part that S3 takes, but for the last.
const PART: usize = 5 * 1024 * 1024;

/// Bytes of files on this machine's disk and in an object store.
#[derive(Debug, Clone)]
pub struct FileBlobs {
    staging: Staging,
    store: Store,
}

impl FileBlobs {
    /// Keeps finished files at `place`, and those that come in the folder `staging`. Errors: [`OpenError`]; whether a
    /// bucket answers is not asked.
    pub fn open(place: &Place, staging: &Path) -> Result<Self, OpenError> {
        let cannot = |source| OpenError::Folder { folder: staging.to_owned(), source };
        let staging = Staging::open(staging).map_err(cannot)?;
        Ok(Self { staging, store: Store::open(place)? })
    }

    async fn is_published(&self, file: FileId) -> Result<bool, BlobError> {
        match self.store.objects.head(&key(file)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(BlobError::new("look for a file", error)),
        }
    }

    /// Moves a staged file into the folder, where it then is, whole, or is not.
    async fn move_to(&self, file: FileId, target: &Path) -> io::Result<()> {
        let (staging, target) = (self.staging.clone(), target.to_owned());
        let source = blocking({
            let staging = staging.clone();
            move || staging.whole(file)
        });
        if let Some(source) = source.await? {
            let target = target.clone();
            let moved = blocking(move || {
                make_parent(&target)?;
                match fs::rename(&source, &target) {
                    Err(error) if error.kind() == io::ErrorKind::CrossesDevices => return Ok(false),
                    renamed => renamed?,
                }
                sync_parent(&target).map(|()| true)
            });
            if moved.await? {
                return Ok(());
            }
        }
        self.copy_to(file, &target).await
    }

    /// The same for what is not one file, or on another disk. Of a copy that fails nothing stays.
    async fn copy_to(&self, file: FileId, target: &Path) -> io::Result<()> {
        let copied = self.copy(file, target).await;
        if copied.is_err() {
            let draft = draft(target);
            let removed = blocking(move || remove_if_there(&draft)).await;
            removed.unwrap_or_else(|error| tracing::warn!(%file, %error, "half a file could not be removed"));
        }
        copied
    }

    async fn copy(&self, file: FileId, target: &Path) -> io::Result<()> {
        let mut content = self.staging.read(file).await?;
        let draft = draft(target);
        let made = draft.clone();
        let mut copy = blocking(move || {
            make_parent(&made)?;
            File::create(&made)
        })
        .await?;
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(io::Error::other)?;
            copy = blocking(move || io::Write::write_all(&mut copy, &piece).map(|()| copy)).await?;
        }
        let target = target.to_owned();
        blocking(move || {
            copy.sync_all()?;
            fs::rename(&draft, &target)?;
            sync_parent(&target)
        })
        .await
    }

    /// Sends a staged file to the object store, a part in memory at a time: it is there, whole, or is not.
    async fn send(&self, file: FileId) -> Result<(), BlobError> {
        let failed = |error: io::Error| BlobError::new("send a file", error);
        let objects = std::sync::Arc::clone(&self.store.objects);
        let mut writer = BufWriter::with_capacity(objects, key(file), PART).with_max_concurrency(1);
        let mut content = self.staging.read(file).await.map_err(failed)?;
        while let Some(piece) = content.next().await {
            let sent = match piece {
                Ok(piece) => writer.write_all(&piece).await.map_err(failed),
                Err(error) => Err(error),
            };
            if let Err(error) = sent {
                // What S3 has of it costs until it is given up.
                let _ = writer.abort().await;
                return Err(error);
            }
        }
        writer.shutdown().await.map_err(failed)
    }

    async fn remove(&self, key: &Key) -> Result<(), BlobError> {
        match self.store.objects.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BlobError::new("remove a file", error)),
        }
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn staged(&self, file: FileId) -> Result<Option<Staged>, BlobError> {
        self.staging.staged(file).await.map_err(|error| BlobError::new("look at an upload", error))
    }

    async fn stage(&self, file: FileId, layout: Layout, index: u32, chunk: Bytes) -> Result<(), BlobError> {
        let staged = self.staging.stage(file, layout, index, chunk).await;
        staged.map_err(|error| BlobError::new("stage a chunk", error))
    }

    async fn staged_read(&self, file: FileId) -> Result<ByteStream, BlobError> {
        self.staging.read(file).await.map_err(|error| BlobError::new("read an upload", error))
    }

    async fn publish(&self, file: FileId) -> Result<(), BlobError> {
        if self.staged(file).await?.is_some() {
            match self.store.path(file) {
                Some(target) => {
                    let moved = self.move_to(file, &target).await;
                    moved.map_err(|error| BlobError::new("move a file", error))?;
                }
                None => self.send(file).await?,
            }
        } else if !self.is_published(file).await? {
            return Err(BlobError { message: "there are no bytes of the file".into(), source: None });
        }
        self.unstage(file).await
    }

    async fn unstage(&self, file: FileId) -> Result<(), BlobError> {
        self.staging.remove(file).await.map_err(|error| BlobError::new("remove an upload", error))
    }

    async fn staged_list(&self) -> Result<Vec<FileId>, BlobError> {
        self.staging.list().await.map_err(|error| BlobError::new("list uploads", error))
    }

    async fn read(&self, file: FileId, range: Range<u64>) -> Result<ByteStream, BlobError> {
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let found = self.store.objects.get_opts(&key(file), options).await;
        let found = found.map_err(|error| BlobError::new("read a file", error))?;
        Ok(match found.payload {
            GetResultPayload::File(opened, _) => pieces(opened, [range]),
            GetResultPayload::Stream(stream) => {
                stream.map_err(|error| BlobError::new("read a file", error)).boxed()
            }
        })
    }

    async fn delete(&self, file: FileId) -> Result<(), BlobError> {
        if let Some(target) = self.store.path(file) {
            // Of a copy that the process did not outlive.
            let removed = blocking(move || remove_if_there(&draft(&target))).await;
            removed.map_err(|error| BlobError::new("remove half a file", error))?;
        }
        self.remove(&key(file)).await?;
        self.remove(&preview_key(file)).await
    }

    async fn preview(&self, file: FileId) -> Result<Option<Bytes>, BlobError> {
        let failed = |error| BlobError::new("read a preview", error);
        match self.store.objects.get(&preview_key(file)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn preview_keep(&self, file: FileId, preview: Bytes) -> Result<(), BlobError> {
        let kept = self.store.objects.put(&preview_key(file), PutPayload::from_bytes(preview)).await;
        kept.map(drop).map_err(|error| BlobError::new("keep a preview", error))
    }
}

/// Where a file is until it is whole.
fn draft(target: &Path) -> PathBuf {
    target.with_extension("draft")
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        // Without the folder it is not there either.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}

/// Without this, a name may be lost where the machine dies, although the file is not.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the disk: of a file that could not be copied nothing is left, and neither is with its end.
    #[tokio::test]
    async fn half_a_file_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().join("files"));
        let blobs = FileBlobs::open(&place, &folder.path().join("staging")).unwrap();
        // In pieces of no usual size, so that it is copied and not moved.
        let (file, layout) = (FileId::new(), Layout { size: 5, chunk_size: 4, total: 2 });
        blobs.stage(file, layout, 1, Bytes::from_static(b"lo!")).await.unwrap();
        blobs.stage(file, layout, 0, Bytes::from_static(b"he")).await.unwrap();
        let target = blobs.store.path(file).unwrap();
        fs::create_dir_all(target.join("in the way")).unwrap();
        blobs.publish(file).await.unwrap_err();
        assert!(!draft(&target).exists());
        fs::remove_dir_all(&target).unwrap();
        blobs.publish(file).await.unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"helo!");
        fs::write(draft(&target), b"he").unwrap();
        blobs.delete(file).await.unwrap();
        assert!(!draft(&target).exists() && !target.exists());
        blobs.delete(file).await.unwrap();
    }
}
