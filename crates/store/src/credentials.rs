//! The passwords of accounts, as hashes.

use crate::error::Result;
use crate::pools::{Pools, change, read};
use crate::schema::{credentials, users};
use crate::types::{At, Id};
use crate::users::{UserRow, ensured};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{Clock, Credential, SystemClock, User};
use parlor_domain::{Timestamp, UserId};

/// A user's first password. Where they have one, it stays.
#[derive(Insertable)]
#[diesel(table_name = credentials)]
pub(crate) struct NewPassword<'a> {
    pub(crate) user_id: Id,
    pub(crate) password_hash: &'a str,
    pub(crate) updated_at: At,
}

pub(crate) async fn find(pools: Pools, email: String) -> Result<Option<Credential>> {
    let row: Option<(UserRow, Option<String>)> = read!(&pools, |conn| {
        users::table
            .left_join(credentials::table)
            .filter(users::email.eq(&email))
            .select((UserRow::as_select(), credentials::password_hash.nullable()))
            .get_result(conn)
            .await
            .optional()?
    });
    let credential = |(user, password_hash): (UserRow, _)| {
        Ok(Credential { user: user.into_user(pools.cipher())?, password_hash })
    };
    row.map(credential).transpose()
}

pub(crate) async fn replace(pools: Pools, user: UserId, old: String, new: String) -> Result<bool> {
    let now = At::from(SystemClock.now());
    change!(&pools, |conn| {
        let same = credentials::table.find(Id::from(user)).filter(credentials::password_hash.eq(&old));
        let columns = (credentials::password_hash.eq(&new), credentials::updated_at.eq(now));
        Ok(diesel::update(same).set(columns).execute(conn).await? > 0)
    })
}

/// An account that is there keeps its name.
pub(crate) async fn import(
    pools: Pools,
    email: String,
    username: Option<String>,
    password_hash: String,
    now: Timestamp,
) -> Result<Option<User>> {
    let new = UserRow::new(&email, username.as_deref(), now);
    let row: Option<UserRow> = change!(&pools, |conn| {
        let user = ensured!(conn, &new);
        let password =
            NewPassword { user_id: user.id, password_hash: &password_hash, updated_at: now.into() };
        let first = diesel::insert_into(credentials::table).values(&password).on_conflict_do_nothing();
        Ok((first.execute(conn).await? > 0).then_some(user))
    })?;
    row.map(|row| row.into_user(pools.cipher())).transpose()
}
