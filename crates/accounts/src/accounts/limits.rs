//! How often one address may be tried, from wherever. It is counted in the store, so that it holds over nodes and restarts,
//! and before the work is done, so that it holds for what is tried at the same time.
//!
//! Whoever knows an address can use these counts up and so keep its owner out, for the length of a window. That is the
//! price of codes and passwords that cannot be guessed from many addresses at once. Mails are counted for each purpose:
//! a stranger can ask for sign-ups alone.

use crate::settings::{AccountSettings, Allowance};
use parlor_domain::ports::{Clock, CodePurpose, CredentialStore};
use parlor_domain::{ErrorCode, Refusal};
use std::net::IpAddr;
use std::sync::Arc;

/// The limits of all addresses.
pub(super) struct Limits {
    store: Arc<dyn CredentialStore>,
    clock: Arc<dyn Clock>,
    passwords: Allowance,
    guesses: Allowance,
    mails: Allowance,
    guests: Allowance,
}

impl Limits {
    pub(super) fn new(
        store: Arc<dyn CredentialStore>,
        clock: Arc<dyn Clock>,
        settings: &AccountSettings,
    ) -> Self {
        let AccountSettings { wrong_passwords, guesses, mails, guests, .. } = *settings;
        Self { store, clock, passwords: wrong_passwords, guesses, mails, guests }
    }

    /// Counts a password, before it is known whether it is right. Errors, of all of these: `RATE_LIMIT`, `INTERNAL`.
    pub(super) async fn password(&self, email: &str) -> Result<(), Refusal> {
        self.count(&format!("password:{email}"), self.passwords).await
    }

    /// Forgets the passwords of an address.
    pub(super) async fn password_was_right(&self, email: &str) -> Result<(), Refusal> {
        self.clear(&format!("password:{email}")).await
    }

    /// Counts a guess at a code.
    pub(super) async fn guess(&self, purpose: CodePurpose, email: &str) -> Result<(), Refusal> {
        self.count(&format!("guess:{}:{email}", purpose.as_str()), self.guesses).await
    }

    /// Forgets the guesses at codes of an address.
    pub(super) async fn guess_was_right(&self, purpose: CodePurpose, email: &str) -> Result<(), Refusal> {
        self.clear(&format!("guess:{}:{email}", purpose.as_str())).await
    }

    /// Counts a mail.
    pub(super) async fn mail(&self, purpose: CodePurpose, email: &str) -> Result<(), Refusal> {
        self.count(&format!("mail:{}:{email}", purpose.as_str()), self.mails).await
    }

    /// Counts a guest of a household.
    pub(super) async fn guest(&self, from: IpAddr) -> Result<(), Refusal> {
        self.count(&format!("guest:{from}"), self.guests).await
    }

    async fn count(&self, key: &str, allowed: Allowance) -> Result<(), Refusal> {
        let now = self.clock.now();
        let counted = self.store.count(key, allowed.window, now).await;
        let counted = counted.map_err(|error| Refusal::internal(&error))?;
        if counted.count > allowed.times {
            return Err(Refusal::retry_after(ErrorCode::RateLimit, counted.until.since(now)));
        }
        Ok(())
    }

    async fn clear(&self, key: &str) -> Result<(), Refusal> {
        self.store.count_clear(key).await.map_err(|error| Refusal::internal(&error))
    }
}
