//! Encryption at rest: what people write is sealed on its way into a table, and opened on its way out. Nothing outside
//! of this crate sees a sealed text; nothing inside of it keeps an opened one.
//!
//! It protects the files and copies of a database from who reads them. Who can write into the database can put text of
//! their own into it, or older text back; they cannot move a text to another row without its being noticed.

mod keyring;
mod place;
pub(crate) mod proof;
mod seal;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub use self::keyring::{Keyring, KeyringError};
pub(crate) use self::place::Place;

use self::keyring::Key;
use crate::error::{Error, Result};

/// The keyring of an open database, if it has one. Without one nothing is sealed, and nothing costs anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cipher(Option<Keyring>);

/// A sealed text, and the id of its key.
pub(crate) struct Sealed<'a> {
    pub(crate) text: String,
    pub(crate) key: &'a str,
}

impl Cipher {
    pub(crate) fn new(keyring: Option<Keyring>) -> Self {
        Self(keyring)
    }

    /// Whether what is written is sealed.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The id of the key that seals.
    pub(crate) fn current(&self) -> Option<&str> {
        self.0.as_ref().map(|keyring| &*keyring.current().id)
    }

    fn find(&self, id: &str) -> Option<&Key> {
        self.0.as_ref()?.find(id)
    }

    /// Seals a text with the current key. None where it is to be kept as it is: without a key, and where there is no
    /// text.
    pub(crate) fn seal(&self, place: Place, text: &str) -> Result<Option<Sealed<'_>>> {
        let Some(keyring) = self.0.as_ref().filter(|_| !text.is_empty()) else { return Ok(None) };
        let key = keyring.current();
        Ok(Some(Sealed { text: seal::seal(&key.cipher, place, text)?, key: &key.id }))
    }

    /// The text as it was before it was sealed with the key `key`; without one, `text` itself.
    pub(crate) fn open(&self, place: Place, key: Option<&str>, text: String) -> Result<String> {
        let Some(id) = key else { return Ok(text) };
        let key = self.find(id).ok_or_else(|| Error::UnknownKey { table: place.table(), key: id.into() })?;
        seal::open(&key.cipher, place, &text).ok_or(Error::Unsealable(place.table()))
    }

    /// The same for a text that may not be there.
    pub(crate) fn open_some(
        &self,
        place: Place,
        key: Option<&str>,
        text: Option<String>,
    ) -> Result<Option<String>> {
        text.map(|text| self.open(place, key, text)).transpose()
    }
}
