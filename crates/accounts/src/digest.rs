//! Hashes of what must not be kept as it is.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

/// A key for HMAC-SHA-256, as long as the hash (RFC 2104 §3).
pub(crate) type Key = [u8; 32];

/// The length of a block of SHA-256, in bytes. A shorter key is filled up with zeros (RFC 2104 §2).
const BLOCK: usize = 64;

/// SHA-256 of the parts, none of which can be taken for a piece of another: each stands behind its length.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// HMAC-SHA-256 of the parts, kept apart in the same way.
pub(crate) fn hmac_sha256(key: &Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&part.len().to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A key for one purpose, from a secret that has others.
pub(crate) fn derive_key(secret: &[u8], purpose: &[u8]) -> Key {
    hmac_sha256(&Sha256::digest(secret).into(), &[purpose])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects one code from another's hash: what is moved over the border of two parts is another text.
    #[test]
    fn parts_keys_and_purposes_are_kept_apart() {
        let key = derive_key(b"secret", b"one");
        assert_eq!(hmac_sha256(&key, &[b"ab", b"c"]), hmac_sha256(&key, &[b"ab", b"c"]));
        assert_ne!(hmac_sha256(&key, &[b"ab", b"c"]), hmac_sha256(&key, &[b"a", b"bc"]));
        assert_ne!(sha256(&[b"ab", b"c"]), sha256(&[b"a", b"bc"]));
        assert_ne!(key, derive_key(b"secret", b"two"));
        assert_ne!(key, derive_key(b"Secret", b"one"));
    }
}
