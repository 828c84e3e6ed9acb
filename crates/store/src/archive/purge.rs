//! What was deleted goes for good: the conversation, its people, its turns, its log and its words. The books stay.
//!
//! A conversation goes in steps, so that no transaction is as long as its log. The first step takes its people, after
//! which nobody can bring it back; the last one takes its own row, so that what was begun by a process that died is found
//! and finished by the next. The locks are taken in the order of `append::postgres`.

use super::search;
use crate::audit::{AuditRow, audit_insert};
use crate::error::Result;
use crate::messages::signed;
use crate::pools::{Lite, Pools, read};
use crate::schema::{conversations, messages, participants, turns};
use crate::types::{At, Id};
use crate::uploads::uploads_forget_place;
use diesel::prelude::*;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use parlor_domain::Timestamp;
use parlor_domain::ports::{AuditAction, AuditEntry};

/// How many messages go in one transaction: on SQLite the log waits as long.
const STEP: i64 = 1_000;

/// How far a conversation's removal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There are more messages.
    More,
    /// Nothing is left.
    Gone,
    /// It was brought back, or is removed by another node.
    Kept,
}

/// Removes conversations that were deleted before `before`, at most `limit`. Gives how many.
pub(crate) async fn purge(pools: Pools, before: Timestamp, limit: usize, now: Timestamp) -> Result<usize> {
    let before = At::from(before);
    let due: Vec<Id> = read!(&pools, |conn| {
        conversations::table
            .filter(conversations::deleted_at.lt(before))
            .order((conversations::deleted_at, conversations::id))
            .limit(signed(limit))
            .select(conversations::id)
            .load(conn)
            .await?
    });
    let mut gone = 0;
    for id in due {
        let entry = entry(id, now);
        let last = loop {
            let step = match &pools {
                Pools::Sqlite { write, .. } => sqlite(write, id, before, &entry).await?,
                Pools::Postgres { general, .. } => postgres(general, id, before, &entry).await?,
            };
            if step != Step::More {
                break step;
            }
        };
        gone += usize::from(last == Step::Gone);
    }
    Ok(gone)
}

/// What is written down of it.
fn entry(id: Id, now: Timestamp) -> AuditRow {
    let entry = AuditEntry::new(AuditAction::ConversationPurge, now);
    AuditEntry { subject: Some(id.0.to_string()), ..entry }.into()
}

/// What a step removes beside the words; they are removed up to the same seq. The last one is written down.
macro_rules! rows_delete {
    ($conn:ident, $id:ident, $rest:ident, $entry:ident) => {
        let live = turns::table.filter(turns::conversation_id.eq($id));
        diesel::delete(live).execute($conn).await?;
        let people = participants::table.filter(participants::conversation_id.eq($id));
        diesel::delete(people).execute($conn).await?;
        let log = messages::table.filter(messages::conversation_id.eq($id));
        diesel::delete(log.filter(messages::seq.lt($rest.unwrap_or(i64::MAX)))).execute($conn).await?;
        if $rest.is_none() {
            uploads_forget_place!($conn, $id);
            diesel::delete(conversations::table.find($id)).execute($conn).await?;
            audit_insert!($entry).execute($conn).await?;
        }
    };
}

/// The first message that a step leaves.
macro_rules! rest {
    ($conn:ident, $id:ident) => {{
        let log = messages::table.filter(messages::conversation_id.eq($id)).order(messages::seq);
        let rest = log.offset(STEP).limit(1).select(messages::seq);
        rest.get_result::<i64>($conn).await.optional()?
    }};
}

async fn sqlite(pool: &Pool<Lite>, id: Id, before: At, entry: &AuditRow) -> Result<Step> {
    let mut connection = pool.get().await?;
    connection
        .immediate_transaction(async |conn| -> Result<Step> {
            let due = conversations::table.find(id).filter(conversations::deleted_at.lt(before));
            let due = due.select(conversations::id).get_result::<Id>(conn).await.optional()?;
            if due.is_none() {
                return Ok(Step::Kept);
            }
            let rest = rest!(conn, id);
            search::sqlite::forget(conn, id, rest.unwrap_or(i64::MAX)).await?;
            rows_delete!(conn, id, rest, entry);
            Ok(if rest.is_none() { Step::Gone } else { Step::More })
        })
        .await
}

async fn postgres(pool: &Pool<AsyncPgConnection>, id: Id, before: At, entry: &AuditRow) -> Result<Step> {
    let mut connection = pool.get().await?;
    connection
        .transaction(async |conn| -> Result<Step> {
            let due = conversations::table.find(id).filter(conversations::deleted_at.lt(before));
            let due = due.select(conversations::id).for_update().skip_locked();
            let due = due.get_result::<Id>(conn).await.optional()?;
            if due.is_none() {
                return Ok(Step::Kept);
            }
            let rest = rest!(conn, id);
            rows_delete!(conn, id, rest, entry);
            search::postgres::forget(conn, id, rest.unwrap_or(i64::MAX)).await?;
            Ok(if rest.is_none() { Step::Gone } else { Step::More })
        })
        .await
}
