//! The bytes of uploads: begun, taken in chunks in any order, and gone on with after whatever interrupted them.

use super::kinds::Kind;
use super::{Front, Progress, UploadDraft, UploadReply, Uploads, internal, invalid, names, not_found};
use crate::hub::Shared;
use crate::ports::{FileRecord, FileStatus, Layout, Staged, UploadCreated};
use crate::{ConversationId, ErrorCode, FileId, Refusal, UserId};
use bytes::Bytes;
use std::sync::Arc;

/// The most chunks of one upload.
const CHUNKS_MAX: u32 = 10_000;

impl Shared {
    /// Begins an upload into a conversation, of which `owner` must be a member. Errors: `FILE_TOO_LARGE`,
    /// `FILE_TYPE_NOT_ALLOWED`, `INVALID_REQUEST` for a bad name, `UPLOAD_INVALID` for an empty file and for one too many.
    pub(crate) async fn upload_begin(
        &self,
        owner: UserId,
        conversation: Option<ConversationId>,
        draft: &UploadDraft,
    ) -> Result<FileRecord, Refusal> {
        self.files()?;
        let settings = &self.settings.uploads;
        let name = names::clean(&draft.name)?;
        let kind = Kind::of(&name, &draft.media_type)?;
        if draft.size == 0 {
            return Err(invalid("a file has at least one byte"));
        }
        if draft.size > settings.max_file {
            let words = format!("a file has at most {} bytes", settings.max_file);
            return Err(Refusal::new(ErrorCode::FileTooLarge, words));
        }
        let now = self.clock.now();
        let record = FileRecord {
            id: FileId::new(),
            owner,
            conversation,
            name,
            media_type: kind.media_type.to_owned(),
            size: draft.size,
            chunk_size: settings.max_chunk,
            status: FileStatus::Uploading,
            checksum: None,
            created_at: now,
            finished_at: None,
            expires_at: now.plus(settings.expiry),
        };
        let place = self.files()?.rows.acquire().await.map_err(|error| internal(&error))?;
        let created = self.store.upload_create(record.clone(), settings.quota).await;
        drop(place);
        match created.map_err(|error| internal(&error))? {
            UploadCreated::Made => Ok(record),
            UploadCreated::TooManyBytes => {
                Err(Refusal::new(ErrorCode::FileTooLarge, "your files would have too many bytes together"))
            }
            UploadCreated::TooManyUnfinished => Err(invalid("too many of your uploads are not finished")),
        }
    }

    /// Takes a chunk. Errors: `UPLOAD_NOT_FOUND`, `CHUNK_TOO_LARGE`, and `UPLOAD_INVALID` for what does not fit to what
    /// came before.
    pub(crate) async fn upload_chunk(
        self: &Arc<Self>,
        owner: UserId,
        file: FileId,
        (index, total): (u32, Option<u32>),
        data: Bytes,
    ) -> Result<UploadReply, Refusal> {
        let mut line = self.files()?.line(file).lock_owned().await;
        let Progress { record, staged } = self.upload_open(&mut line, owner, file).await?;
        if record.status != FileStatus::Uploading {
            return Err(invalid("the file is whole"));
        }
        if data.len() > record.chunk_size as usize {
            let words = format!("a chunk has at most {} bytes", record.chunk_size);
            return Err(Refusal::new(ErrorCode::ChunkTooLarge, words));
        }
        let plain = Layout::plain(record.size, record.chunk_size);
        let before = staged.clone().unwrap_or_else(|| {
            Staged::empty(Layout { total: total.unwrap_or(plain.total).min(CHUNKS_MAX + 1), ..plain })
        });
        let after = fit(before, plain, (index, total), data.len())?;
        let known = line.take();
        let mut line = self.upload_stage(line, file, (after.layout, index), data).await?;
        let (received, total) = (after.received(), after.layout.total);
        *line = known.map(|known| Progress { staged: Some(after), ..known });
        Ok(UploadReply::Chunk { file, index, received, total })
    }

    /// Stages a chunk, and gives the front of the line back. It goes on though nobody waits for it any more: before its
    /// bytes are there, nobody else comes to the front, and then what is there is looked up anew.
    pub(super) async fn upload_stage(
        self: &Arc<Self>,
        mut line: Front,
        file: FileId,
        (layout, index): (Layout, u32),
        data: Bytes,
    ) -> Result<Front, Refusal> {
        *line = None;
        let shared = Arc::clone(self);
        let staging = async move {
            let staged = shared.files()?.ports.blobs.stage(file, layout, index, data).await;
            staged.map(|()| line).map_err(|error| internal(&error))
        };
        // Its own task panicked, which has been logged.
        self.tasks.spawn(staging).await.unwrap_or_else(|_| Err(Refusal::of(ErrorCode::Internal)))
    }

    /// How far an upload has come. Error: `UPLOAD_NOT_FOUND`.
    pub(crate) async fn upload_status(&self, owner: UserId, file: FileId) -> Result<UploadReply, Refusal> {
        let line = self.files()?.line(file);
        let mut line = line.lock().await;
        *line = None; // another node may have taken it further
        let Progress { record, staged } = self.upload_open(&mut line, owner, file).await?;
        let plain = Layout::plain(record.size, record.chunk_size);
        let (missing, total) = match staged {
            _ if record.status != FileStatus::Uploading => (Vec::new(), plain.total),
            Some(staged) => (staged.missing(), staged.layout.total),
            None => ((0..plain.total).collect(), plain.total),
        };
        Ok(UploadReply::Status { file: Box::new(record.clone()), missing, total })
    }

