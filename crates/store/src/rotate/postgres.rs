//! A batch on PostgreSQL: the rows are locked, read and written in one transaction. Several rows
//! are never waited for: who waits for nobody is in nobody's way, in whatever order they take their locks.

use super::Held;
use super::column::{Anew, Column, Due};
use crate::cipher::Cipher;
use crate::error::{Error, Result};
use crate::types::{Id, sql};
use diesel::sql_types::{Array, Nullable, Text};
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

/// Encrypts the texts of these rows that are due anew. Gives how many.
pub(super) async fn change(
    pool: &Pool<AsyncPgConnection>,
    cipher: &Cipher,
    column: Column,
    ids: Vec<Id>,
    held: Held,
) -> Result<u64> {
    let current = cipher.current().ok_or(Error::NoKeys)?;
    let skip = match held {
        Held::Skipped => " SKIP LOCKED",
        Held::Awaited => "",
    };
    let query = format!("{} FOR NO KEY UPDATE{skip}", column.due("id = ANY ($1)"));
    let change = async |connection: &mut AsyncPgConnection| -> Result<u64> {
        let query = diesel::sql_query(query).bind::<Array<sql::Uid>, _>(ids).bind::<Text, _>(current);
        let due: Vec<Due> = query.load(connection).await?;
        let anew = due.into_iter().map(|due| column.anew(cipher, due)).collect::<Result<Vec<_>>>()?;
        update(connection, column, anew.into_iter().flatten()).await
    };
    let connection = &mut *pool.get().await?;
    connection.transaction(change).await
}

async fn update(
    connection: &mut AsyncPgConnection,
    column: Column,
    texts: impl Iterator<Item = Anew<'_>>,
) -> Result<u64> {
    let (mut ids, mut values, mut keys, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Anew { id, text, key, fingerprint } in texts {
        ids.push(id);
        values.push(text);
        keys.push(key);
        fingerprints.push(fingerprint);
    }
    let (table, text, key, also) = (column.table(), column.text(), column.key(), column.also());
    let changed = diesel::sql_query(format!(
        "UPDATE {table} SET {text} = anew.text, {key} = anew.key{also} FROM unnest($1, $2, $3, $4) \
         AS anew (id, text, key, fingerprint) WHERE {table}.id = anew.id"
    ))
    .bind::<Array<sql::Uid>, _>(ids)
    .bind::<Array<Text>, _>(values)
    .bind::<Array<Nullable<Text>>, _>(keys)
    .bind::<Array<Nullable<sql::Uid>>, _>(fingerprints)
    .execute(connection)
    .await?;
    Ok(changed as u64)
}
