//! The one statement that SQLite executes for every conversation that a transaction has changed.

use crate::types::{At, Id, sql};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

/// Writes a conversation's head.
///
/// Written out, because SQLite would have to prepare diesel's own update anew for every conversation; this one has a
/// fixed id, by which the prepared statement is found.
pub(super) struct MoveHead {
    pub(super) id: Id,
    pub(super) last_seq: i64,
    pub(super) message_count: i64,
    pub(super) updated_at: At,
}

impl QueryId for MoveHead {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for MoveHead {}

impl QueryFragment<Sqlite> for MoveHead {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE conversations SET last_seq = ");
        out.push_bind_param::<BigInt, _>(&self.last_seq)?;
        out.push_sql(", message_count = ");
        out.push_bind_param::<BigInt, _>(&self.message_count)?;
        out.push_sql(", updated_at = ");
        out.push_bind_param::<sql::Instant, _>(&self.updated_at)?;
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<sql::Uid, _>(&self.id)
    }
}
