//! From an upload with all its chunks to a file that can be read: examined, scanned, moved. Each step is written down
//! before the next, and only the last makes it readable.

use super::examination::{Findings, examine};
use super::kinds::Kind;
use super::{internal, invalid, not_found};
use crate::audit::Doer;
use crate::conversation::Work;
use crate::event::{Event, EventBody};
use crate::hub::Shared;
use crate::outbox::Outgoing;
use crate::ports::{AuditAction, Checksum, FileRecord, FileStatus, Staged, UploadStep, Verdict};
use crate::{ConnectionId, ErrorCode, FileId, Refusal, UserId};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// When it is worth asking again for a file that the scanner has not seen. The keeper looks as often.
pub(super) const SCAN_AGAIN: Duration = Duration::from_secs(5);

/// Who wants a file to be finished.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Finisher {
    /// From where, for what is audited.
    pub(crate) address: Option<IpAddr>,
    /// Gets an answer, and so no event.
    pub(crate) connection: Option<ConnectionId>,
}

impl Shared {
    /// Finishes an upload of `owner`. It goes on though nobody waits for it. Errors: `UPLOAD_NOT_FOUND`;
    /// `UPLOAD_INVALID` where chunks are missing; `CHECKSUM_MISMATCH`, which leaves everything as it is;
    /// `FILE_TYPE_NOT_ALLOWED`, `VIRUS_FOUND`, and where its owner is not in its conversation any more `ROOM_NOT_FOUND` or
    /// `CONVERSATION_NOT_FOUND`, after which the file is gone; `SCANNER_UNAVAILABLE`: it waits.
    pub(crate) async fn upload_finish(
        self: &Arc<Self>,
        owner: UserId,
        file: FileId,
        checksum: Option<Checksum>,
        finisher: Finisher,
    ) -> Result<FileRecord, Refusal> {
        let shared = Arc::clone(self);
        let finishing = async move { shared.finish(Some(owner), file, checksum, finisher).await };
        // Its own task panicked, which has been logged.
        self.tasks.spawn(finishing).await.unwrap_or_else(|_| Err(Refusal::of(ErrorCode::Internal)))
    }

    /// Takes a file as far as it can come; for whoever it is, where no owner is named.
    pub(super) async fn finish(
        self: &Arc<Self>,
        owner: Option<UserId>,
        file: FileId,
        checksum: Option<Checksum>,
        finisher: Finisher,
    ) -> Result<FileRecord, Refusal> {
        let uploads = self.files()?;
        let _line = uploads.alone(file).await;
        let _place = uploads.checks.acquire().await.map_err(|error| internal(&error))?;
        let found = self.store.upload_get(file).await.map_err(|error| internal(&error))?;
        let fits = |record: &FileRecord| owner.is_none_or(|owner| owner == record.owner);
        let mut record = found.filter(fits).ok_or_else(not_found)?;
        if let (Some(asked), Some(known)) = (checksum, record.checksum)
            && asked != known
        {
            return Err(Refusal::of(ErrorCode::ChecksumMismatch));
        }
        if record.status == FileStatus::Available {
            return Ok(record);
        }
        self.still_welcome(&record).await?;
        if record.status == FileStatus::Uploading {
            self.examine(&mut record, checksum).await?;
        }
        if record.status == FileStatus::Pending {
            self.scan(&mut record, finisher.address).await?;
        }
        self.publish(&mut record).await?;
        uploads.forget(file);
        self.announce_file(&record, finisher.connection).await;
        Ok(record)
    }

    /// Whether its owner still is where it goes to: who was removed meanwhile tells nobody there anything. Errors:
    /// `ROOM_NOT_FOUND`, `CONVERSATION_NOT_FOUND`, after which the file is gone.
    async fn still_welcome(self: &Arc<Self>, record: &FileRecord) -> Result<(), Refusal> {
        let Some(conversation) = record.conversation else { return Ok(()) };
        let Err(refusal) = self.access(conversation, record.owner).await else { return Ok(()) };
        let is_out = matches!(refusal.code, ErrorCode::RoomNotFound | ErrorCode::ConversationNotFound);
        if is_out {
            self.upload_remove(record.id).await?;
        }
        Err(refusal)
    }

    /// Whether it is whole, and what it says it is.
    async fn examine(&self, record: &mut FileRecord, checksum: Option<Checksum>) -> Result<(), Refusal> {
        let ports = &self.files()?.ports;
        let staged = ports.blobs.staged(record.id).await.map_err(|error| internal(&error))?;
        let Some(staged) = staged.filter(Staged::is_whole) else {
            return Err(invalid("chunks are missing: `status` tells which"));
        };
        let kind = Kind::of(&record.name, "")?;
        let content = ports.blobs.staged_read(record.id).await.map_err(|error| internal(&error))?;
        let found = examine(content, kind, &*ports.inspector).await.map_err(|error| internal(&error))?;
        if checksum.is_some_and(|checksum| checksum != found.checksum) || found.size != staged.layout.size {
            return Err(Refusal::of(ErrorCode::ChecksumMismatch));
        }
        if !found.fits {
            self.upload_remove(record.id).await?;
            let words = "the file's content is not of its type";
            return Err(Refusal::new(ErrorCode::FileTypeNotAllowed, words));
        }
        let Findings { size, checksum, .. } = found;
        let to = if ports.scanner.is_some() { FileStatus::Pending } else { FileStatus::Clean };
        (record.size, record.checksum) = (size, Some(checksum));
        self.file_step(record, to, Some((size, checksum))).await
    }

