//! `parlor import-users`: accounts from elsewhere, each with its password's hash.

mod file;

use super::{answer, audit};
use crate::cli::ImportUsers;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring;
use file::Account;
use parlor_domain::ports::{AuditAction, AuditEntry, Clock, CredentialStore, SystemClock};
use parlor_store::Database;

/// Prints how many were imported, and how many were left.
pub(crate) async fn run(settings: &Settings, wanted: &ImportUsers) -> Result<(), Failure> {
    let accounts = file::read(&wanted.file)?;
    let store = wiring::store(settings, false).await?;
    let imported = import(&store, &accounts).await;
    store.close().await;
    let imported = imported?;
    answer(&format!(
        "imported {imported} accounts; {} had a password already and were left as they are\n",
        accounts.len() - imported
    ))
}

/// One after the other, each with its line in the audit log: what was done before a failure is there, and is left as it
/// is by the next run.
async fn import(store: &Database, accounts: &[Account]) -> Result<usize, Failure> {
    let mut imported = 0;
    for Account { email, username, password_hash } in accounts {
        let now = SystemClock.now();
        let user = store.credential_import(email, username.as_deref(), password_hash, now).await;
        let user = user.map_err(|error| {
            Failure::while_doing(&format!("after {imported} accounts, one could not be imported"), &error)
        })?;
        if let Some(user) = user {
            imported += 1;
            let entry = AuditEntry::new(AuditAction::UserImport, now);
            audit(store, AuditEntry { account: Some(user.email), ..entry }).await?;
        }
    }
    Ok(imported)
}
