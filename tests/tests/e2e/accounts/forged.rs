//! Tokens that are wrong in one thing each: none opens a door.

use super::{me, open_all, quick, refused_all};
use hmac::{Hmac, KeyInit, Mac};
use parlor_tests::issuer::{AUDIENCE, NAME, claims, claims_with, now, token};
use parlor_tests::raw::RawSocket;
use parlor_tests::{Issuer, PATIENCE, SigningKey};
use serde_json::{Value, json};
use sha2::Sha256;

/// Signs by HMAC with SHA-256.
fn hs256(key: &[u8]) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |text| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text);
        mac.finalize().into_bytes().to_vec()
    }
}

/// Our own HMAC makes what RFC 4231 §4.2 says, so that a token of it is refused for what it is.
#[test]
fn hs256_is_hs256() {
    let made = hs256(&[0x0b; 20])(b"Hi There");
    assert_eq!((&made[..4], &made[28..]), (&[0xb0, 0x34, 0x4c, 0x61][..], &[0x2e, 0x32, 0xcf, 0xf7][..]));
}

/// Protects every door from tokens that the issuer did not sign, or not for us, or not for now: all sockets and HTTP refuse
/// each, no user is made of one, and the good tokens beside them open all.
#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_open_nothing() {
    let (rsa, ec, own) = (SigningKey::rsa("rsa"), SigningKey::ec("ec"), SigningKey::ec("ec"));
    let issuer = Issuer::start(&[&rsa, &ec]).await;
    let app = issuer.trusted_by(quick()).start().await;
    let good = rsa.sign(&claims("user_1"));
    open_all(&app, &good).await;
    let head = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": "JWT"});
    let with = |name: &str, value: Value| ec.sign(&claims_with("forged", name, value));
    let critical = json!({"alg": "ES256", "kid": "ec", "crit": ["exp"], "exp": now() + 60});
    let embedded = json!({"alg": "ES256", "kid": "new", "jwk": own.jwk()});
    let linked = json!({"alg": "ES256", "kid": "new", "jku": "http://127.0.0.1:1/jwks"});
    let [first, second, third] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let other_claims = token(&rsa.header(), &claims("admin"), |_| Vec::new());
    let other_claims = other_claims.split('.').nth(1).unwrap();
    let pem = rsa.public_pem();
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let rows = [
        ("alg none", token(&head("none", "rsa"), &claims("forged"), |_| Vec::new())),
        ("alg None, signed", rsa.sign_as(&head("None", "rsa"), &claims("forged"))),
        ("no alg", rsa.sign_as(&json!({"kid": "rsa"}), &claims("forged"))),
        ("HS256 by the public key", token(&head("HS256", "rsa"), &claims("forged"), hs256(pem.as_bytes()))),
        (
            "HS256 by its trimmed PEM",
            token(&head("HS256", "rsa"), &claims("forged"), hs256(pem.trim().as_bytes())),
        ),
        ("HS256 by the modulus", token(&head("HS256", "rsa"), &claims("forged"), hs256(modulus.as_bytes()))),
        ("HS256 by nothing, no kid", token(&json!({"alg": "HS256"}), &claims("forged"), hs256(b""))),
        ("RS256 named, EC signed", ec.sign_as(&head("RS256", "ec"), &claims("forged"))),
        ("ES256 named, RSA signed", rsa.sign_as(&head("ES256", "rsa"), &claims("forged"))),
        ("RS256 of the EC key's name", rsa.sign_as(&head("RS256", "ec"), &claims("forged"))),
        ("RS512 named", rsa.sign_as(&head("RS512", "rsa"), &claims("forged"))),
        ("PS256 named", rsa.sign_as(&head("PS256", "rsa"), &claims("forged"))),
        ("a key of the same name", own.sign(&claims("forged"))),
        ("an unknown kid", rsa.sign_as(&head("RS256", "other"), &claims("forged"))),
        ("no kid", rsa.sign_as(&json!({"alg": "RS256"}), &claims("forged"))),
        ("its own key in the header", own.sign_as(&embedded, &claims("forged"))),
        ("its own page of keys in the header", own.sign_as(&linked, &claims("forged"))),
        ("crit", ec.sign_as(&critical, &claims("forged"))),
        ("nbf in the future", with("nbf", json!(now() + 60))),
        ("iat in the future", with("iat", json!(now() + 60))),
        ("another audience", with("aud", json!("other"))),
        ("other audiences", with("aud", json!(["other", "parlor2"]))),
        ("no audience", with("aud", Value::Null)),
        ("another issuer", with("iss", json!("https://evil.example.org"))),
        ("the issuer and more", with("iss", json!(format!("{NAME}.evil.example.org")))),
        ("many issuers", with("iss", json!([NAME]))),
        ("no issuer", with("iss", Value::Null)),
        ("no exp", with("exp", Value::Null)),
        ("exp as a text", with("exp", json!((now() + 60).to_string()))),
        ("exp without end", with("exp", json!(1e300))),
        ("no subject", with("sub", Value::Null)),
        ("an empty subject", with("sub", json!(""))),
        ("a subject with a NUL", with("sub", json!("a\0b"))),
        ("a long subject", with("sub", json!("x".repeat(256)))),
        ("claims that are no object", ec.sign(&json!([AUDIENCE]))),
        ("more than 8 KiB", with("more", json!("x".repeat(9_000)))),
        ("other claims", format!("{first}.{other_claims}.{third}")),
        ("no signature", format!("{first}.{second}.")),
        ("two parts", format!("{first}.{second}")),
        ("four parts", format!("{good}.{third}")),
        ("a changed signature", format!("{first}.{second}.{}", third.chars().rev().collect::<String>())),
        ("padding", format!("{good}=")),
        ("dots", "..".to_owned()),
        ("garbage", "eyJ.!!.00".to_owned()),
    ];
    for (what, token) in &rows {
        eprintln!("{what}"); // shown where it is not refused
        refused_all(&app, token, "INVALID_TOKEN").await;
    }
    for late in [0, 1, 86_400] {
        let mut claims = claims_with("forged", "exp", json!(now() - late));
        (claims["iat"], claims["nbf"]) = (json!(now() - 90_000), json!(now() - 90_000));
        eprintln!("expired {late} s ago");
        refused_all(&app, &ec.sign(&claims), "TOKEN_EXPIRED").await;
    }
    let database = rusqlite::Connection::open(app.folder().join("data/parlor.db")).unwrap();
    let users: u32 = database.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(users, 1, "of the good token alone");
    open_all(&app, &good).await;
    for (what, token) in &rows {
        assert!(token.len() < 20 || !app.log().contains(token.as_str()), "{what}: a token is in the log");
    }
}

/// Protects the server from a header of a megabyte, of HTTP and of a handshake: it is refused, and the next one is served.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_a_megabyte_is_refused() {
    let ec = SigningKey::ec("ec");
    let issuer = Issuer::start(&[&ec]).await;
    let app = issuer.trusted_by(quick()).start().await;
    let good = ec.sign(&claims("user_1"));
    assert_eq!(me(&app, &good).await.status, 200);
    let upgrade = "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (path, more) in [("/api/v1/users/me", ""), ("/chat/ws", upgrade), ("/auth/signup", "")] {
        let mut socket = RawSocket::connect(app.address()).await;
        let large = "A".repeat(1 << 20);
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\n{more}authorization: Bearer {large}\r\n\r\n");
        socket.write(request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&socket.read_to_end(PATIENCE).await).into_owned();
        // A server that closes before all was sent may take its answer along: then there is none.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{path}: {answer:.200}");
    }
    assert_eq!(me(&app, &good).await.status, 200);
}
