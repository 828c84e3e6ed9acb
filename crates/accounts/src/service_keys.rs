//! The keys that let AI workers in. There may be several, so that one can be replaced while both are good.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The shortest key, in bytes: what 96 random bits have in hexadecimal.
pub const SERVICE_KEY_MIN: usize = 24;

/// A key that could be guessed.
#[derive(Debug, thiserror::Error)]
#[error("a service key has {0} bytes and needs at least {SERVICE_KEY_MIN}")]
pub struct WeakServiceKey(usize);

/// A set of keys. Only their hashes are kept, all of one length: that a key is none of them takes the same time
/// whatever it has in common with one.
///
/// ```
/// use parlor_accounts::ServiceKeys;
///
/// let keys = ServiceKeys::new(["the-old-key-0123456789abcdef", "the-new-key-0123456789abcdef"]).unwrap();
/// assert!(keys.contains("the-new-key-0123456789abcdef"));
/// assert!(!keys.contains("the-new-key"));
/// ```
#[derive(Clone, Default)]
pub struct ServiceKeys(Vec<[u8; 32]>);

impl ServiceKeys {
    /// The set of these. Error: [`WeakServiceKey`] under [`SERVICE_KEY_MIN`] bytes.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, WeakServiceKey> {
        let hashed = keys.into_iter().map(|key| match key.len() {
            length if length < SERVICE_KEY_MIN => Err(WeakServiceKey(length)),
            _ => Ok(hash(key)),
        });
        hashed.collect::<Result<_, _>>().map(Self)
    }

    /// Whether nobody can come in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of the keys. It looks at all of them in any case.
    pub fn contains(&self, key: &str) -> bool {
        let asked = hash(key);
        let any = self.0.iter().fold(Choice::from(0), |any, key| any | key.ct_eq(&asked));
        any.into()
    }
}

impl std::fmt::Debug for ServiceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} service keys", self.0.len())
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the workers' door: each key of the list opens it, and nothing that only resembles one.
    #[test]
    fn only_whole_keys_open() {
        let (old, new) = ("old-key-0123456789abcdef", "new-key-0123456789abcdef");
        let keys = ServiceKeys::new([old, new]).unwrap();
        for (key, good) in [
            (old, true),
            (new, true),
            ("", false),
            (&old[1..], false),
            ("old-key-0123456789abcdef ", false),
            ("old-key-0123456789abcdeF", false),
            ("old-key-0123456789abcdef,new-key-0123456789abcdef", false),
        ] {
            assert_eq!(keys.contains(key), good, "{key:?}");
        }
        assert!(!ServiceKeys::default().contains(""), "without keys nobody comes in");
        assert!(ServiceKeys::new([old, "short"]).is_err());
        assert_eq!(format!("{keys:?}"), "2 service keys");
    }
}
