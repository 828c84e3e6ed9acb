//! Fingerprints as a database with keys holds them.
//!
//! The domain's own end in a plain hash over the text: whoever has the database could try texts until one fits. With keys
//! they end in one that nobody can make who has not opened the database's secret. They begin as before, with what says
//! nothing of the text, so that what a client sends stays together in the index.

use super::keyring::Key;
use super::{Place, seal};
use crate::error::{Error, Result};
use crate::types::Id;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use parlor_domain::message::Fingerprint;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The bytes of a fingerprint that no text goes into.
const BEGINNING: usize = 8;

/// As long as the hash (RFC 2104 §3).
const SECRET: usize = 32;

/// The length of a block of SHA-256, in bytes. A shorter key is filled up with zeros (RFC 2104 §2).
const BLOCK: usize = 64;

/// What the fingerprints of one database are keyed with, for ever. It is wiped from memory when it is dropped.
pub(super) struct Secret(Zeroizing<[u8; SECRET]>);

/// A fingerprint as it stands in a database.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    /// As it is written.
    pub(crate) id: Id,
    /// As it was written before there was a key, and stands there until the next rotation. None without a key.
    pub(crate) plain: Option<Id>,
}

impl Secret {
    pub(super) fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; SECRET]);
        getrandom::fill(&mut bytes[..]).map_err(Error::Random)?;
        Ok(Self(bytes))
    }

    pub(super) fn seal(&self, key: &Key) -> Result<String> {
        let text = Zeroizing::new(STANDARD_NO_PAD.encode(&self.0[..]));
        seal::seal(&key.cipher, Place::Fingerprints, &text)
    }

    /// None where `sealed` is not what [`seal`](Self::seal) made with this key.
    pub(super) fn open(key: &Key, sealed: &str) -> Option<Self> {
        let text = Zeroizing::new(seal::open(&key.cipher, Place::Fingerprints, sealed)?);
        let bytes = Zeroizing::new(STANDARD_NO_PAD.decode(&text[..]).ok()?);
        Some(Self(Zeroizing::new(bytes[..].try_into().ok()?)))
    }

    /// The end is of HMAC-SHA-256 over the whole, cut off as RFC 2104 §5 has it.
    pub(super) fn keyed(&self, Fingerprint(plain): Fingerprint) -> Fingerprint {
        let mut block = Zeroizing::new([0; BLOCK]);
        block[..SECRET].copy_from_slice(&self.0[..]);
        let mac = Hmac::<Sha256>::new((&*block).into()).chain_update(plain).finalize().into_bytes();
        let mut keyed = plain;
        keyed[BEGINNING..].copy_from_slice(&mac[..plain.len() - BEGINNING]);
        Fingerprint(keyed)
    }
}

impl Kept {
    /// Every form in which the message may stand there.
    pub(crate) fn forms(self) -> impl Iterator<Item = Id> {
        std::iter::once(self.id).chain(self.plain)
    }

    /// `messages.fingerprint_keyed`
    pub(crate) fn keyed(self) -> Option<bool> {
        self.plain.map(|_| true)
    }
}

/// Shows nothing of it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
