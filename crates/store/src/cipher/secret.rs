//! Where the secret of the fingerprints is kept: in the database, sealed with one of its keys.
//!
//! It is made together with the proof of the first key, and never again: with another one no resend of what is there would
//! be recognised. The reference to its key keeps that from being forgotten.

use super::fingerprint::Secret;
use super::keyring::{Key, Keyring};
use crate::error::{Error, OpenError, Result};
use crate::pools::{Pools, change, read};
use crate::schema::encryption_secrets;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

const NAME: &str = "fingerprints";

/// One that nobody has yet, sealed, as a row of `encryption_secrets`: name, itself, key.
pub(super) fn fresh(key: &Key) -> Result<(&'static str, String, &str)> {
    Ok((NAME, Secret::random()?.seal(key)?, &key.id))
}

/// Reads and opens it. Errors: [`OpenError::SecretMissing`], [`OpenError::KeyMissing`], [`OpenError::SecretUnreadable`],
/// and where the database cannot be asked.
pub(super) async fn load(pools: &Pools, keyring: &Keyring) -> Result<Secret, OpenError> {
    let found = find(pools).await.map_err(|error| OpenError::unreachable("the database's secrets", error))?;
    let (sealed, id) = found.ok_or(OpenError::SecretMissing)?;
    let Some(key) = keyring.find(&id) else { return Err(OpenError::KeyMissing(id)) };
    Secret::open(key, &sealed).ok_or(OpenError::SecretUnreadable(id))
}

async fn find(pools: &Pools) -> Result<Option<(String, String)>> {
    let query =
        encryption_secrets::table.find(NAME).select((encryption_secrets::sealed, encryption_secrets::key_id));
    Ok(read!(pools, |conn| query.first(conn).await.optional()?))
}

/// Seals it with the current key, where it is under another.
pub(crate) async fn seal_anew(pools: Pools) -> Result<()> {
    let keys = pools.cipher().0.as_ref().ok_or(Error::NoKeys)?;
    let current = keys.keyring.current();
    let sealed = keys.secret.seal(current)?;
    let due = encryption_secrets::table.find(NAME).filter(encryption_secrets::key_id.ne(&*current.id));
    let values = (encryption_secrets::sealed.eq(&*sealed), encryption_secrets::key_id.eq(&*current.id));
    change!(&pools, |conn| {
        diesel::update(due).set(values).execute(conn).await?;
        Ok(())
    })
}
