//! What tokens are signed with.

use super::read::FromText;
use super::{Key, Problem, Values};
use parlor_accounts::tokens::SECRET_MIN;

/// The settings of accounts.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// None: the one that is kept in the data folder.
    pub(crate) secret: Option<Secret>,
}

impl Accounts {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self { secret: values.find(Key::JwtSecret)? })
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
