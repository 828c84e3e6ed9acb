//! Encrypting anew what is plain or under another key, beside a server that goes on writing. The fingerprint of a message
//! that was plain is keyed in the same statement.
//!
//! A batch looks for rows that are due without holding anything, and then does them in one short transaction that reads
//! them again: what somebody has changed in between is done as it is then, or is no longer due. So nothing is lost, a
//! second process does no harm, and what dies is gone on with by whoever comes next.

mod column;
mod postgres;
mod sqlite;

pub(crate) use self::column::Column;

use crate::error::{Error, Result};
use crate::pools::{Pools, read};
use crate::types::{Id, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

/// How many rows a transaction changes: on SQLite the log waits as long.
const ROWS: usize = 64;

/// What [`Database::rotate_keys`](crate::Database::rotate_keys) has encrypted anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Texts of messages, or their fingerprints.
    pub messages: u64,
    /// What is attached to messages, and what everybody sees beside their text.
    pub attachments: u64,
    /// Titles of conversations.
    pub titles: u64,
    /// Replies in the making.
    pub checkpoints: u64,
    /// Profiles of users.
    pub profiles: u64,
    /// What jobs are to do, and what came of them.
    pub jobs: u64,
    /// Instructions of assistants.
    pub prompts: u64,
    /// Titles, texts and passages of documents.
    pub documents: u64,
    /// Names of files.
    pub file_names: u64,
    /// When it is done: how many texts are still plain or under another key, because they cannot be read (the log names
    /// their rows), or because another server goes on to write so. 0: no key but the current one is needed any more.
    pub left: u64,
}

impl Rotated {
    pub(crate) fn count(&mut self, column: Column, changed: u64) {
        let counter = match column {
            Column::Content => &mut self.messages,
            Column::Attached | Column::Metadata => &mut self.attachments,
            Column::Title => &mut self.titles,
            Column::Checkpoint => &mut self.checkpoints,
            Column::Profile => &mut self.profiles,
            Column::JobPayload | Column::JobResult => &mut self.jobs,
            Column::Prompt => &mut self.prompts,
            Column::DocumentTitle | Column::DocumentBody | Column::Passage => &mut self.documents,
            Column::FileName => &mut self.file_names,
        };
        *counter += changed;
    }
}

/// What is done with rows that others hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// They are left for another look.
    Skipped,
    /// They are waited for, one at a time: a conversation in which somebody always writes is held at every look. Who holds
    /// nothing while they wait is in nobody's way.
    Awaited,
}

impl Held {
    const fn rows(self) -> usize {
        match self {
            Self::Skipped => ROWS,
            Self::Awaited => 1,
        }
    }
}

/// What became of some rows that were due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch {
    /// The last of them.
    pub(crate) through: Id,
    pub(crate) changed: u64,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct RowId {
    #[diesel(sql_type = sql::Uid)]
    id: Id,
}

/// Encrypts the next texts of a column that are due anew, those of rows behind `after`. None where no more are due.
pub(crate) async fn batch(pools: Pools, column: Column, after: Id, held: Held) -> Result<Option<Batch>> {
    let current = pools.cipher().current().ok_or(Error::NoKeys)?;
    let next = column.next(held.rows());
    let next = diesel::sql_query(next).bind::<sql::Uid, _>(after).bind::<Text, _>(current);
    let rows: Vec<RowId> = read!(&pools, |conn| next.load(conn).await?);
    let Some(through) = rows.last().map(|row| row.id) else { return Ok(None) };
    let ids = rows.into_iter().map(|row| row.id).collect();
    let changed = match &pools {
        Pools::Sqlite { write, cipher, .. } => sqlite::change(write, cipher.clone(), column, ids).await?,
        Pools::Postgres { general, cipher, .. } => {
            postgres::change(general, cipher, column, ids, held).await?
        }
    };
    Ok(Some(Batch { through, changed }))
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Left {
    #[diesel(sql_type = BigInt)]
    left: i64,
}

/// How many texts of a column are due.
pub(crate) async fn left(pools: Pools, column: Column) -> Result<u64> {
    let current = pools.cipher().current().ok_or(Error::NoKeys)?;
    let count = diesel::sql_query(column.count()).bind::<Text, _>(current);
    let Left { left } = read!(&pools, |conn| count.get_result(conn).await?);
    Ok(left.unsigned_abs())
}

/// Removes what was overwritten from the files of the database, as far as that is ours to do.
pub(crate) async fn clean(pools: Pools) -> Result<()> {
    match &pools {
        Pools::Sqlite { write, .. } => sqlite::clean(write).await,
        // Its space is its operator's: VACUUM FULL would hold up everybody.
        Pools::Postgres { .. } => Ok(()),
    }
}
