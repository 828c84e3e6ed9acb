//! The files that messages carry.

use crate::append::files::Carried;
use crate::bulk::bulk;
use crate::error::Result;
use crate::schema::uploads;
use crate::types::{Id, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::BTreeSet;

bulk! {
    InsertPlaces
    "INSERT INTO upload_places (upload_id, conversation_id, message_id) \
     SELECT new.upload_id, new.conversation_id, new.message_id FROM unnest("
    {
        file: sql::Uid = Id,
        conversation: sql::Uid = Id,
        message: sql::Uid = Id,
    }
    ") AS new (upload_id, conversation_id, message_id) \
     JOIN uploads ON uploads.id = new.upload_id AND uploads.status <> 'deleted' ON CONFLICT DO NOTHING"
}

bulk! {
    DeletePlaces
    "DELETE FROM upload_places USING unnest("
    {
        file: sql::Uid = Id,
        conversation: sql::Uid = Id,
        message: sql::Uid = Id,
    }
    ") AS gone (upload_id, conversation_id, message_id) WHERE upload_places.upload_id = gone.upload_id \
     AND upload_places.conversation_id = gone.conversation_id AND upload_places.message_id = gone.message_id"
}

bulk! {
    DeleteFiles
    "UPDATE uploads SET status = 'deleted' FROM unnest("
    {
        file: sql::Uid = Id,
        author: Nullable<sql::Uid> = Option<Id>,
    }
    ") AS own (id, author_id) WHERE uploads.id = own.id AND uploads.owner_id = own.author_id \
     AND uploads.status <> 'deleted' \
     AND NOT EXISTS (SELECT 1 FROM upload_places WHERE upload_places.upload_id = uploads.id)"
}

/// Notes what messages carry, then forgets what deleted ones carried, and deletes what their authors put nowhere else.
///
/// The files are locked first, in the order of their ids: of a message that comes and one that goes with the same file, the
/// one sees what the other did.
pub(in crate::append::postgres) async fn files_move(
    connection: &mut AsyncPgConnection,
    carried: &[Carried],
    dropped: &[Carried],
) -> Result<()> {
    let files: BTreeSet<Id> = carried.iter().chain(dropped).map(|it| it.file).collect();
    if files.is_empty() {
        return Ok(());
    }
    let files: Vec<Id> = files.into_iter().collect();
    let lock = uploads::table.filter(uploads::id.eq_any(files)).order(uploads::id).select(uploads::id);
    let _: Vec<Id> = lock.for_update().load(connection).await?;
    if !carried.is_empty() {
        let mut insert = InsertPlaces::default();
        for Carried { file, conversation, message, .. } in carried {
            insert.file.push(*file);
            insert.conversation.push(*conversation);
            insert.message.push(*message);
        }
        insert.execute(connection).await?;
    }
    if !dropped.is_empty() {
        let (mut places, mut files) = (DeletePlaces::default(), DeleteFiles::default());
        for Carried { file, conversation, message, author } in dropped {
            places.file.push(*file);
            places.conversation.push(*conversation);
            places.message.push(*message);
            files.file.push(*file);
            files.author.push(*author);
        }
        places.execute(connection).await?;
        files.execute(connection).await?;
    }
    Ok(())
}
