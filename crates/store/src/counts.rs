//! How often something happened in a window of time. One statement counts, so that it is exact however many do it at once.

use crate::error::Result;
use crate::pools::{Pools, change};
use crate::schema::counts;
use crate::types::At;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::Timestamp;
use parlor_domain::ports::Count;
use std::time::Duration;

pub(crate) async fn count(pools: Pools, key: String, window: Duration, now: Timestamp) -> Result<Count> {
    let (start, end) = (At::from(now), At::from(now.plus(window)));
    let (times, until): (i64, At) = change!(&pools, |conn| {
        let over = || counts::until.le(start);
        let counted = diesel::insert_into(counts::table)
            .values((counts::key.eq(&key), counts::times.eq(1), counts::until.eq(end)))
            .on_conflict(counts::key)
            .do_update()
            .set((
                counts::times.eq(case_when(over(), excluded(counts::times)).otherwise(counts::times + 1)),
                counts::until.eq(case_when(over(), excluded(counts::until)).otherwise(counts::until)),
            ))
            .returning((counts::times, counts::until));
        Ok(counted.get_result(conn).await?)
    })?;
    Ok(Count { count: u32::try_from(times).unwrap_or(u32::MAX), until: until.into() })
}

pub(crate) async fn clear(pools: Pools, key: String) -> Result<()> {
    change!(&pools, |conn| {
        diesel::delete(counts::table.find(&key)).execute(conn).await?;
        Ok(())
    })
}
