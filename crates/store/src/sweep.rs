//! What is over is forgotten: codes, refresh tokens, revocations, counts.

use crate::error::Result;
use crate::pools::{Pools, change};
use crate::types::{At, sql};
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::Timestamp;

/// Removes a thousand rows at most, so that nobody who writes waits for long.
macro_rules! statement {
    ($table:literal, $key:literal, $end:literal, $now:literal, $held:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $end,
            " <= ",
            $now,
            " LIMIT 1000",
            $held,
            ")"
        )
    };
}

macro_rules! sweep {
    ($table:literal, $key:literal, $end:literal) => {
        Sweep {
            sqlite: statement!($table, $key, $end, "?", ""),
            // A row that somebody holds is left to the next time: who waits for no row is in nobody's circle.
            postgres: statement!($table, $key, $end, "$1", " FOR UPDATE SKIP LOCKED"),
        }
    };
}

/// One table's statement for either database.
struct Sweep {
    sqlite: &'static str,
    postgres: &'static str,
}

const SWEEPS: [Sweep; 4] = [
    sweep!("verification_codes", "id", "expires_at"),
    sweep!("refresh_tokens", "hash", "expires_at"),
    sweep!("revoked_tokens", "grant_id", "until"),
    sweep!("counts", "key", "until"),
];

/// In steps, each a transaction. Gives how many rows there were.
pub(crate) async fn sweep(pools: Pools, now: Timestamp) -> Result<usize> {
    let mut removed = 0;
    for Sweep { sqlite, postgres } in &SWEEPS {
        let statement = if matches!(pools, Pools::Sqlite { .. }) { sqlite } else { postgres };
        loop {
            let rows: usize = change!(&pools, |conn| {
                let delete = diesel::sql_query(*statement).bind::<sql::Instant, _>(At::from(now));
                Ok(delete.execute(conn).await?)
            })?;
            removed += rows;
            if rows == 0 {
                break;
            }
        }
    }
    Ok(removed)
}
