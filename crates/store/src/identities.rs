//! Who the subjects of other issuers are here.

use crate::error::Result;
use crate::locks::LockName;
use crate::pools::{Pools, change, read};
use crate::schema::{identities, users};
use crate::types::At;
use crate::users::{UserRow, ensured};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::Timestamp;
use parlor_domain::ports::{ForeignIdentity, User};
use std::sync::Arc;

/// The user that a subject is.
#[diesel::dsl::auto_type]
fn known<'a>(issuer: &'a str, subject: &'a str) -> _ {
    let of_issuer = identities::issuer.eq(issuer);
    let of_subject = identities::subject.eq(subject);
    identities::table.inner_join(users::table).filter(of_issuer).filter(of_subject)
}

/// Nearly always they are known, and nothing has to be changed. An account that is there keeps its name.
pub(crate) async fn user(pools: Pools, identity: Arc<ForeignIdentity>, now: Timestamp) -> Result<User> {
    let ForeignIdentity { issuer, subject, email, placeholder, username } = &*identity;
    let found: Option<UserRow> = read!(&pools, |conn| {
        known(issuer, subject).select(UserRow::as_select()).get_result(conn).await.optional()?
    });
    if let Some(row) = found {
        return row.into_user(pools.cipher());
    }
    let new = UserRow::new(email.as_ref().unwrap_or(placeholder), username.as_deref(), now);
    let row: UserRow = change!(&pools, |conn| {
        conn.lock_name(&format!("identity {subject} of {issuer}")).await?;
        let known = known(issuer, subject).select(UserRow::as_select());
        if let Some(row) = known.get_result(conn).await.optional()? {
            return Ok(row);
        }
        let row = ensured!(conn, &new);
        let columns = (
            identities::issuer.eq(issuer),
            identities::subject.eq(subject),
            identities::user_id.eq(row.id),
            identities::created_at.eq(At::from(now)),
        );
        diesel::insert_into(identities::table).values(columns).execute(conn).await?;
        Ok(row)
    })?;
    row.into_user(pools.cipher())
}
