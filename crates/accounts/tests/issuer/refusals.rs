//! What is refused, whoever brings it.

use super::world::{EC, ISSUER, RSA, SigningKey, World};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parlor_domain::ErrorCode;
use serde_json::{Value, json};
use std::time::Duration;

const REFUSED: ErrorCode = ErrorCode::InvalidToken;

/// Protects the tests below from refusing everything.
#[tokio::test]
async fn both_algorithms_open() {
    let world = World::new().await;
    let by_rsa = world.ask_signed(&RSA).await.unwrap();
    let by_ec = world.ask_signed(&EC).await.unwrap();
    assert_eq!(by_rsa.user, by_ec.user, "whichever key it was, the subject is the subject");
    assert_eq!(by_rsa.expires_at.as_second(), world.now() + 60);
}

/// Protects from a token that chooses how it is checked: without a signature, or with the published key as if it were a
/// secret, or with the algorithm of another key.
#[tokio::test]
async fn the_key_decides_the_algorithm() {
    let world = World::new().await;
    let sign =
        |header: &Header, key: &EncodingKey| jsonwebtoken::encode(header, &world.claims(), key).unwrap();
    let der = {
        let jwk = RSA.jwk();
        jwk["n"].as_str().unwrap().as_bytes().to_vec()
    };
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let header = Header { alg: algorithm, ..RSA.header() };
        for secret in [RSA.public_pem.as_bytes(), RSA.public_pem.trim().as_bytes(), &der, b""] {
            assert_eq!(world.ask(&sign(&header, &EncodingKey::from_secret(secret))).await, Err(REFUSED));
        }
    }
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let token = sign(&Header { alg: algorithm, ..RSA.header() }, &RSA.private);
        assert_eq!(world.ask(&token).await, Err(REFUSED), "{algorithm:?}");
    }
    let crossed = Header { kid: Some(EC.kid.to_owned()), ..RSA.header() };
    assert_eq!(
        world.ask(&sign(&crossed, &RSA.private)).await,
        Err(REFUSED),
        "by one key, in the name of another"
    );

    let good = RSA.sign(&world.claims());
    let (_, claims, signature) = split(&good);
    let none = encode(&json!({ "alg": "none", "kid": RSA.kid }));
    for unsigned in [format!("{none}.{claims}."), format!("{none}.{claims}.{signature}")] {
        assert_eq!(world.ask(&unsigned).await, Err(REFUSED));
    }
}

/// Protects from who has no key of the issuer's.
#[tokio::test]
async fn signatures_are_of_the_key_and_of_the_text() {
    let world = World::new().await;
    let stranger = SigningKey::es256(EC.kid);
    assert_eq!(world.ask_signed(&stranger).await, Err(REFUSED), "another key of that name");
    let (header, _, signature) = split_owned(&EC.sign(&world.claims()));
    let other = EC.sign(&world.claims_with("sub", json!("user_2")));
    let (_, claims, _) = split(&other);
    assert_eq!(world.ask(&format!("{header}.{claims}.{signature}")).await, Err(REFUSED), "of another text");

    let embedded = Header { jwk: serde_json::from_value(stranger.jwk()).ok(), ..stranger.header() };
    let token = jsonwebtoken::encode(&embedded, &world.claims(), &stranger.private).unwrap();
    assert_eq!(world.ask(&token).await, Err(REFUSED), "with a key of its own in it");
    let elsewhere = Header { jku: Some("http://127.0.0.1:1/".into()), ..stranger.header() };
    let token = jsonwebtoken::encode(&elsewhere, &world.claims(), &stranger.private).unwrap();
    assert_eq!(world.ask(&token).await, Err(REFUSED), "with a place of its own for keys");
}

#[tokio::test]
async fn a_header_without_a_key_or_with_demands_is_refused() {
    let world = World::new().await;
    let claims = world.claims();
    for header in [
        Header { kid: None, ..EC.header() },
        Header { kid: Some(String::new()), ..EC.header() },
        Header { kid: Some("ec-2".into()), ..EC.header() },
        Header { crit: Some(vec!["exp".into()]), ..EC.header() },
        Header { crit: Some(vec![]), ..EC.header() },
    ] {
        let token = jsonwebtoken::encode(&header, &claims, &EC.private).unwrap();
        assert_eq!(world.ask(&token).await, Err(REFUSED), "{header:?}");
    }
}

