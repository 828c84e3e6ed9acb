//! A batch on SQLite: one transaction, in one hop onto a blocking thread. Then the file itself.

use super::column::{Column, Due};
use crate::cipher::Cipher;
use crate::error::{Error, Result};
use crate::pools::Lite;
use crate::types::{Id, sql};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text};
use diesel_async::pooled_connection::bb8::Pool;

/// Encrypts the texts of these rows that are due anew. Gives how many.
pub(super) async fn change(pool: &Pool<Lite>, cipher: Cipher, column: Column, ids: Vec<Id>) -> Result<u64> {
    let change = move |connection: &mut SqliteConnection| -> Result<u64> {
        let mut changed = 0;
        for id in &ids {
            changed += u64::from(change_one(connection, &cipher, column, *id)?);
        }
        Ok(changed)
    };
    let mut connection = pool.get().await?;
    connection.spawn_blocking(move |connection| Ok(connection.immediate_transaction(change))).await?
}

fn change_one(connection: &mut SqliteConnection, cipher: &Cipher, column: Column, id: Id) -> Result<bool> {
    let current = cipher.current().ok_or(Error::NoKeys)?;
    let query = diesel::sql_query(column.due("id = $1")).bind::<sql::Uid, _>(id).bind::<Text, _>(current);
    let Some(due) = query.get_result::<Due>(connection).optional()? else { return Ok(false) };
    let Some(anew) = column.anew(cipher, due)? else { return Ok(false) };
    let (table, text, key, also) = (column.table(), column.text(), column.key(), column.also());
    diesel::sql_query(format!(
        "UPDATE {table} SET {text} = anew.text, {key} = anew.key{also} \
         FROM (SELECT $1 AS id, $2 AS text, $3 AS key, $4 AS fingerprint) AS anew WHERE {table}.id = anew.id"
    ))
    .bind::<sql::Uid, _>(id)
    .bind::<Text, _>(anew.text)
    .bind::<Nullable<Text>, _>(anew.key)
    .bind::<Nullable<sql::Uid>, _>(anew.fingerprint)
    .execute(connection)?;
    Ok(true)
}

/// What a checkpoint of the write-ahead log says.
#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite))]
struct Checkpoint {
    /// 1: somebody reads what it would have removed.
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// Leaves nothing in the file but what its rows hold now: what was overwritten stays in free pages and in the write-ahead
/// log otherwise. The copy that this takes is made in a file, since it may not fit into memory. Other writers wait.
pub(super) async fn clean(pool: &Pool<Lite>) -> Result<()> {
    let clean = |connection: &mut SqliteConnection| -> Result<()> {
        let cleaned = connection.batch_execute("PRAGMA temp_store = FILE; VACUUM;");
        connection.batch_execute("PRAGMA temp_store = MEMORY;")?;
        cleaned?;
        let checkpoint = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)");
        let Checkpoint { busy } = checkpoint.get_result(connection)?;
        if busy == 0 { Ok(()) } else { Err(Error::Unclean) }
    };
    let mut connection = pool.get().await?;
    connection.spawn_blocking(move |connection| Ok(clean(connection))).await?
}
