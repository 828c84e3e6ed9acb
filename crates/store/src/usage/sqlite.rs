//! The books on SQLite: each change is one hop onto a blocking thread, with the one connection that may write. While it
//! has that the log waits, so that nothing is done on the way that is not the change itself.

use super::rows::{AttemptRow, ReservationRow};
use super::{BalanceRow, Key, Moves, Refused, check_limits, give_back, moves_of, on_conflict, use_tokens};
use crate::at_once::transaction;
use crate::error::Result;
use crate::pools::Lite;
use crate::schema::{attempts, reservations};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel_async::pooled_connection::bb8::Pool;
use parlor_domain::ports::Reservation;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) async fn reserve(
    pool: &Pool<Lite>,
    row: ReservationRow,
    reservation: Arc<Reservation>,
) -> Result<(), Refused> {
    transaction(pool, move |connection| {
        let settled = attempts::table.find((row.turn_id, row.number));
        if diesel::select(exists(settled)).get_result(connection)? {
            return Ok(());
        }
        let insert = diesel::insert_into(reservations::table).values(&row).on_conflict_do_nothing();
        if insert.execute(connection)? == 0 {
            return Ok(());
        }
        let balances = balances_move(connection, moves_of(&reservation))?;
        check_limits(&reservation, &balances)
    })
    .await
}

pub(super) async fn settle(pool: &Pool<Lite>, lines: BTreeMap<Key, AttemptRow>) -> Result<()> {
    transaction(pool, move |connection| {
        let mut moves = Moves::new();
        for (key, row) in &lines {
            let insert = diesel::insert_into(attempts::table).values(row).on_conflict_do_nothing();
            if insert.execute(connection)? == 1 {
                use_tokens(&mut moves, [row].into_iter())?;
            }
            let gone: Option<(i64, String)> = diesel::delete(reservations::table.find(*key))
                .returning((reservations::tokens, reservations::accounts))
                .get_result(connection)
                .optional()?;
            give_back(&mut moves, gone)?;
        }
        balances_move(connection, moves)?;
        Ok(())
    })
    .await
}

/// Moves balances and gives them as they are then.
fn balances_move(connection: &mut SqliteConnection, moves: Moves) -> QueryResult<Vec<BalanceRow>> {
    let one = |(account, change): (String, super::Move)| {
        MoveBalance { account, used: change.used, reserved: change.reserved }.get_result(connection)
    };
    moves.into_iter().map(one).collect()
}

/// Moves one balance, which is made where there is none.
struct MoveBalance {
    account: String,
    used: i64,
    reserved: i64,
}

impl QueryId for MoveBalance {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for MoveBalance {
    type SqlType = (Text, BigInt, BigInt);
}

impl RunQueryDsl<SqliteConnection> for MoveBalance {}

impl QueryFragment<Sqlite> for MoveBalance {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("INSERT INTO balances (account, used, reserved) VALUES (");
        out.push_bind_param::<Text, _>(&self.account)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.used)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.reserved)?;
        out.push_sql(concat!(")", on_conflict!()));
        Ok(())
    }
}