/// Protects from tokens of others, for others, and of another time.
#[tokio::test]
async fn claims_that_are_missing_or_wrong_are_refused() {
    let world = World::new().await;
    let now = world.now();
    for (claim, value) in [
        ("iss", Value::Null),
        ("iss", json!("https://id.example.com")),
        ("iss", json!(format!("{ISSUER}/"))),
        ("iss", json!([ISSUER])),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("a\nb")),
        ("sub", json!("s".repeat(256))),
        ("sub", json!(1)),
        ("exp", Value::Null),
        ("exp", json!("never")),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("nbf", json!(now + 6)),
        ("nbf", json!(1e300)),
        ("nbf", json!("now")),
        ("iat", json!(now + 6)),
        ("iat", json!(now + 3_600)),
    ] {
        let claims = world.claims_with(claim, value);
        assert_eq!(world.ask(&EC.sign(&claims)).await, Err(REFUSED), "{claims}");
    }
    for (claim, value) in [
        ("nbf", json!(now + 5)),
        ("iat", json!(now + 5)),
        ("nbf", Value::Null),
        ("iat", Value::Null),
        ("exp", serde_json::from_str(&format!("{}.5", now + 60)).unwrap()),
        ("aud", json!("whoever")),
        ("extra", json!({ "x": [1] })),
    ] {
        let claims = world.claims_with(claim, value);
        assert!(world.ask(&EC.sign(&claims)).await.is_ok(), "{claims}");
    }
}

#[tokio::test]
async fn a_token_ends_at_its_second_and_not_later() {
    let world = World::new().await;
    let token = EC.sign(&world.claims());
    world.clock.advance(Duration::from_millis(59_999));
    assert!(world.ask(&token).await.is_ok());
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.ask(&token).await, Err(ErrorCode::TokenExpired));
    for past in [json!(0), json!(-1), json!(world.now() - 1)] {
        assert_eq!(world.ask(&EC.sign(&world.claims_with("exp", past))).await, Err(ErrorCode::TokenExpired));
    }
}

/// Protects from a token that the issuer made for another of its clients, where an audience is set.
#[tokio::test]
async fn a_token_is_for_us() {
    let world = World::with(&["parlor", "parlor-app"]).await;
    for (audience, good) in [
        (json!("parlor"), true),
        (json!(["shop", "parlor-app"]), true),
        (json!("shop"), false),
        (json!(["shop"]), false),
        (json!([]), false),
        (json!(""), false),
        (json!("Parlor"), false),
        (json!({ "parlor": true }), false),
        (Value::Null, false),
    ] {
        let claims = world.claims_with("aud", audience);
        let wanted = if good { None } else { Some(REFUSED) };
        assert_eq!(world.ask(&EC.sign(&claims)).await.err(), wanted, "{claims}");
    }
    let party = world.claims_with("azp", json!("parlor"));
    assert_eq!(world.ask(&EC.sign(&party)).await, Err(REFUSED), "`azp` is no audience");
}

/// Protects the parser and the issuer from what is no token: it is refused, and for nothing of it the issuer is asked.
#[tokio::test]
async fn garbage_and_giants_are_refused_unread() {
    let world = World::new().await;
    let padded = EC.sign(&world.claims_with("padding", json!("x".repeat(7_000))));
    assert!(padded.len() > 8 * 1024);
    let header = format!("{}.e30.AA", encode(&json!({ "alg": "ES256", "kid": "x".repeat(1 << 20) })));
    for token in ["", ".", "..", "a.b.c", "🎉.🎉.🎉", &padded, &header, &"a.".repeat(1 << 19)] {
        assert_eq!(world.ask(token).await, Err(REFUSED), "{token:.40}");
    }
    assert_eq!(world.asked(), 0);
}

fn split(token: &str) -> (&str, &str, &str) {
    let mut parts = token.splitn(3, '.');
    (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
}

fn split_owned(token: &str) -> (String, String, String) {
    let (header, claims, signature) = split(token);
    (header.to_owned(), claims.to_owned(), signature.to_owned())
}

fn encode(value: &Value) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}
