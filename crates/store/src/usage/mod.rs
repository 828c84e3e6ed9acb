//! The books: what attempts have used, and what is set aside for those that are not over.
//!
//! They stand beside a message's way: before a backend is asked, its tokens are reserved; once an attempt is over, it is
//! settled. Both are transactions of their own. Either may be tried again where its outcome is not known: a reservation
//! and an attempt are known by their key, and what is there already moves nothing.
//!
//! A transaction moves the balances last, in the order of their names: two of them never wait for each other in a
//! circle, and the balance of a model, which all its users share, is locked for as short as can be.

mod accounts;
mod postgres;
mod reports;
mod rows;
mod sqlite;

pub(crate) use self::reports::{conversations, lines};

use self::rows::{AttemptRow, ReservationRow};
use crate::error::{Error, Result};
use crate::messages::signed;
use crate::pools::{Pools, read};
use crate::schema::{attempts, balances, reservations};
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use parlor_domain::ports::{Account, AttemptRecord, Balance, Reservation, Reserved};
use parlor_domain::{MessageId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// How many reservations of dead nodes are settled at once.
const EXPIRED: i64 = 1_000;

/// The key of an attempt: its turn and its number.
type Key = (Id, i64);

/// How a balance stands: its account, used, reserved.
type BalanceRow = (String, i64, i64);

/// What is added to balances, in the order in which they are locked.
type Moves = BTreeMap<String, Move>;

#[derive(Debug, Clone, Copy, Default)]
struct Move {
    used: i64,
    reserved: i64,
}

/// Why nothing was reserved.
enum Refused {
    /// This account has no room.
    Exceeded(Account),
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<diesel::result::Error> for Refused {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Sets the tokens aside in every account, or in none.
pub(crate) async fn reserve(pools: Pools, reservation: Arc<Reservation>) -> Result<Reserved> {
    let row = ReservationRow::of(&reservation)?;
    let done = match pools {
        Pools::Sqlite { write, .. } => sqlite::reserve(&write, row, reservation).await,
        Pools::Postgres { general, .. } => postgres::reserve(&general, &row, &reservation).await,
    };
    match done {
        Ok(()) => Ok(Reserved::Granted),
        Err(Refused::Exceeded(account)) => Ok(Reserved::Exceeded(account)),
        Err(Refused::Failed(error)) => Err(error),
    }
}

/// What a reservation adds.
fn moves_of(reservation: &Reservation) -> Moves {
    let mut moves = Moves::new();
    for (account, _) in &reservation.accounts {
        let one = moves.entry(account.to_string()).or_default();
        one.reserved = one.reserved.saturating_add(signed(reservation.tokens));
    }
    moves
}

/// Checks the balances as they are with the reservation in them.
fn check_limits(reservation: &Reservation, balances: &[BalanceRow]) -> Result<(), Refused> {
    for (account, limit) in &reservation.accounts {
        let name = account.to_string();
        let balance = balances.iter().find(|balance| balance.0 == name);
        let taken = balance.map_or(0, |(_, used, reserved)| used.unsigned_abs() + reserved.unsigned_abs());
        if limit.is_some_and(|limit| taken > limit) {
            return Err(Refused::Exceeded(account.clone()));
        }
    }
    Ok(())
}

/// Enters lines in the books, each once.
pub(crate) async fn settle(pools: Pools, records: Arc<[AttemptRecord]>) -> Result<()> {
    let rows = records.iter().map(AttemptRow::of).collect::<Result<Vec<_>>>()?;
    settle_rows(pools, rows).await
}

async fn settle_rows(pools: Pools, rows: Vec<AttemptRow>) -> Result<()> {
    let mut lines = BTreeMap::new();
    for row in rows {
        // Of two lines of one attempt the first counts.
        lines.entry(row.key()).or_insert(row);
    }
    if lines.is_empty() {
        return Ok(());
    }
    match pools {
        Pools::Sqlite { write, .. } => sqlite::settle(&write, lines).await,
        Pools::Postgres { general, .. } => postgres::settle(&general, &lines).await,
    }
}

/// What lines that were entered add.
fn use_tokens<'a>(moves: &mut Moves, entered: impl Iterator<Item = &'a AttemptRow>) -> Result<()> {
    for row in entered {
        for account in accounts::names(&row.accounts)? {
            let one = moves.entry(account).or_default();
            one.used = one.used.saturating_add(row.total_tokens());
        }
    }
    Ok(())
}

/// What reservations that were taken away give back: tokens, and the accounts that they were set aside in.
fn give_back(moves: &mut Moves, gone: impl IntoIterator<Item = (i64, String)>) -> Result<()> {
    for (tokens, accounts) in gone {
        for account in accounts::names(&accounts)? {
            let one = moves.entry(account).or_default();
            one.reserved = one.reserved.saturating_sub(tokens);
        }
    }
    Ok(())
}

/// Settles what dead nodes have left. A node that is not dead after all may settle one of them at the same time: then
/// its line or this one is entered.
pub(crate) async fn expire(pools: Pools, node: Uuid, now: Timestamp, alone: bool) -> Result<usize> {
    let over = reservations::expires_at.le(At::from(now));
    let rows: Vec<ReservationRow> = read!(&pools, |conn| {
        let query = reservations::table
            .order(reservations::expires_at)
            .limit(EXPIRED)
            .select(ReservationRow::as_select());
        if alone {
            query.filter(over.or(reservations::node.ne(Id(node)))).load(conn).await?
        } else {
            query.filter(over).load(conn).await?
        }
    });
    let count = rows.len();
    settle_rows(pools, rows.into_iter().map(AttemptRow::lost).collect()).await?;
    Ok(count)
}

pub(crate) async fn balance(pools: Pools, account: String) -> Result<Balance> {
    let query = balances::table.find(account).select((balances::used, balances::reserved));
    let found: Option<(i64, i64)> = read!(&pools, |conn| query.get_result(conn).await.optional()?);
    let (used, reserved) = found.unwrap_or_default();
    Ok(Balance { used: used.unsigned_abs(), reserved: reserved.unsigned_abs() })
}

pub(crate) async fn attempts(pools: Pools, turn: MessageId) -> Result<Vec<AttemptRecord>> {
    let rows: Vec<AttemptRow> = read!(&pools, |conn| {
        attempts::table
            .filter(attempts::turn_id.eq(Id::from(turn)))
            .order(attempts::number)
            .select(AttemptRow::as_select())
            .load(conn)
            .await?
    });
    rows.into_iter().map(AttemptRow::into_record).collect()
}

/// What moves balances after the values of the new row: texts of one statement for either database. What no number of
/// the database can hold becomes the highest that it has.
macro_rules! on_conflict {
    () => {
        " ON CONFLICT (account) DO UPDATE SET \
         used = CASE WHEN excluded.used > 9223372036854775807 - balances.used THEN 9223372036854775807 \
         ELSE balances.used + excluded.used END, \
         reserved = CASE WHEN excluded.reserved > 9223372036854775807 - balances.reserved THEN 9223372036854775807 \
         WHEN balances.reserved + excluded.reserved < 0 THEN 0 \
         ELSE balances.reserved + excluded.reserved END \
         RETURNING account, used, reserved"
    };
}
use on_conflict;
