//! `parlor token`: an access token for a user, who is made if need be. It is in the audit log before it is printed.

use super::{answer, audit};
use crate::cli::Token;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring;
use parlor_domain::ports::{AuditAction, AuditEntry, Clock, Store, SystemClock};
use std::sync::Arc;

/// Prints one, alone on its line.
pub(crate) async fn run(settings: &Settings, wanted: Token) -> Result<(), Failure> {
    let store = wiring::store(settings, false).await?;
    let issued = issue(settings, &store, &wanted).await;
    store.close().await;
    answer(&format!("{}\n", issued?))
}

async fn issue(settings: &Settings, store: &dyn Store, wanted: &Token) -> Result<String, Failure> {
    let tokens = wiring::tokens(settings, Arc::new(SystemClock))?;
    let now = SystemClock.now();
    let user = store.user_ensure(&wanted.email, wanted.role, now).await;
    let user = user.map_err(|error| Failure::while_doing("the user could not be made", &error))?;
    let token = tokens.issue(user.id, user.role, wanted.ttl, now);
    let token = token.map_err(|error| Failure::while_doing("no token", &error))?;
    let entry = AuditEntry { account: Some(user.email), ..AuditEntry::new(AuditAction::TokenIssue, now) };
    audit(store, entry).await?;
    Ok(token)
}
