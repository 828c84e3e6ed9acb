//! Texts and keyrings that others wrote.

use super::*;
use crate::types::Id;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use proptest::prelude::*;
use uuid::Uuid;

/// A keyring of keys that are made of their ids.
fn keyring(ids: &[&str]) -> Keyring {
    let entry = |id: &&str| format!("{id}:{}", STANDARD.encode([id.as_bytes()[0]; 32]));
    Keyring::parse(&ids.iter().map(entry).collect::<Vec<_>>().join(",")).unwrap()
}

fn cipher(ids: &[&str]) -> Cipher {
    Cipher(Some(Keys { keyring: keyring(ids), secret: Arc::new(secret(b'a')) }))
}

fn secret(byte: u8) -> Secret {
    let current = keyring(&["a"]);
    let text = STANDARD_NO_PAD.encode([byte; 32]);
    let sealed = seal::seal(&current.current().cipher, Place::Fingerprints, &text).unwrap();
    Secret::open(current.current(), &sealed).unwrap()
}

fn id(number: u128) -> Id {
    Id(Uuid::from_u128(number))
}

fn places() -> Vec<Place> {
    let (one, two) = (id(1), id(2));
    vec![
        Place::Content { conversation: one, message: two },
        Place::Content { conversation: two, message: one },
        Place::Attached { conversation: one, message: two },
        Place::Checkpoint(one),
        Place::Title(one),
        Place::Title(two),
        Place::Profile(one),
        Place::Proof,
        Place::Fingerprints,
    ]
}

/// Protects what people wrote: it comes back as it was in its own place, and a sealed text that was moved to any other
/// is refused.
#[test]
fn a_text_is_opened_where_it_was_sealed_and_nowhere_else() {
    let cipher = cipher(&["a"]);
    for own in places() {
        let Sealed { text, key } = cipher.seal(own, "a word").unwrap().unwrap();
        assert!(!text.contains("word"));
        for place in places() {
            let opened = cipher.open(place, Some(key), text.clone());
            match opened {
                Ok(opened) => assert_eq!((place, &*opened), (own, "a word")),
                Err(error) => assert!(place != own && matches!(error, Error::Unsealable(_)), "{error:?}"),
            }
        }
    }
}

/// Protects against reading garbage: a key that is missing, another one under the same id, and a text that somebody has
/// changed are errors that say so.
#[test]
fn nothing_is_opened_with_another_key_or_after_a_change() {
    let place = Place::Title(id(1));
    let first = cipher(&["a"]);
    let sealed = first.seal(place, "a word").unwrap().unwrap();
    let open = |cipher: &Cipher, key: &str, text: &str| cipher.open(place, Some(key), text.to_owned());
    for without in [cipher(&["b"]), Cipher::default()] {
        let error = open(&without, sealed.key, &sealed.text).unwrap_err();
        assert!(
            matches!(&error, Error::UnknownKey { table: "conversations", key } if &**key == "a"),
            "{error}"
        );
    }
    let both = cipher(&["b", "a"]);
    assert_eq!(open(&both, "a", &sealed.text).unwrap(), "a word");
    assert!(matches!(open(&both, "b", &sealed.text), Err(Error::Unsealable("conversations"))));
    let mut bytes = sealed.text.into_bytes();
    for at in 0..bytes.len() {
        let before = bytes[at];
        bytes[at] = if before == b'A' { b'B' } else { b'A' };
        assert!(open(&both, "a", str::from_utf8(&bytes).unwrap()).is_err(), "at {at}");
        bytes[at] = before;
    }
}

/// Protects those who want no encryption from paying for it, and readers from ever taking a sealed text for a plain one.
#[test]
fn without_a_key_texts_stay_as_they_are() {
    let (off, on, place) = (Cipher::default(), cipher(&["a"]), Place::Title(id(1)));
    assert!(off.seal(place, "a word").unwrap().is_none());
    assert!(on.seal(place, "").unwrap().is_none());
    for cipher in [off, on] {
        assert_eq!(cipher.open(place, None, "a word".to_owned()).unwrap(), "a word");
    }
}

/// Protects equal texts from being recognised by who sees only the database.
#[test]
fn equal_texts_are_sealed_differently() {
    let (cipher, place) = (cipher(&["a"]), Place::Title(id(1)));
    let sealed = || cipher.seal(place, "a word").unwrap().unwrap().text;
    assert_ne!(sealed(), sealed());
}

