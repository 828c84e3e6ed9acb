//! Whether the keyring fits the database: each key that something may be encrypted with has left a proof there.
//!
//! A key that is missing, or another one under the same id, is noticed when the database is opened, and not by the first
//! person who finds their conversations gone.

use super::keyring::{Key, Keyring};
use super::{Place, seal, secret};
use crate::error::{Error, OpenError, Result};
use crate::pools::{Pools, change, read};
use crate::schema::{encryption_keys, encryption_secrets};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use std::collections::BTreeSet;

/// What a proof is once it is opened.
const CONSTANT: &str = "parlor";

/// Checks the proofs that are there, and leaves one of the current key. Errors: [`OpenError::KeyMissing`],
/// [`OpenError::KeyDiffers`], and where the database cannot be asked.
pub(crate) async fn check(pools: &Pools, keyring: Option<&Keyring>) -> Result<(), OpenError> {
    let known = check_all(pools, keyring).await?;
    let Some(current) = keyring.map(Keyring::current) else { return Ok(()) };
    if known.contains(&*current.id) {
        return Ok(());
    }
    leave(pools, current, known.is_empty()).await.map_err(unreachable)?;
    // Another node may have been first, with another key.
    check_all(pools, keyring).await?;
    Ok(())
}

fn unreachable(error: Error) -> OpenError {
    OpenError::unreachable("the database's list of keys", error)
}

/// Gives the ids of the keys.
async fn check_all(pools: &Pools, keyring: Option<&Keyring>) -> Result<BTreeSet<String>, OpenError> {
    let proofs = proofs(pools).await.map_err(unreachable)?;
    let check = |(id, proof): (String, String)| {
        let Some(key) = keyring.and_then(|keyring| keyring.find(&id)) else {
            return Err(OpenError::KeyMissing(id));
        };
        let proven = seal::open(&key.cipher, Place::Proof, &proof).is_some_and(|it| it == CONSTANT);
        if proven { Ok(id) } else { Err(OpenError::KeyDiffers(id)) }
    };
    proofs.into_iter().map(check).collect()
}

/// Leaves a proof; with the first one the secret, in the same transaction, so that there is never a key without. Of
/// several nodes that are first at once one has its way.
async fn leave(pools: &Pools, key: &Key, first: bool) -> Result<()> {
    let proof = seal::seal(&key.cipher, Place::Proof, CONSTANT)?;
    let proof = (encryption_keys::id.eq(&*key.id), encryption_keys::proof.eq(&*proof));
    let secret = if first { Some(secret::fresh(key)?) } else { None };
    let secret = secret.as_ref().map(|(name, sealed, id)| {
        use encryption_secrets as columns;
        (columns::name.eq(*name), columns::sealed.eq(&**sealed), columns::key_id.eq(*id))
    });
    change!(pools, |conn| {
        let insert = diesel::insert_into(encryption_keys::table).values(proof).on_conflict_do_nothing();
        insert.execute(conn).await?;
        if let Some(secret) = secret {
            let insert = diesel::insert_into(encryption_secrets::table).values(secret);
            insert.on_conflict_do_nothing().execute(conn).await?;
        }
        Ok(())
    })
}

async fn proofs(pools: &Pools) -> Result<Vec<(String, String)>> {
    let query = encryption_keys::table.order(encryption_keys::id);
    Ok(read!(pools, |conn| query.load(conn).await?))
}

/// Forgets all keys but the current one: nothing is encrypted with them any more.
pub(crate) async fn forget_others(pools: Pools) -> Result<()> {
    let current = pools.cipher().current().ok_or(Error::NoKeys)?;
    change!(&pools, |conn| {
        diesel::delete(encryption_keys::table.filter(encryption_keys::id.ne(current))).execute(conn).await?;
        Ok(())
    })
}
