//! Refresh tokens. Those of one sign-in change one transaction after the other, and so does the sign-in's end: what is
//! exchanged while it ends is gone with it.

use crate::error::Result;
use crate::grants::{is_revoked, name};
use crate::locks::LockName;
use crate::pools::{Pools, change, read};
use crate::schema::{refresh_tokens, users};
use crate::types::{At, Id};
use crate::users::UserRow;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{Digest, GrantId, NewRefreshToken, Rotated};
use parlor_domain::{Timestamp, UserId};

#[derive(Insertable)]
#[diesel(table_name = refresh_tokens)]
struct TokenRow<'a> {
    hash: &'a [u8],
    grant_id: Id,
    user_id: Id,
    created_at: At,
    expires_at: At,
}

/// Keeps a token; the same one twice is one. Of a sign-in that was ended none is kept.
pub(crate) async fn create(pools: Pools, token: NewRefreshToken) -> Result<()> {
    let NewRefreshToken { hash, grant, user, at, expires_at } = token;
    let row = TokenRow {
        hash: &hash,
        grant_id: grant.into(),
        user_id: user.into(),
        created_at: at.into(),
        expires_at: expires_at.into(),
    };
    change!(&pools, |conn| {
        conn.lock_name(&name(grant)).await?;
        if is_revoked!(conn, row.grant_id) {
            return Ok(());
        }
        diesel::insert_into(refresh_tokens::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        Ok(())
    })
}

/// What became of an exchange, with the user's row.
enum Done {
    Fresh(UserRow, Id),
    Reused(Id, Id),
    Unknown,
}

/// Where the same is done twice, because its outcome was not known, the second time finds the next token there.
pub(crate) async fn rotate(
    pools: Pools,
    hash: Digest,
    next: Digest,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<Rotated> {
    let now = At::from(now);
    let done: Done = change!(&pools, |conn| {
        let token = refresh_tokens::table.find(&hash[..]).filter(refresh_tokens::expires_at.gt(now));
        let of = token.select(refresh_tokens::grant_id).get_result::<Id>(conn).await.optional()?;
        let Some(grant) = of else { return Ok(Done::Unknown) };
        conn.lock_name(&name(grant.into())).await?;
        // It may have been exchanged or removed until the lock was had.
        let found: Option<(UserRow, Option<At>)> = token
            .inner_join(users::table)
            .select((UserRow::as_select(), refresh_tokens::used_at))
            .get_result(conn)
            .await
            .optional()?;
        let Some((user, used_at)) = found else { return Ok(Done::Unknown) };
        if is_revoked!(conn, grant) {
            return Ok(Done::Unknown);
        }
        if used_at.is_some() {
            let own = refresh_tokens::table.find(&next[..]).filter(refresh_tokens::grant_id.eq(grant));
            let repeated = own.select(refresh_tokens::grant_id).get_result::<Id>(conn).await.optional()?;
            let done =
                if repeated.is_some() { Done::Fresh(user, grant) } else { Done::Reused(user.id, grant) };
            return Ok(done);
        }
        diesel::update(refresh_tokens::table.find(&hash[..]))
            .set(refresh_tokens::used_at.eq(now))
            .execute(conn)
            .await?;
        let row = TokenRow {
            hash: &next,
            grant_id: grant,
            user_id: user.id,
            created_at: now,
            expires_at: expires_at.into(),
        };
        diesel::insert_into(refresh_tokens::table).values(&row).execute(conn).await?;
        Ok(Done::Fresh(user, grant))
    })?;
    Ok(match done {
        Done::Fresh(user, grant) => {
            Rotated::Fresh { user: user.into_user(pools.cipher())?, grant: grant.into() }
        }
        Done::Reused(user, grant) => Rotated::Reused { user: user.into(), grant: grant.into() },
        Done::Unknown => Rotated::Unknown,
    })
}

pub(crate) async fn owner(pools: Pools, hash: Digest, now: Timestamp) -> Result<Option<(UserId, GrantId)>> {
    let row: Option<(Id, Id)> = read!(&pools, |conn| {
        refresh_tokens::table
            .find(&hash[..])
            .filter(refresh_tokens::expires_at.gt(At::from(now)))
            .select((refresh_tokens::user_id, refresh_tokens::grant_id))
            .get_result(conn)
            .await
            .optional()?
    });
    Ok(row.map(|(user, grant)| (user.into(), grant.into())))
}
