//! The keys that text at rest is sealed with.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The id of a key that was given without one.
const DEFAULT_ID: &str = "1";

/// The longest id of a key, in bytes.
const ID_MAX: usize = 32;

/// The length of a key in bytes.
const KEY: usize = 32;

/// Keys are pasted by people, with and without their padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys of a database: one that everything is encrypted with from now on, and older ones that still read what was
/// encrypted with them. A clone holds the same keys. They are wiped from memory when the last clone is dropped.
///
/// ```
/// use parlor_store::Keyring;
///
/// let older = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// let keyring = Keyring::parse(&format!("2026:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=,{older}"))?;
/// assert_eq!(keyring.ids().collect::<Vec<_>>(), ["2026", "1"]);
/// # Ok::<(), parlor_store::KeyringError>(())
/// ```
#[derive(Clone)]
pub struct Keyring(Arc<[Key]>);

pub(super) struct Key {
    pub(super) id: Box<str>,
    pub(super) cipher: XChaCha20Poly1305,
}

/// Why a text is no keyring. It holds nothing of that text; keys are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// An id has other characters, or too many.
    #[error("the id of key {0} is not 1 to 32 letters, digits, dots, dashes and underscores")]
    Id(usize),
    /// A key has the id of one before it.
    #[error("key {0} has the id of one before it")]
    Repeated(usize),
    /// A key is not the base64 of 32 bytes.
    #[error("key {0} is not 32 bytes in base64 (`openssl rand -base64 32` makes one)")]
    Key(usize),
}

impl Keyring {
    /// Understands `ID:KEY,ID:KEY…`, the current key first. A key is 32 bytes in base64; one without an id has the id
    /// `1`. An id stands beside everything that its key encrypts, and is no secret.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let mut keys: Vec<Key> = Vec::new();
        for (number, entry) in (1..).zip(text.split(',')) {
            let key = Key::parse(number, entry.trim())?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(KeyringError::Repeated(number));
            }
            keys.push(key);
        }
        Ok(Self(keys.into()))
    }

    /// The ids of the keys, the current one's first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| &*key.id)
    }

    pub(super) fn current(&self) -> &Key {
        // A text has a first part, and so a keyring a first key.
        &self.0[0]
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| &*key.id == id)
    }
}

impl Key {
    fn parse(number: usize, entry: &str) -> Result<Self, KeyringError> {
        let (id, encoded) = entry.split_once(':').unwrap_or((DEFAULT_ID, entry));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if id.is_empty() || id.len() > ID_MAX || !id.bytes().all(plain) {
            return Err(KeyringError::Id(number));
        }
        // As much as the longest text of that length may decode to.
        let mut bytes = Zeroizing::new([0; KEY + 3]);
        let length = BASE64.decode_slice(encoded, &mut bytes[..]).map_err(|_| KeyringError::Key(number))?;
        let cipher = XChaCha20Poly1305::new_from_slice(&bytes[..length]);
        Ok(Self { id: id.into(), cipher: cipher.map_err(|_| KeyringError::Key(number))? })
    }
}

/// Shows that there is one, and nothing of it.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}
