//! Sign-ins that were ended before their tokens are over.

use crate::audit::{AuditRow, audit_insert};
use crate::error::Result;
use crate::locks::LockName;
use crate::pools::{Pools, change, read};
use crate::schema::{refresh_tokens, revoked_tokens};
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::Timestamp;
use parlor_domain::ports::{GrantId, Revocation};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = revoked_tokens, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct RevokedRow {
    grant_id: Id,
    user_id: Id,
    revoked_at: At,
    until: At,
}

impl From<Revocation> for RevokedRow {
    fn from(Revocation { grant, user, at, until }: Revocation) -> Self {
        Self { grant_id: grant.into(), user_id: user.into(), revoked_at: at.into(), until: until.into() }
    }
}

impl From<RevokedRow> for Revocation {
    fn from(row: RevokedRow) -> Self {
        let RevokedRow { grant_id, user_id, revoked_at, until } = row;
        Self { grant: grant_id.into(), user: user_id.into(), at: revoked_at.into(), until: until.into() }
    }
}

/// The lock on what belongs to a sign-in.
pub(crate) fn name(grant: GrantId) -> String {
    format!("grant {grant}")
}

/// `is_revoked!(conn, grant)`: whether the sign-in was ended. Under its lock that stays so for the transaction.
macro_rules! is_revoked {
    ($conn:expr, $grant:expr) => {{
        use $crate::schema::revoked_tokens;
        let found = revoked_tokens::table.find($grant).select(revoked_tokens::grant_id);
        found.get_result::<$crate::types::Id>($conn).await.optional()?.is_some()
    }};
}
pub(crate) use is_revoked;

/// Ends a sign-in. Where that was done and this one lasts longer, it counts as made anew, so that nodes which have read of
/// the first one learn of it.
pub(crate) async fn revoke(pools: Pools, revocation: Revocation, entry: AuditRow) -> Result<()> {
    let row = RevokedRow::from(revocation);
    change!(&pools, |conn| {
        conn.lock_name(&name(revocation.grant)).await?;
        let insert = diesel::insert_into(revoked_tokens::table).values(&row).on_conflict_do_nothing();
        if insert.execute(conn).await? == 0 {
            let shorter =
                revoked_tokens::table.find(row.grant_id).filter(revoked_tokens::until.lt(row.until));
            let columns =
                (revoked_tokens::revoked_at.eq(row.revoked_at), revoked_tokens::until.eq(row.until));
            diesel::update(shorter).set(columns).execute(conn).await?;
        }
        let tokens = refresh_tokens::table.filter(refresh_tokens::grant_id.eq(row.grant_id));
        diesel::delete(tokens).execute(conn).await?;
        audit_insert!(&entry).execute(conn).await?;
        Ok(())
    })
}

/// The earliest first.
pub(crate) async fn revoked(
    pools: Pools,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<Revocation>> {
    let rows: Vec<RevokedRow> = read!(&pools, |conn| {
        let living = revoked_tokens::table
            .filter(revoked_tokens::until.gt(At::from(now)))
            .order((revoked_tokens::revoked_at, revoked_tokens::grant_id))
            .select(RevokedRow::as_select());
        match since {
            Some(since) => living.filter(revoked_tokens::revoked_at.ge(At::from(since))).load(conn).await?,
            None => living.load(conn).await?,
        }
    });
    Ok(rows.into_iter().map(Revocation::from).collect())
}
