//! People with accounts.

use crate::error::{Error, Result};
use crate::pools::{Pools, change, read};
use crate::schema::users;
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{Role, User};
use parlor_domain::{Timestamp, UserId};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct UserRow {
    id: Id,
    email: String,
    role: String,
    created_at: At,
}

impl UserRow {
    fn into_user(self) -> Result<User> {
        let role = self.role.parse().map_err(|_| Error::Corrupt("users"))?;
        Ok(User { id: self.id.into(), email: self.email, role, created_at: self.created_at.into() })
    }
}

pub(crate) async fn get(pools: Pools, id: UserId) -> Result<Option<User>> {
    let row = read!(&pools, |conn| {
        users::table.find(Id::from(id)).select(UserRow::as_select()).get_result(conn).await.optional()?
    });
    row.map(UserRow::into_user).transpose()
}

pub(crate) async fn ensure(pools: Pools, email: String, role: Option<Role>, now: Timestamp) -> Result<User> {
    let user = UserRow {
        id: UserId::new().into(),
        email: email.to_lowercase(),
        role: role.unwrap_or_default().as_str().to_owned(),
        created_at: now.into(),
    };
    let row: UserRow = change!(&pools, |conn| {
        let insert = diesel::insert_into(users::table).values(&user).on_conflict(users::email).do_update();
        let returning = UserRow::as_returning();
        let row = if role.is_some() {
            insert.set(users::role.eq(excluded(users::role))).returning(returning).get_result(conn).await?
        } else {
            // A change that changes nothing, so that the row comes back.
            insert.set(users::email.eq(excluded(users::email))).returning(returning).get_result(conn).await?
        };
        Ok(row)
    })?;
    row.into_user()
}
