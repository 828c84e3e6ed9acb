//! What the log as a whole knows of itself.

use crate::error::{Error, Result};
use crate::pools::{Pools, change, read};
use crate::schema::{conversations, server_state, users};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::Totals;
use uuid::Uuid;

const EPOCH: &str = "epoch";

/// Conversations, the rooms among them, and their messages, which are counted where they are stored.
const COUNTS: &str = "count(*), count(conversations.room_id), \
     CAST(coalesce(sum(conversations.message_count), 0) AS bigint)";

/// Asks the database for an answer of any kind.
pub(crate) async fn ping(pools: Pools) -> Result<()> {
    let answer = read!(&pools, |conn| {
        diesel::select(1_i32.into_sql::<diesel::sql_types::Integer>()).get_result::<i32>(conn).await?
    });
    if answer == 1 { Ok(()) } else { Err(Error::Corrupt("a constant")) }
}

pub(crate) async fn epoch(pools: Pools) -> Result<String> {
    let query = server_state::table.find(EPOCH).select(server_state::value);
    let value: Option<String> = read!(&pools, |conn| query.get_result(conn).await.optional()?);
    value.ok_or(Error::Corrupt("server_state"))
}

pub(crate) async fn new_epoch(pools: Pools) -> Result<String> {
    let epoch = Uuid::new_v4().simple().to_string();
    change!(&pools, |conn| {
        diesel::update(server_state::table.find(EPOCH))
            .set(server_state::value.eq(&epoch))
            .execute(conn)
            .await?;
        Ok(())
    })?;
    Ok(epoch)
}

pub(crate) async fn totals(pools: Pools) -> Result<Totals> {
    let counts = || {
        conversations::table.filter(conversations::deleted_at.is_null()).select(diesel::dsl::sql::<(
            BigInt,
            BigInt,
            BigInt,
        )>(COUNTS))
    };
    let ((conversations, rooms, messages), users): ((i64, i64, i64), i64) = read!(&pools, |conn| {
        (counts().get_result(conn).await?, users::table.count().get_result(conn).await?)
    });
    Ok(Totals {
        users: users.unsigned_abs(),
        conversations: conversations.unsigned_abs(),
        rooms: rooms.unsigned_abs(),
        messages: messages.unsigned_abs(),
    })
}
