//! An issuer's keys, from its JWK Set (RFC 7517). A set may hold what we do not know: that is left out, the rest is good.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// The most keys that are taken of a set: issuers have two or three, and more while they rotate.
const KEYS_MAX: usize = 64;
/// The longest name of a key, in bytes.
const KID_MAX: usize = 256;
/// The lengths of an RSA modulus, in digits of Base64url: of 2,048 bits (RFC 7518 §3.3 takes no less) and of 8,192, beyond
/// which one verification is work.
const MODULUS: std::ops::RangeInclusive<usize> = 342..=1_366;

/// A key, and the one algorithm that it is good for.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The keys of a set by their names.
pub(super) type Keys = HashMap<String, Arc<Key>>;

/// The set is no JSON, or holds no key of use.
#[derive(Debug, thiserror::Error)]
#[error("the issuer's answer holds no key that we can use")]
pub(super) struct NoKeys;

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// The members of a JWK that we look at (RFC 7517 §4, RFC 7518 §6).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that are good for us. Of two with the same name, it is the first. Error: [`NoKeys`].
pub(super) fn read(bytes: &[u8]) -> Result<Keys, NoKeys> {
    let set: Set = serde_json::from_slice(bytes).map_err(|_| NoKeys)?;
    let mut keys = Keys::new();
    for value in set.keys.into_iter().take(KEYS_MAX) {
        if let Ok(jwk) = serde_json::from_value::<Jwk>(value)
            && let Some(key) = key_of(&jwk)
        {
            keys.entry(jwk.kid).or_insert_with(|| Arc::new(key));
        }
    }
    if keys.is_empty() { Err(NoKeys) } else { Ok(keys) }
}

fn key_of(jwk: &Jwk) -> Option<Key> {
    let for_signatures = jwk.r#use.as_deref().is_none_or(|it| it == "sig")
        && jwk.key_ops.as_ref().is_none_or(|it| it.iter().any(|op| op == "verify"));
    if !for_signatures || jwk.kid.is_empty() || jwk.kid.len() > KID_MAX {
        return None;
    }
    let (name, algorithm, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let modulus = jwk.n.as_deref().filter(|n| MODULUS.contains(&n.len()))?;
            ("RS256", Algorithm::RS256, DecodingKey::from_rsa_components(modulus, jwk.e.as_deref()?))
        }
        ("EC", Some("P-256")) => {
            let key = DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?);
            ("ES256", Algorithm::ES256, key)
        }
        _ => return None,
    };
    let agreed = jwk.alg.as_deref().is_none_or(|it| it == name);
    agreed.then_some(Key { algorithm, key: key.ok()? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa() -> serde_json::Value {
        json!({ "kty": "RSA", "kid": "r", "n": "A".repeat(342), "e": "AQAB" })
    }

    fn with(name: &str, value: serde_json::Value) -> serde_json::Value {
        let mut jwk = rsa();
        jwk[name] = value;
        jwk
    }

    /// Protects from keys that are for something else: a token's algorithm follows from its key, and nothing else does.
    #[test]
    fn a_key_is_for_one_algorithm_or_left_out() {
        let kept = |jwk: &serde_json::Value| read(json!({ "keys": [jwk] }).to_string().as_bytes()).is_ok();
        for good in [
            rsa(),
            with("alg", json!("RS256")),
            with("use", json!("sig")),
            with("key_ops", json!(["verify"])),
            with("x5c", json!([1, 2])),
            json!({ "kty": "EC", "crv": "P-256", "kid": "e", "x": "A".repeat(43), "y": "A".repeat(43) }),
        ] {
            assert!(kept(&good), "{good}");
        }
        for bad in [
            with("alg", json!("HS256")),
            with("alg", json!("RS512")),
            with("alg", json!("none")),
            with("use", json!("enc")),
            with("key_ops", json!(["encrypt"])),
            with("kid", json!("")),
            with("kid", json!("k".repeat(257))),
            with("kid", json!(null)),
            with("n", json!("A".repeat(171))),
            with("n", json!("A".repeat(2_000))),
            with("n", json!("!".repeat(342))),
            with("kty", json!("oct")),
            json!({ "kty": "oct", "kid": "o", "k": "c2VjcmV0" }),
            json!({ "kty": "EC", "crv": "P-384", "kid": "e", "x": "AA", "y": "AA" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "d", "x": "AA" }),
            json!("key"),
        ] {
            assert!(!kept(&bad), "{bad}");
        }
    }

    #[test]
    fn what_is_unknown_in_a_set_does_no_harm_and_an_empty_set_is_refused() {
        let set = json!({ "keys": [{ "kty": "new" }, 7, rsa(), with("e", json!("AAEAAQ"))], "x": 1 });
        assert_eq!(read(set.to_string().as_bytes()).unwrap().len(), 1);
        for bad in ["", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":{}}"#, "<html>"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        let many: Vec<_> = (0..1_000).map(|it| with("kid", json!(it.to_string()))).collect();
        assert_eq!(read(json!({ "keys": many }).to_string().as_bytes()).unwrap().len(), KEYS_MAX);
    }
}
