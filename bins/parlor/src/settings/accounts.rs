//! What tokens are signed with, and what lets workers in.

use super::read::FromText;
use super::{Key, Problem, Values};
use parlor_accounts::service_keys::SERVICE_KEY_MIN;
use parlor_accounts::tokens::SECRET_MIN;

/// The settings of accounts.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// None: the one that is kept in the data folder.
    pub(crate) secret: Option<Secret>,
    /// Of workers; none lets none in.
    pub(crate) service_keys: ServiceKeyList,
}

impl Accounts {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        let service_keys = values.find(Key::AiServiceKey)?.unwrap_or_default();
        Ok(Self { secret: values.find(Key::JwtSecret)?, service_keys })
    }
}

/// A signing secret.
pub(crate) struct Secret(pub(crate) Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromText for Secret {
    fn from_text(text: &str) -> Option<Self> {
        (text.len() >= SECRET_MIN).then(|| Self(text.as_bytes().to_vec()))
    }
}

/// Keys that are long enough.
#[derive(Default)]
pub(crate) struct ServiceKeyList(pub(crate) Vec<String>);

impl std::fmt::Debug for ServiceKeyList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceKeyList({} keys)", self.0.len())
    }
}

impl FromText for ServiceKeyList {
    fn from_text(text: &str) -> Option<Self> {
        let key = |key: &str| (key.len() >= SERVICE_KEY_MIN).then(|| key.to_owned());
        text.split(',').map(|it| key(it.trim())).collect::<Option<_>>().map(Self)
    }
}
