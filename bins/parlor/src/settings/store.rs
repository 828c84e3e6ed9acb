//! Where the log is.

use super::read::FromText;
use super::{Key, Problem, Values};
use parlor_store::Keyring;
use std::time::Duration;

/// The database's settings.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) url: DatabaseUrl,
    /// None: nothing is encrypted.
    pub(crate) keyring: Option<Keyring>,
    /// How long a deleted conversation is kept; none is for ever.
    pub(crate) deleted_kept: Option<Duration>,
}

impl Store {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            url: values.get(Key::DatabaseUrl)?,
            keyring: values.find(Key::EncryptionKey)?,
            deleted_kept: values.limit(Key::DeletedSessionRetention)?,
        })
    }
}

impl FromText for Keyring {
    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

/// A URL of a database that we know; it may hold a password.
pub(crate) struct DatabaseUrl(pub(crate) String);

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

impl FromText for DatabaseUrl {
    fn from_text(text: &str) -> Option<Self> {
        let known = ["sqlite://", "postgres://", "postgresql://"];
        let rest = known.iter().find_map(|scheme| text.strip_prefix(scheme))?;
        (!rest.is_empty()).then(|| Self(text.to_owned()))
    }
}