    /// What is remembered of an upload, read where nothing is. Error: `UPLOAD_NOT_FOUND`, also for who is not its owner.
    async fn upload_open<'a>(
        &self,
        line: &'a mut Option<Progress>,
        owner: UserId,
        file: FileId,
    ) -> Result<&'a mut Progress, Refusal> {
        if line.is_none() {
            match self.upload_read(owner, file).await {
                Ok(progress) => *line = Some(progress),
                Err(refusal) => {
                    self.files()?.forget(file);
                    return Err(refusal);
                }
            }
        }
        line.as_mut().filter(|progress| progress.record.owner == owner).ok_or_else(not_found)
    }

    async fn upload_read(&self, owner: UserId, file: FileId) -> Result<Progress, Refusal> {
        let record = self.store.upload_get(file).await.map_err(|error| internal(&error))?;
        let record = record.filter(|record| record.owner == owner).ok_or_else(not_found)?;
        let staged = match record.status {
            FileStatus::Uploading => {
                self.files()?.ports.blobs.staged(file).await.map_err(|error| internal(&error))?
            }
            _ => None,
        };
        Ok(Progress { record, staged })
    }
}

impl Uploads {
    /// What is done with an upload is done in its line, and what was remembered of it before counts no more.
    pub(super) async fn alone(&self, file: FileId) -> Front {
        let mut line = self.line(file).lock_owned().await;
        *line = None;
        line
    }
}

/// An upload with one more chunk of `length` bytes. Error: `UPLOAD_INVALID`.
fn fit(
    mut staged: Staged,
    plain: Layout,
    (index, total): (u32, Option<u32>),
    length: usize,
) -> Result<Staged, Refusal> {
    let layout = staged.layout;
    if total.unwrap_or(plain.total) != layout.total {
        return Err(invalid("the chunks before said another number of chunks"));
    }
    // Each has at least one byte, and at most as many as a plain one.
    if layout.total < plain.total || u64::from(layout.total) > layout.size || layout.total > CHUNKS_MAX {
        return Err(invalid("the file cannot be cut into so many chunks"));
    }
    let Some(known) = staged.lengths.get_mut(index as usize) else {
        return Err(invalid("there is no chunk with this index"));
    };
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    match (*known, length) {
        (_, 0) => return Err(invalid("a chunk has at least one byte")),
        (0, _) => *known = length,
        (known, length) if known == length => {}
        _ => return Err(invalid("this chunk came before, with another number of bytes")),
    }
    if staged.bytes() > layout.size {
        return Err(invalid("the chunks have more bytes than the file"));
    }
    Ok(staged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(staged: &Staged, index: u32, total: Option<u32>, length: usize) -> bool {
        let plain = Layout::plain(staged.layout.size, staged.layout.chunk_size);
        fit(staged.clone(), plain, (index, total), length).is_ok()
    }

    #[test]
    fn chunks_must_fit_to_each_other() {
        let plain = Staged::empty(Layout::plain(25, 10));
        assert!(fits(&plain, 0, None, 10) && fits(&plain, 2, Some(3), 5));
        assert!(!fits(&plain, 3, None, 5), "an index that is none");
        assert!(!fits(&plain, 0, Some(4), 10), "another total");
        assert!(!fits(&plain, 0, None, 0), "nothing");
        let begun = Staged { lengths: vec![10, 10, 0], ..plain.clone() };
        assert!(fits(&begun, 0, None, 10), "again");
        assert!(!fits(&begun, 0, None, 9), "again, and another");
        assert!(!fits(&begun, 2, None, 6), "more than there is");
        for (total, good) in [(2, false), (3, true), (25, true), (26, false)] {
            let staged = Staged::empty(Layout { total, ..plain.layout });
            assert_eq!(fits(&staged, 0, Some(total), 1), good, "{total}");
        }
        let many = Staged::empty(Layout { total: 10_001, ..Layout::plain(100_000, 100) });
        assert!(!fits(&many, 0, Some(10_001), 1));
    }

    proptest! {
        /// Protects an upload for every order of its chunks, with repetitions: it is whole when all have come, and not
        /// before, and says what is missing.
        #[test]
        fn any_order_makes_it_whole(
            size in 1..200_u64,
            chunk_size in 1..20_u32,
            order in proptest::collection::vec(any::<prop::sample::Index>(), 1..60),
        ) {
            let plain = Layout::plain(size, chunk_size);
            let mut staged = Staged::empty(plain);
            let all = order.iter().map(|at| u32::try_from(at.index(plain.total as usize)).unwrap());
            for index in all.chain(0..plain.total) {
                let start = u64::from(index) * u64::from(chunk_size);
                let length = usize::try_from(u64::from(chunk_size).min(size - start)).unwrap();
                prop_assert_eq!(staged.is_whole(), staged.missing().is_empty());
                prop_assert_eq!(plain.place(index, length), Some(start));
                staged = fit(staged, plain, (index, Some(plain.total)), length).unwrap();
            }
            prop_assert!(staged.is_whole());
            prop_assert_eq!(staged.received(), plain.total);
        }
    }
}
