//! One sealed text: base64, without padding, of the ciphertext of XChaCha20-Poly1305, its tag (16 bytes) and its nonce
//! (24 bytes, random: with that many none ever comes twice; draft-irtf-cfrg-xchacha §2).
//!
//! The column stays text, so that what is plain and what is sealed can stand in one table.

use super::Place;
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

const NONCE: usize = 24;
const TAG: usize = 16;

pub(super) fn seal(cipher: &XChaCha20Poly1305, place: Place, text: &str) -> Result<String> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(Error::Random)?;
    let mut sealed = Vec::with_capacity(text.len() + TAG + NONCE);
    sealed.extend_from_slice(text.as_bytes());
    // Refused is only what is longer than the cipher counts, 256 GiB.
    let done = cipher.encrypt_in_place(&XNonce::from(nonce), &place.bytes(), &mut sealed);
    done.map_err(|_| Error::TooLong(place.table()))?;
    sealed.extend_from_slice(&nonce);
    Ok(STANDARD_NO_PAD.encode(sealed))
}

/// None where `sealed` is not what [`seal`] made with this key for this place.
pub(super) fn open(cipher: &XChaCha20Poly1305, place: Place, sealed: &str) -> Option<String> {
    let mut bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
    let nonce = *bytes.last_chunk::<NONCE>()?;
    bytes.truncate(bytes.len() - NONCE);
    cipher.decrypt_in_place(&XNonce::from(nonce), &place.bytes(), &mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}
