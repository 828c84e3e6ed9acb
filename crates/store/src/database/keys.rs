//! The change to another key.

use super::Database;
use crate::cipher::{proof, secret, words};
use crate::rotate::{self, Column, Held, Rotated};
use crate::types::Id;
use parlor_domain::ports::StoreError;
use std::time::Duration;
use uuid::Uuid;

/// How often is looked for what is due, as what others held the first time.
const PASSES: u32 = 5;
/// How long is waited before it is looked again.
const PAUSE: Duration = Duration::from_millis(200);

const DOING: &str = "encrypt with the current key";

impl Database {
    /// Encrypts everything that is plain, or under another key, with the current key, and keys the fingerprints that are
    /// plain: a few rows at a time, beside servers that go on. It may be broken off, and begun again, at any time.
    /// `progress` is told what was done so far.
    ///
    /// To change a key, give the new one to every server, behind the old one; then put it in front everywhere; then call
    /// this. When it says that nothing is [left](Rotated::left) the old key can be taken away: the database then asks
    /// for the current one alone.
    ///
    /// In the end an SQLite file is written anew, so that nothing of what was overwritten stays in it. That takes its size
    /// again in the system's folder for temporary files, and other writers wait so long. PostgreSQL keeps overwritten
    /// rows until `VACUUM FULL`, and as long in its own log and in copies.
    ///
    /// Errors: the database has no keys, failed, or its file is in use all the time by somebody who reads.
    pub async fn rotate_keys(
        &self,
        mut progress: impl FnMut(&Rotated) + Send,
    ) -> Result<Rotated, StoreError> {
        let mut rotated = Rotated::default();
        for pass in 0..PASSES {
            if pass > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let held = if pass + 1 < PASSES { Held::Skipped } else { Held::Awaited };
            if !self.rotate_once(held, &mut rotated, &mut progress).await? {
                break;
            }
        }
        for column in Column::ALL {
            rotated.left += self.read(DOING, move |pools| rotate::left(pools, column)).await?;
        }
        self.repeat(DOING, secret::seal_anew).await?;
        self.repeat(DOING, async |pools| words::empty(&pools).await).await?;
        self.repeat("clean the file after its encryption", rotate::clean).await?;
        if rotated.left == 0 {
            self.repeat(DOING, proof::forget_others).await?;
        }
        Ok(rotated)
    }

    /// Looks through all columns once. False where nothing was due.
    async fn rotate_once(
        &self,
        held: Held,
        rotated: &mut Rotated,
        progress: &mut (impl FnMut(&Rotated) + Send),
    ) -> Result<bool, StoreError> {
        let mut found = false;
        for column in Column::ALL {
            let mut after = Id(Uuid::nil());
            while let Some(batch) =
                self.repeat(DOING, move |pools| rotate::batch(pools, column, after, held)).await?
            {
                (after, found) = (batch.through, true);
                rotated.count(column, batch.changed);
                progress(rotated);
            }
        }
        Ok(found)
    }
}
