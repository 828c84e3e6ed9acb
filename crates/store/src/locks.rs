//! How a transaction has for itself what has no row yet, or many: the codes of an address, a sign-in, a subject of another
//! issuer. A lock lasts until its transaction ends.
//!
//! Whoever takes one takes it before it changes any row, and takes no second one: nobody waits in a circle.

use crate::error::Result;
use crate::pools::Lite;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// A connection in a transaction.
pub(crate) trait LockName {
    /// Waits until no other transaction has `name`. Its next statement sees what those have committed.
    async fn lock_name(&mut self, name: &str) -> Result<()>;
}

impl LockName for Lite {
    /// A transaction that may write is alone on its file.
    async fn lock_name(&mut self, _name: &str) -> Result<()> {
        Ok(())
    }
}

impl LockName for AsyncPgConnection {
    /// Two names that share a number only wait for each other.
    async fn lock_name(&mut self, name: &str) -> Result<()> {
        let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
        lock.bind::<Text, _>(name).execute(self).await?;
        Ok(())
    }
}
