//! People with accounts.

use crate::cipher::{Cipher, Place};
use crate::error::{Error, Result};
use crate::pools::{Pools, change, read};
use crate::schema::users;
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{Role, User, UserChange};
use parlor_domain::{Timestamp, UserId};
use std::sync::Arc;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct UserRow {
    pub(crate) id: Id,
    email: String,
    role: String,
    created_at: At,
    username: Option<String>,
    profile: Option<String>,
    profile_key: Option<String>,
}

impl UserRow {
    /// Somebody who has no account yet: a plain user.
    pub(crate) fn new(email: &str, username: Option<&str>, now: Timestamp) -> Self {
        Self {
            id: UserId::new().into(),
            email: email.to_lowercase(),
            role: Role::default().as_str().to_owned(),
            created_at: now.into(),
            username: username.map(ToOwned::to_owned),
            profile: None,
            profile_key: None,
        }
    }

    /// Errors: their profile cannot be opened, or the row makes no sense.
    pub(crate) fn into_user(self, cipher: &Cipher) -> Result<User> {
        let place = Place::Profile(self.id);
        let profile = cipher.open_some(place, self.profile_key.as_deref(), self.profile)?;
        let role = self.role.parse().map_err(|_| Error::Corrupt("users"))?;
        Ok(User {
            id: self.id.into(),
            email: self.email,
            name: self.username,
            role,
            created_at: self.created_at.into(),
            profile: profile.map(Arc::from),
        })
    }
}

/// `ensured!(conn, &row)`: inside a transaction, the row of the user with the address of `row`, who is made of it if there
/// is none. Who makes the same one at once waits here.
macro_rules! ensured {
    ($conn:expr, $row:expr) => {
        diesel::insert_into($crate::schema::users::table)
            .values($row)
            .on_conflict($crate::schema::users::email)
            .do_update()
            // A change that changes nothing, so that the row comes back.
            .set($crate::schema::users::email.eq(diesel::upsert::excluded($crate::schema::users::email)))
            .returning($crate::users::UserRow::as_returning())
            .get_result::<$crate::users::UserRow>($conn)
            .await?
    };
}
pub(crate) use ensured;

pub(crate) async fn get(pools: Pools, id: UserId) -> Result<Option<User>> {
    let row = read!(&pools, |conn| {
        users::table.find(Id::from(id)).select(UserRow::as_select()).get_result(conn).await.optional()?
    });
    row.map(|row| row.into_user(pools.cipher())).transpose()
}

pub(crate) async fn ensure(pools: Pools, email: String, role: Option<Role>, now: Timestamp) -> Result<User> {
    let role = role.map(|role| role.as_str().to_owned());
    let plain = UserRow::new(&email, None, now);
    let user = UserRow { role: role.clone().unwrap_or_else(|| plain.role.clone()), ..plain };
    let row: UserRow = change!(&pools, |conn| {
        if role.is_none() {
            return Ok(ensured!(conn, &user));
        }
        let insert = diesel::insert_into(users::table).values(&user).on_conflict(users::email).do_update();
        let given = insert.set(users::role.eq(excluded(users::role))).returning(UserRow::as_returning());
        Ok(given.get_result(conn).await?)
    })?;
    row.into_user(pools.cipher())
}

pub(crate) async fn update(pools: Pools, id: UserId, new: UserChange) -> Result<Option<User>> {
    let UserChange { username, profile } = new;
    if username.is_none() && profile.is_none() {
        return get(pools, id).await;
    }
    let sealed = profile.as_deref().map(|profile| pools.cipher().seal(Place::Profile(id.into()), profile));
    let sealed = sealed.transpose()?.flatten();
    let (text, key) = match &sealed {
        Some(sealed) => (Some(&*sealed.text), Some(sealed.key)),
        None => (profile.as_deref(), None),
    };
    let columns = (
        username.as_ref().map(|username| users::username.eq(username)),
        text.map(|text| (users::profile.eq(text), users::profile_key.eq(key))),
    );
    let row: Option<UserRow> = change!(&pools, |conn| {
        let update = diesel::update(users::table.find(Id::from(id))).set(columns);
        Ok(update.returning(UserRow::as_returning()).get_result(conn).await.optional()?)
    })?;
    row.map(|row| row.into_user(pools.cipher())).transpose()
}
