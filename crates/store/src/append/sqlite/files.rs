//! The files that messages carry, on SQLite.

use super::Log;
use crate::append::files::{Carried, carried};
use crate::error::Result;
use crate::types::sql;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Nullable;
use parlor_domain::message::Message;

impl Log<'_> {
    /// Notes what a message carries that came into the log.
    pub(super) fn files_carried(&mut self, message: &Message) -> Result<()> {
        for Carried { file, conversation, message, .. } in carried(message) {
            sql_query(
                "INSERT OR IGNORE INTO upload_places (upload_id, conversation_id, message_id) \
                 SELECT id, ?, ? FROM uploads WHERE id = ? AND status <> 'deleted'",
            )
            .bind::<sql::Uid, _>(conversation)
            .bind::<sql::Uid, _>(message)
            .bind::<sql::Uid, _>(file)
            .execute(self.connection)?;
        }
        Ok(())
    }

    /// Forgets what a message carried that is deleted, and deletes what its author put nowhere else.
    pub(super) fn files_dropped(&mut self, message: &Message) -> Result<()> {
        for Carried { file, conversation, message, author } in carried(message) {
            sql_query(
                "DELETE FROM upload_places WHERE upload_id = ? AND conversation_id = ? AND message_id = ?",
            )
            .bind::<sql::Uid, _>(file)
            .bind::<sql::Uid, _>(conversation)
            .bind::<sql::Uid, _>(message)
            .execute(self.connection)?;
            sql_query(
                "UPDATE uploads SET status = 'deleted' WHERE id = ? AND owner_id = ? AND status <> 'deleted' \
                 AND NOT EXISTS (SELECT 1 FROM upload_places WHERE upload_id = uploads.id)",
            )
            .bind::<sql::Uid, _>(file)
            .bind::<Nullable<sql::Uid>, _>(author)
            .execute(self.connection)?;
        }
        Ok(())
    }
}
