//! Codes that go out by mail, and guesses at them. The codes of one address change one transaction after the other, so that
//! nobody who guesses on many nodes at once has more guesses than one who guesses here.

use crate::credentials::NewPassword;
use crate::error::Result;
use crate::locks::LockName;
use crate::pools::{Pools, change};
use crate::schema::{credentials, users, verification_codes};
use crate::types::{At, Id};
use crate::users::{UserRow, ensured};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{CodeGuess, CodePurpose, NewCode, User};
use std::sync::Arc;
use uuid::Uuid;

#[derive(Insertable)]
#[diesel(table_name = verification_codes)]
struct CodeRow<'a> {
    id: Id,
    email: &'a str,
    purpose: &'static str,
    hash: &'a [u8],
    password_hash: Option<&'a str>,
    username: Option<&'a str>,
    created_at: At,
    expires_at: At,
}

/// What counts of a code that was guessed at.
#[derive(Queryable, Selectable)]
#[diesel(table_name = verification_codes, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct GuessedRow {
    id: Id,
    hash: Vec<u8>,
    password_hash: Option<String>,
    username: Option<String>,
    created_at: At,
}

/// The codes of an address for a purpose.
macro_rules! codes_of {
    ($email:expr, $purpose:expr) => {
        verification_codes::table
            .filter(verification_codes::email.eq($email))
            .filter(verification_codes::purpose.eq($purpose.as_str()))
    };
}

fn name(email: &str) -> String {
    format!("codes of {email}")
}

/// Keeps a code under this id: the same one twice is one.
pub(crate) async fn create(pools: Pools, id: Uuid, code: Arc<NewCode>, live: usize) -> Result<()> {
    let NewCode { email, purpose, hash, .. } = &*code;
    let row = CodeRow {
        id: Id(id),
        email,
        purpose: purpose.as_str(),
        hash,
        password_hash: code.password_hash.as_deref(),
        username: code.username.as_deref(),
        created_at: code.at.into(),
        expires_at: code.expires_at.into(),
    };
    change!(&pools, |conn| {
        conn.lock_name(&name(email)).await?;
        let others: Vec<Id> = codes_of!(email, purpose)
            .filter(verification_codes::id.ne(row.id))
            .order((verification_codes::created_at.desc(), verification_codes::id.desc()))
            .select(verification_codes::id)
            .load(conn)
            .await?;
        for over in others.into_iter().skip(live.saturating_sub(1)) {
            diesel::delete(verification_codes::table.find(over)).execute(conn).await?;
        }
        diesel::insert_into(verification_codes::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        Ok(())
    })
}

pub(crate) async fn guess(pools: Pools, guess: CodeGuess) -> Result<Option<User>> {
    let CodeGuess { email, purpose, hash, tries, at } = guess;
    let now = At::from(at);
    let row: Option<UserRow> = change!(&pools, |conn| {
        conn.lock_name(&name(&email)).await?;
        let live = codes_of!(&email, purpose)
            .filter(verification_codes::expires_at.gt(now))
            .filter(verification_codes::tries.lt(i64::from(tries)));
        let guessed: Vec<GuessedRow> = diesel::update(live)
            .set(verification_codes::tries.eq(verification_codes::tries + 1))
            .returning(GuessedRow::as_returning())
            .load(conn)
            .await?;
        let right = guessed.into_iter().filter(|code| code.hash == hash);
        let Some(code) = right.max_by_key(|code| (code.created_at.0, code.id)) else { return Ok(None) };
        diesel::delete(codes_of!(&email, purpose)).execute(conn).await?;
        if purpose == CodePurpose::SignIn {
            let user = users::table.filter(users::email.eq(&email)).select(UserRow::as_select());
            return Ok(user.get_result(conn).await.optional()?);
        }
        let user = ensured!(conn, &UserRow::new(&email, code.username.as_deref(), at));
        let Some(password_hash) = &code.password_hash else { return Ok(Some(user)) };
        let password = NewPassword { user_id: user.id, password_hash, updated_at: now };
        let first = diesel::insert_into(credentials::table).values(&password).on_conflict_do_nothing();
        Ok((first.execute(conn).await? > 0).then_some(user))
    })?;
    row.map(|row| row.into_user(pools.cipher())).transpose()
}
