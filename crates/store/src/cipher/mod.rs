//! Encryption at rest: what people write is sealed on its way into a table, and opened on its way out. Nothing outside
//! of this crate sees a sealed text; nothing inside of it keeps an opened one.
//!
//! It protects the files and copies of a database from who reads them. Who can write into the database can put text of
//! their own into it, or older text back; they cannot move a text to another row without its being noticed.

mod fingerprint;
mod keyring;
mod place;
pub(crate) mod proof;
mod seal;
pub(crate) mod secret;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub(crate) use self::fingerprint::Kept;
pub use self::keyring::{Keyring, KeyringError};
pub(crate) use self::place::Place;

use self::fingerprint::Secret;
use self::keyring::Key;
use crate::error::{Error, OpenError, Result};
use crate::pools::Pools;
use parlor_domain::message::Fingerprint;
use std::sync::Arc;

/// The keys of an open database, if it has some. Without them nothing is sealed, and nothing costs anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cipher(Option<Keys>);

#[derive(Debug, Clone)]
struct Keys {
    keyring: Keyring,
    secret: Arc<Secret>,
}

/// A sealed text, and the id of its key.
pub(crate) struct Sealed<'a> {
    pub(crate) text: String,
    pub(crate) key: &'a str,
}

impl Cipher {
    /// That of the database behind `pools`, which has none yet, if the keys fit it. Errors: as of [`proof::check`] and
    /// [`secret::load`].
    pub(crate) async fn of(pools: &Pools, keyring: Option<Keyring>) -> Result<Self, OpenError> {
        proof::check(pools, keyring.as_ref()).await?;
        let Some(keyring) = keyring else { return Ok(Self::default()) };
        let secret = Arc::new(secret::load(pools, &keyring).await?);
        Ok(Self(Some(Keys { keyring, secret })))
    }

    /// Whether what is written is sealed.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The id of the key that seals.
    pub(crate) fn current(&self) -> Option<&str> {
        self.0.as_ref().map(|keys| &*keys.keyring.current().id)
    }

    fn find(&self, id: &str) -> Option<&Key> {
        self.0.as_ref()?.keyring.find(id)
    }

    /// Seals a text with the current key. None where it is to be kept as it is: without a key, and where there is no
    /// text.
    pub(crate) fn seal(&self, place: Place, text: &str) -> Result<Option<Sealed<'_>>> {
        let Some(keys) = self.0.as_ref().filter(|_| !text.is_empty()) else { return Ok(None) };
        let key = keys.keyring.current();
        Ok(Some(Sealed { text: seal::seal(&key.cipher, place, text)?, key: &key.id }))
    }

    /// How a fingerprint is written and looked up. There is no other way from one to a database.
    pub(crate) fn fingerprint(&self, plain: Fingerprint) -> Kept {
        match &self.0 {
            Some(keys) => Kept { id: keys.secret.keyed(plain).into(), plain: Some(plain.into()) },
            None => Kept { id: plain.into(), plain: None },
        }
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