    /// Whether it has a virus. Where the scanner was turned off meanwhile, nobody asks.
    async fn scan(&self, record: &mut FileRecord, address: Option<IpAddr>) -> Result<(), Refusal> {
        let ports = &self.files()?.ports;
        if let Some(scanner) = &ports.scanner {
            let content = ports.blobs.staged_read(record.id).await.map_err(|error| internal(&error))?;
            match scanner.scan(content).await {
                Ok(Verdict::Clean) => {}
                Ok(Verdict::Infected(name)) => return Err(self.infected(record, &name, address).await),
                Err(error) => {
                    tracing::warn!(file = %record.id, %error, "a file could not be scanned: it waits");
                    return Err(Refusal::retry_after(ErrorCode::ScannerUnavailable, SCAN_AGAIN));
                }
            }
        }
        self.file_step(record, FileStatus::Clean, None).await
    }

    async fn infected(&self, record: &FileRecord, virus: &str, address: Option<IpAddr>) -> Refusal {
        tracing::warn!(file = %record.id, owner = %record.owner, virus, "a file has a virus and is removed");
        let doer = Doer { actor: Some(record.owner), account: None, address };
        let subject = Some(record.id.to_string());
        let found = Some(ErrorCode::VirusFound);
        if let Err(refusal) = self.audit(doer, AuditAction::FileRefuse, subject, found).await {
            return refusal; // it stays unread, and is scanned again
        }
        match self.upload_remove(record.id).await {
            Ok(_) => Refusal::of(ErrorCode::VirusFound),
            Err(refusal) => refusal,
        }
    }

    async fn publish(&self, record: &mut FileRecord) -> Result<(), Refusal> {
        let published = self.files()?.ports.blobs.publish(record.id).await;
        published.map_err(|error| internal(&error))?;
        let stepped = self.file_step(record, FileStatus::Available, None).await;
        if stepped.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::UploadNotFound) {
            self.unpublish(record.id).await?;
        }
        stepped?;
        record.finished_at = Some(self.clock.now());
        Ok(())
    }

    /// Removes the bytes of a file that was removed while they were published: who removed it may have been here before
    /// them. Another machine may have finished it, too, and then they stay.
    async fn unpublish(&self, file: FileId) -> Result<(), Refusal> {
        if self.store.upload_get(file).await.map_err(|error| internal(&error))?.is_none() {
            let blobs = &self.files()?.ports.blobs;
            blobs.delete(file).await.map_err(|error| internal(&error))?;
        }
        Ok(())
    }

    /// Error: `UPLOAD_NOT_FOUND` where it was removed meanwhile.
    async fn file_step(
        &self,
        record: &mut FileRecord,
        to: FileStatus,
        content: Option<(u64, Checksum)>,
    ) -> Result<(), Refusal> {
        let step = UploadStep { id: record.id, from: record.status, to, content, at: self.clock.now() };
        let _turn = self.files()?.rows.acquire().await.map_err(|error| internal(&error))?;
        if !self.store.upload_step(step).await.map_err(|error| internal(&error))? {
            return Err(not_found());
        }
        record.status = to;
        Ok(())
    }

    /// Makes a file one that is gone; the keeper removes its bytes. False where it was.
    pub(super) async fn upload_remove(&self, file: FileId) -> Result<bool, Refusal> {
        let uploads = self.files()?;
        let turn = uploads.rows.acquire().await.map_err(|error| internal(&error))?;
        let removed = self.store.upload_delete(file).await.map_err(|error| internal(&error))?;
        drop(turn);
        uploads.forget(file);
        uploads.garbage.notify_one();
        Ok(removed)
    }

    /// Tells those who can read it: the members of its conversation, or else its owner.
    async fn announce_file(self: &Arc<Self>, record: &FileRecord, but: Option<ConnectionId>) {
        let file = Arc::new(record.clone());
        match record.conversation {
            Some(conversation) => self.route(conversation, Work::File { file, but }).await,
            None => self.tell_file(record.owner, &Event::new(None, EventBody::File(file)), but),
        }
    }

    /// Tells all connections of a user but one.
    pub(crate) fn tell_file(&self, user: UserId, event: &Arc<Event>, but: Option<ConnectionId>) {
        self.registry.each(user, |outbox| {
            if but != Some(outbox.connection()) {
                outbox.push(Outgoing::Event(Arc::clone(event)));
            }
        });
    }
}
