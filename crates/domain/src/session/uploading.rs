//! Files that come over a socket.

use super::Session;
use crate::ErrorCode;
use crate::command::Place;
use crate::event::{Correlation, Reply, ReplyBody};
use crate::limits::Verdict;
use crate::uploads::{Finisher, UploadAction, UploadDraft, UploadReply};
use crate::{FileId, Refusal};
use std::sync::Arc;

/// How many uploads of one connection are finished at once; before more, its next frames wait.
pub(super) const FINISHING: usize = 4;

impl Session {
    pub(super) async fn upload(&mut self, action: UploadAction, correlation: Correlation) {
        let user = self.user();
        let answer = match action {
            UploadAction::Init(draft) => return self.begin_upload(draft, correlation).await,
            UploadAction::Finalize { file, checksum } => {
                return self.finish_upload(file, &checksum, correlation).await;
            }
            UploadAction::Chunk { file, index, total, data } => {
                let taken = self.shared.upload_chunk(user, file, (index, total), data).await;
                // One that was for nothing is a frame like any other.
                taken.map_err(|refusal| self.admit().err().unwrap_or(refusal))
            }
            UploadAction::Status(file) => self.shared.upload_status(user, file).await,
        };
        match answer {
            Ok(answer) => self.reply(correlation, None, ReplyBody::Upload(answer)),
            Err(refusal) => self.refuse(correlation, refusal, None),
        }
    }

    async fn begin_upload(&self, draft: UploadDraft, correlation: Correlation) {
        let begun = async {
            let conversation = self.shared.upload_place(self.user(), draft.place.as_ref()).await?;
            self.shared.upload_begin(self.user(), conversation, &draft).await
        };
        match begun.await {
            Ok(record) => {
                let total = record.layout().total;
                let ready = UploadReply::Ready { file: record.id, chunk_size: record.chunk_size, total };
                let room = match draft.place {
                    Some(Place::Room(room)) => Some(room),
                    _ => None,
                };
                self.reply(correlation, room, ReplyBody::Upload(ready));
            }
            Err(refusal) => self.refuse(correlation, refusal, draft.place.as_ref()),
        }
    }

    /// In a task of its own: a scanner may take its time, and chats should not wait for it.
    async fn finish_upload(&self, file: FileId, checksum: &str, correlation: Correlation) {
        let Ok(checksum) = checksum.parse() else {
            let words = "`checksum` is a SHA-256 in 64 hexadecimal digits";
            return self.refuse(correlation, Refusal::new(ErrorCode::InvalidRequest, words), None);
        };
        // It is never closed.
        let Ok(place) = Arc::clone(&self.finishing).acquire_owned().await else { return };
        let (shared, outbox) = (Arc::clone(&self.shared), Arc::clone(&self.outbox));
        let finisher = Finisher { address: self.address, connection: Some(outbox.connection()) };
        self.shared.tasks.spawn(async move {
            let outcome = shared.upload_finish(outbox.user(), file, Some(checksum), finisher).await;
            let body = match outcome {
                Ok(record) => ReplyBody::Upload(UploadReply::Finished(Box::new(record))),
                Err(refusal) => ReplyBody::Refused { refusal, conversation: None },
            };
            outbox.reply(Reply { correlation, room: None, body });
            drop(place);
        });
    }

    /// Counts the bytes of a chunk; its frame does not count.
    pub(super) fn admit_chunk(&self, bytes: usize) -> Result<(), Refusal> {
        self.limits.check_upload(bytes).map_err(|verdict: Verdict| self.judged(verdict))
    }
}
