//! Whether the keyring fits the database: each key that something may be encrypted with has left a proof there.
//!
//! A key that is missing, or another one under the same id, is noticed when the database is opened, and not by the first
//! person who finds their conversations gone.

use super::{Cipher, Place, seal};
use crate::error::{Error, OpenError, Result};
use crate::pools::{Pools, change, read};
use crate::schema::encryption_keys;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

/// What a proof is once it is opened.
const CONSTANT: &str = "parlor";

/// Checks the proofs that are there, and leaves one of the current key. Errors: [`OpenError::KeyMissing`],
/// [`OpenError::KeyDiffers`], and where the database cannot be asked.
pub(crate) async fn check(pools: &Pools) -> Result<(), OpenError> {
    let cipher = pools.cipher();
    let known = check_all(pools, cipher).await?;
    if let Some(current) = cipher.current()
        && !known.iter().any(|id| id == current)
    {
        leave(pools, cipher).await.map_err(unreachable)?;
        // Another node may have been first, with another key.
        check_all(pools, cipher).await?;
    }
    Ok(())
}

fn unreachable(error: Error) -> OpenError {
    OpenError::unreachable("the database's list of keys", error)
}

/// Gives the ids of the keys.
async fn check_all(pools: &Pools, cipher: &Cipher) -> Result<Vec<String>, OpenError> {
    let proofs = proofs(pools).await.map_err(unreachable)?;
    let check = |(id, proof): (String, String)| {
        let Some(key) = cipher.find(&id) else { return Err(OpenError::KeyMissing(id)) };
        let proven = seal::open(&key.cipher, Place::Proof, &proof).is_some_and(|it| it == CONSTANT);
        if proven { Ok(id) } else { Err(OpenError::KeyDiffers(id)) }
    };
    proofs.into_iter().map(check).collect()
}

async fn leave(pools: &Pools, cipher: &Cipher) -> Result<()> {
    let Some(proof) = cipher.seal(Place::Proof, CONSTANT)? else { return Ok(()) };
    let row = (encryption_keys::id.eq(proof.key), encryption_keys::proof.eq(&proof.text));
    change!(pools, |conn| {
        let insert = diesel::insert_into(encryption_keys::table).values(row).on_conflict_do_nothing();
        insert.execute(conn).await?;
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
