//! Which users an issuer's subjects are: found or made in the store, and known in memory for a minute, so that a
//! connection costs no query.

use super::claims::Claims;
use crate::{digest, normalise_address};
use parking_lot::Mutex;
use parlor_domain::ports::{Clock, CredentialStore, ForeignIdentity, Role};
use parlor_domain::{ErrorCode, UserId};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// How long a subject is known, and with it the user's role.
const KNOWN: Duration = Duration::from_secs(60);
/// How many are known at most. When there are more, all are looked up anew.
const KNOWN_MAX: usize = 50_000;
/// The longest name that others see, in bytes.
const USERNAME_MAX: usize = 64;
/// How much of a subject stands in its placeholder, in bytes.
const READABLE: usize = 32;

/// What is to be known of a user here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) id: UserId,
    pub(super) role: Role,
    until: Duration,
}

pub(super) struct Users {
    issuer: String,
    store: Arc<dyn CredentialStore>,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<String, Known>>,
}

impl Users {
    pub(super) fn new(issuer: String, store: Arc<dyn CredentialStore>, clock: Arc<dyn Clock>) -> Self {
        Self { issuer, store, clock, known: Mutex::default() }
    }

    /// The user that a token's subject is. Error: `INTERNAL`.
    pub(super) async fn user_of(&self, claims: Claims) -> Result<Known, ErrorCode> {
        let known = self.known.lock().get(&claims.sub).copied();
        if let Some(known) = known.filter(|it| it.until > self.clock.monotonic()) {
            return Ok(known);
        }
        let user = self.store.identity_user(self.identity(&claims), self.clock.now()).await;
        let user = user.map_err(|error| {
            tracing::error!(error = ?error, "the user of another issuer's token could not be had");
            ErrorCode::Internal
        })?;
        let now = self.clock.monotonic();
        let found = Known { id: user.id, role: user.role, until: now + KNOWN };
        let mut known = self.known.lock();
        if known.len() >= KNOWN_MAX {
            known.retain(|_, it| it.until > now);
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(claims.sub, found);
        Ok(found)
    }

    fn identity(&self, claims: &Claims) -> ForeignIdentity {
        ForeignIdentity {
            issuer: self.issuer.clone(),
            subject: claims.sub.clone(),
            email: claims.verified_email().and_then(|it| normalise_address(it).ok()),
            placeholder: placeholder(&self.issuer, &claims.sub),
            username: claims.username().and_then(username),
        }
    }
}

/// An address that is the subject's alone and that no mail reaches (RFC 2606 §2). Two subjects that look alike, or differ in
/// what an address cannot hold, differ in their hash.
fn placeholder(issuer: &str, subject: &str) -> String {
    let safe = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '-' };
    let mut address: String = subject.chars().map(safe).take(READABLE).collect();
    address.push('-');
    for byte in &digest::sha256(&[issuer.as_bytes(), subject.as_bytes()])[..8] {
        // Writing to a `String` cannot fail.
        let _ = write!(address, "{byte:02x}");
    }
    let host = reqwest::Url::parse(issuer).ok().and_then(|url| url.domain().map(str::to_owned));
    format!("{address}@{}.invalid", host.as_deref().unwrap_or("issuer"))
}

/// A name as others may see it.
fn username(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|it| !it.is_control()).collect();
    let name = name.trim();
    let name = name[..name.floor_char_boundary(USERNAME_MAX)].trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects users of another issuer from being taken for each other, or for who has an address.
    #[test]
    fn placeholders_differ_where_subjects_do_and_are_addresses() {
        let of = |subject| placeholder("https://clerk.example.org", subject);
        assert!(of("user_2aB").starts_with("user-2ab-"), "{}", of("user_2aB"));
        assert!(of("user_2aB").ends_with("@clerk.example.org.invalid"));
        let subjects = ["user_2aB", "user_2ab", "user-2ab", "", "ann@example.org", "ä b", &"x".repeat(255)];
        for (at, subject) in subjects.iter().enumerate() {
            let address = of(subject);
            assert_eq!(normalise_address(&address).as_deref(), Ok(address.as_str()));
            assert!(subjects[..at].iter().all(|other| of(other) != address), "{subject}");
        }
        assert_ne!(of("x"), placeholder("https://other.example.org", "x"));
        assert!(placeholder("name", "x").ends_with("@issuer.invalid"));
        assert!(placeholder("https://127.0.0.1:9", "x").ends_with("@issuer.invalid"));
    }

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(username(" Ann\nLee\0 ").as_deref(), Some("AnnLee"));
        assert_eq!(username("\r\n"), None);
        assert_eq!(username(&"ü".repeat(99)).map(|it| it.len()), Some(64));
    }
}
