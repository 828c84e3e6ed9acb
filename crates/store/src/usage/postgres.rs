//! The books on PostgreSQL: each change is a few statements, each for all rows of the change.

use super::rows::{AttemptRow, ReservationRow};
use super::{BalanceRow, Key, Moves, Refused, check_limits, give_back, moves_of, on_conflict, use_tokens};
use crate::bulk::bulk;
use crate::error::{Error, Result};
use crate::types::{At, Id, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use parlor_domain::ports::Reservation;
use std::collections::BTreeMap;

/// The locks on the balances make it exact: who reserves in the same account waits, and then counts this reservation.
///
/// A caller that never got its answer may settle the attempt while this is still under way. The reservation is then there
/// beside the line; it is given back, and not used, when it expires.
pub(super) async fn reserve(
    pool: &Pool<AsyncPgConnection>,
    row: &ReservationRow,
    reservation: &Reservation,
) -> Result<(), Refused> {
    let mut connection = pool.get().await.map_err(Error::from)?;
    connection
        .transaction(async |connection| -> Result<(), Refused> {
            if reservation_insert(connection, row).await? == 0 {
                return Ok(());
            }
            let balances = balances_move(connection, moves_of(reservation)).await?;
            check_limits(reservation, &balances)
        })
        .await
}

/// Attempts are entered in the order of their keys, and before anything else: who settles the same ones waits there.
pub(super) async fn settle(pool: &Pool<AsyncPgConnection>, lines: &BTreeMap<Key, AttemptRow>) -> Result<()> {
    let mut connection = pool.get().await?;
    connection
        .transaction(async |connection| -> Result<()> {
            let entered: Vec<Key> = attempts_insert(connection, lines.values()).await?;
            let gone = reservations_delete(connection, lines.keys()).await?;
            let mut moves = Moves::new();
            use_tokens(&mut moves, entered.iter().filter_map(|key| lines.get(key)))?;
            give_back(&mut moves, gone)?;
            balances_move(connection, moves).await?;
            Ok(())
        })
        .await
}

bulk! {
    InsertReservation
    "INSERT INTO reservations (turn_id, number, user_id, conversation_id, tokens, prompt_tokens, accounts, node, \
     reserved_at, expires_at) SELECT * FROM unnest("
    {
        turn: sql::Uid = Id,
        number: BigInt = i64,
        user: sql::Uid = Id,
        conversation: Nullable<sql::Uid> = Option<Id>,
        tokens: BigInt = i64,
        prompt_tokens: BigInt = i64,
        accounts: Text = &'a str,
        node: sql::Uid = Id,
        reserved_at: sql::Instant = At,
        expires_at: sql::Instant = At,
    }
    ") AS new (turn_id, number) WHERE NOT EXISTS (SELECT FROM attempts \
     WHERE attempts.turn_id = new.turn_id AND attempts.number = new.number) ON CONFLICT DO NOTHING"
}

/// Gives how many rows were made: none where the attempt has one already, or is over.
async fn reservation_insert(connection: &mut AsyncPgConnection, row: &ReservationRow) -> QueryResult<usize> {
    let insert = InsertReservation {
        turn: vec![row.turn_id],
        number: vec![row.number],
        user: vec![row.user_id],
        conversation: vec![row.conversation_id],
        tokens: vec![row.tokens],
        prompt_tokens: vec![row.prompt_tokens],
        accounts: vec![&row.accounts],
        node: vec![row.node],
        reserved_at: vec![row.reserved_at],
        expires_at: vec![row.expires_at],
        ..InsertReservation::default()
    };
    insert.execute(connection).await
}

bulk! {
    InsertAttempts
    "INSERT INTO attempts (turn_id, number, user_id, conversation_id, backend, model, outcome, prompt_tokens, \
     completion_tokens, usage_estimated, cost_nano, started_at, first_content_ms, elapsed_ms, accounts) \
     SELECT * FROM unnest("
    {
        turn: sql::Uid = Id,
        number: BigInt = i64,
        user: sql::Uid = Id,
        conversation: Nullable<sql::Uid> = Option<Id>,
        backend: Text = &'a str,
        model: Nullable<Text> = Option<&'a str>,
        outcome: Text = &'a str,
        prompt_tokens: BigInt = i64,
        completion_tokens: BigInt = i64,
        usage_estimated: Bool = bool,
        cost_nano: Nullable<BigInt> = Option<i64>,
        started_at: sql::Instant = At,
        first_content_ms: Nullable<BigInt> = Option<i64>,
        elapsed_ms: BigInt = i64,
        accounts: Text = &'a str,
    }
    ") ON CONFLICT DO NOTHING RETURNING turn_id, number"
}

impl Query for InsertAttempts<'_> {
    type SqlType = (sql::Uid, BigInt);
}

/// Gives the keys of those that were not there.
async fn attempts_insert(
    connection: &mut AsyncPgConnection,
    rows: impl Iterator<Item = &AttemptRow>,
) -> QueryResult<Vec<Key>> {
    let mut insert = InsertAttempts::default();
    for row in rows {
        insert.turn.push(row.turn_id);
        insert.number.push(row.number);
        insert.user.push(row.user_id);
        insert.conversation.push(row.conversation_id);
        insert.backend.push(&row.backend);
        insert.model.push(row.model.as_deref());
        insert.outcome.push(&row.outcome);
        insert.prompt_tokens.push(row.prompt_tokens);
        insert.completion_tokens.push(row.completion_tokens);
        insert.usage_estimated.push(row.usage_estimated);
        insert.cost_nano.push(row.cost_nano);
        insert.started_at.push(row.started_at);
        insert.first_content_ms.push(row.first_content_ms);
        insert.elapsed_ms.push(row.elapsed_ms);
        insert.accounts.push(&row.accounts);
    }
    insert.load(connection).await
}

bulk! {
    DeleteReservations
    "DELETE FROM reservations USING unnest("
    {
        turn: sql::Uid = Id,
        number: BigInt = i64,
    }
    ") AS gone (turn_id, number) WHERE reservations.turn_id = gone.turn_id AND reservations.number = gone.number \
     RETURNING reservations.tokens, reservations.accounts"
}

impl Query for DeleteReservations<'_> {
    type SqlType = (BigInt, Text);
}

/// Gives the tokens and the accounts of each.
async fn reservations_delete(
    connection: &mut AsyncPgConnection,
    keys: impl Iterator<Item = &Key>,
) -> QueryResult<Vec<(i64, String)>> {
    let mut delete = DeleteReservations::default();
    (delete.turn, delete.number) = keys.copied().unzip();
    delete.load(connection).await
}

bulk! {
    MoveBalances
    "INSERT INTO balances (account, used, reserved) SELECT * FROM unnest("
    {
        account: Text = String,
        used: BigInt = i64,
        reserved: BigInt = i64,
    }
    concat!(")", on_conflict!())
}

impl Query for MoveBalances<'_> {
    type SqlType = (Text, BigInt, BigInt);
}

/// Moves balances, in the order given, and gives them as they are then.
async fn balances_move(connection: &mut AsyncPgConnection, moves: Moves) -> QueryResult<Vec<BalanceRow>> {
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let mut update = MoveBalances::default();
    for (account, change) in moves {
        update.account.push(account);
        update.used.push(change.used);
        update.reserved.push(change.reserved);
    }
    update.load(connection).await
}