/// Protects operators: each mistake in a keyring is told apart, and no message of it shows a key.
#[test]
fn keyrings_are_understood_or_refused() {
    let key = STANDARD.encode([0xfb; 32]);
    let ids = |text: &str| Keyring::parse(text).map(|it| it.ids().map(str::to_owned).collect::<Vec<_>>());
    let check = |text: String, expected: &[&str]| assert_eq!(ids(&text).unwrap(), expected, "{text}");
    check(key.clone(), &["1"]);
    check(key.trim_end_matches('=').to_owned(), &["1"]);
    check(format!(" {key} \n"), &["1"]);
    check(format!("2026-11:{key}, old_1.b:{key}"), &["2026-11", "old_1.b"]);
    check(format!("2:{key},{key}"), &["2", "1"]);

    let refused = |text: String, expected| {
        let error = ids(&text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains(&key[..8]));
    };
    refused(String::new(), KeyringError::Key(1));
    refused("a:".to_owned(), KeyringError::Key(1));
    refused(format!("{key},"), KeyringError::Key(2));
    refused(STANDARD.encode([1; 31]), KeyringError::Key(1));
    refused(STANDARD.encode([1; 33]), KeyringError::Key(1));
    refused(STANDARD.encode([1; 4_000]), KeyringError::Key(1));
    refused(format!("{key}:a"), KeyringError::Id(1));
    refused(format!("a:{key},:{key}"), KeyringError::Id(2));
    refused(format!("a b:{key}"), KeyringError::Id(1));
    refused(format!("{}:{key}", "a".repeat(33)), KeyringError::Id(1));
    refused(format!("a:{key},a:{key}"), KeyringError::Repeated(2));
    refused("correct horse battery staple".to_owned(), KeyringError::Key(1));
}

/// Protects keys from logs: what holds one shows nothing of it.
#[test]
fn debug_shows_no_key() {
    let options = crate::Options { keyring: Some(keyring(&["a"])), ..crate::Options::default() };
    let shown = format!("{options:?} {:?}", cipher(&["a"]));
    assert!(shown.contains("Keyring(…)") && shown.contains("Secret(…)"));
    let bytes = format!("{:?}", [b'a'; 4]);
    for secret in [&STANDARD.encode([b'a'; 32])[..8], bytes.trim_matches(['[', ']']), "61616161"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// Protects every resend to come: this form stands in databases, and is never made in another way.
#[test]
fn a_fingerprint_is_keyed_as_it_always_was() {
    let plain = Fingerprint(std::array::from_fn(|at| u8::try_from(at).unwrap()));
    let keyed = secret(b'a').keyed(plain).0;
    assert_eq!(keyed[..8], plain.0[..8], "the index stays in order");
    // HMAC-SHA-256 as Python's hmac has it.
    assert_eq!(keyed[8..], [0x8d, 0x98, 0xbd, 0xa9, 0xa3, 0xfe, 0xde, 0x2f]);
    assert_ne!(secret(b'b').keyed(plain).0, keyed);
}

/// Protects those who want no encryption from paying for it, and those who begin with it from messages that come twice.
#[test]
fn a_fingerprint_is_looked_up_in_each_form() {
    let plain = Fingerprint([7; 16]);
    let off = Cipher::default().fingerprint(plain);
    assert_eq!((off.forms().collect::<Vec<_>>(), off.keyed()), (vec![plain.into()], None));
    let on = cipher(&["a"]).fingerprint(plain);
    let keyed = secret(b'a').keyed(plain);
    assert_eq!((on.forms().collect::<Vec<_>>(), on.keyed()), (vec![keyed.into(), plain.into()], Some(true)));
}

/// Protects a secret from being taken for another: each new one is random, comes back with its key, and with no other.
#[test]
fn a_secret_comes_back_with_its_key() {
    let (a, b) = (keyring(&["a"]), keyring(&["b"]));
    let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
    let print = Fingerprint([7; 16]);
    assert_ne!(one.keyed(print), other.keyed(print));
    let sealed = one.seal(a.current()).unwrap();
    assert_eq!(Secret::open(a.current(), &sealed).unwrap().keyed(print), one.keyed(print));
    assert!(Secret::open(b.current(), &sealed).is_none());
    let short = seal::seal(&a.current().cipher, Place::Fingerprints, "c2hvcnQ").unwrap();
    assert!(Secret::open(a.current(), &short).is_none());
}

proptest! {
    /// Protects the server from whatever stands in a database: it is refused, and nothing panics.
    #[test]
    fn whatever_stands_there_is_refused(text in "\\PC{0,200}", bytes: Vec<u8>, key in "\\PC{0,40}") {
        let cipher = cipher(&["a"]);
        for place in places() {
            for text in [text.clone(), STANDARD.encode(&bytes), STANDARD.encode(&bytes).replace('=', "")] {
                prop_assert!(cipher.open(place, Some("a"), text.clone()).is_err());
                prop_assert!(cipher.open(place, Some(&key), text).is_err());
            }
        }
        let _ = Keyring::parse(&text);
    }

    /// Protects what people write, whatever it is.
    #[test]
    fn every_text_comes_back(text in "\\PC{0,300}") {
        let (cipher, place) = (cipher(&["a"]), Place::Profile(id(3)));
        if let Some(sealed) = cipher.seal(place, &text).unwrap() {
            prop_assert_eq!(cipher.open(place, Some(sealed.key), sealed.text).unwrap(), text);
        }
    }
}
