//! Files that messages carry.

use super::not_found;
use super::reading::must_be_there;
use crate::hub::Shared;
use crate::message::Attachment;
use crate::{ConversationId, FileId, Refusal, UserId};

impl Shared {
    /// The files that a message of `user` in `conversation` (none: a new one) is to carry, each once: their own, and files of that
    /// conversation which they may read. The message opens them to whoever sees it, so that nobody hands on what others
    /// let them read elsewhere.
    ///
    /// Errors: `UPLOAD_NOT_FOUND`, also for files of others; `SCANNER_UNAVAILABLE` for one that waits for the scanner;
    /// `UPLOAD_INVALID` for one that is not whole.
    pub(crate) async fn attachments(
        &self,
        user: UserId,
        conversation: Option<ConversationId>,
        files: &[FileId],
    ) -> Result<Vec<Attachment>, Refusal> {
        let mut attachments: Vec<Attachment> = Vec::with_capacity(files.len());
        for file in files {
            if attachments.iter().any(|it| it.file == *file) {
                continue;
            }
            let record = self.file_readable(*file, user).await?;
            let is_of_here = record.conversation.is_some() && record.conversation == conversation;
            if record.owner != user && !is_of_here {
                return Err(not_found());
            }
            must_be_there(&record)?;
            attachments.push(Attachment {
                file: record.id,
                name: record.name,
                mime_type: record.media_type,
                size: record.size,
            });
        }
        Ok(attachments)
    }
}
