//! What the log as a whole knows of itself.

use crate::error::{Error, Result};
use crate::pools::{Pools, change, read};
use crate::schema::server_state;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

const EPOCH: &str = "epoch";

/// Asks the database for an answer of any kind.
pub(crate) async fn ping(pools: Pools) -> Result<()> {
    let answer = read!(&pools, |conn| {
        diesel::select(1_i32.into_sql::<diesel::sql_types::Integer>()).get_result::<i32>(conn).await?
    });
    if answer == 1 { Ok(()) } else { Err(Error::Corrupt("a constant")) }
}

pub(crate) async fn epoch(pools: Pools) -> Result<String> {
    let query = server_state::table.find(EPOCH).select(server_state::value);
    let value: Option<String> = read!(&pools, |conn| query.first(conn).await.optional()?);
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
