//! Another issuer of tokens, on loopback: its keys, the tokens that it signs, and the page where it publishes the keys.
//! The tokens are put together by hand (RFC 7515 §5.1), so that they can be what no library makes.

use crate::TestAppBuilder;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData, SigningKey as _};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What the issuer calls itself.
pub const NAME: &str = "https://id.example.org";
/// What its tokens are for.
pub const AUDIENCE: &str = "parlor";

/// A key that signs tokens.
#[derive(Debug)]
pub struct SigningKey {
    kid: String,
    algorithm: &'static str,
    pair: KeyPair,
}

impl SigningKey {
    /// A key for RS256.
    pub fn rsa(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        Self { kid: kid.to_owned(), algorithm: "RS256", pair }
    }

    /// A key for ES256.
    pub fn ec(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self { kid: kid.to_owned(), algorithm: "ES256", pair }
    }

    /// Its public half as everybody has it, in PEM.
    pub fn public_pem(&self) -> String {
        self.pair.public_key_pem()
    }

    /// Its public half as the issuer publishes it (RFC 7517 §4).
    pub fn jwk(&self) -> Value {
        let public = self.pair.der_bytes();
        let mut jwk = if self.algorithm == "RS256" {
            let [modulus, exponent] = two_integers(public);
            json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
        } else {
            // An uncompressed point (SEC 1 §2.3.3): 4, x, y.
            json!({"kty": "EC", "crv": "P-256", "x": encode(&public[1..33]), "y": encode(&public[33..])})
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.kid, "typ": "JWT"})
    }

    /// A token.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    /// A token with any header, signed by this key in its own way.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        token(header, claims, |text| {
            let signature = self.pair.sign(text).unwrap();
            if self.algorithm == "RS256" {
                return signature;
            }
            // ASN.1 to the fixed form of RFC 7518 §3.4.
            let padded = |it: &[u8]| [vec![0; 32 - it.len()], it.to_vec()].concat();
            two_integers(&signature).map(padded).concat()
        })
    }
}

/// A token, signed by whoever is asked to.
pub fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let [header, claims] = [header, claims].map(|it| encode(it.to_string().as_bytes()));
    let text = format!("{header}.{claims}");
    let signature = encode(&sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The two integers of an ASN.1 sequence, which an RSA key and an ECDSA signature both are, without leading zeros.
fn two_integers(der: &[u8]) -> [&[u8]; 2] {
    let (inside, rest) = element(der, 0x30);
    assert!(rest.is_empty());
    let (first, rest) = element(inside, 2);
    let (second, rest) = element(rest, 2);
    assert!(rest.is_empty());
    [first, second].map(|it| &it[it.iter().take_while(|byte| **byte == 0).count()..])
}

/// The content of the first element, which has this tag, and what comes behind it.
fn element(der: &[u8], tag: u8) -> (&[u8], &[u8]) {
    assert_eq!(der[0], tag);
    let (start, length) = match usize::from(der[1]) {
        short @ 0..128 => (2, short),
        long => {
            let start = 2 + (long & 0x7f);
            (start, der[2..start].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
        }
    };
    der[start..].split_at(length)
}

/// Now, in seconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Claims of a subject that are good for an hour.
pub fn claims(subject: &str) -> Value {
    let now = now();
    json!({"iss": NAME, "aud": AUDIENCE, "sub": subject, "iat": now, "nbf": now, "exp": now + 3_600})
}

/// The claims with one of them replaced or, with null, left out.
pub fn claims_with(subject: &str, name: &str, value: Value) -> Value {
    let mut claims = claims(subject);
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

/// The page of keys, and how it is answered.
#[derive(Debug, Default)]
struct Page {
    keys: Mutex<Vec<Value>>,
    delay: Mutex<Duration>,
    asked: AtomicUsize,
}

/// The issuer's server. It goes when this is dropped.
#[derive(Debug)]
pub struct Issuer {
    address: SocketAddr,
    page: Arc<Page>,
    server: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Issuer {
    /// Starts it on a free port, with these keys.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let page = Arc::new(Page::default());
        let server = tokio::spawn(accept(listener, Arc::clone(&page)));
        let issuer = Self { address, page, server };
        issuer.publish(keys);
        issuer
    }

    /// A server that takes its tokens.
    pub fn trusted_by(&self, app: TestAppBuilder) -> TestAppBuilder {
        app.env("JWKS_URL", self.url()).env("JWT_ISSUER", NAME).env("JWT_AUDIENCE", AUDIENCE)
    }

    /// Where its keys are.
    pub fn url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address)
    }

    /// Has these keys from now on.
    pub fn publish(&self, keys: &[&SigningKey]) {
        *self.page.keys.lock().unwrap() = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Answers after so long from now on.
    pub fn slow_down(&self, delay: Duration) {
        *self.page.delay.lock().unwrap() = delay;
    }

    /// How many requests it got.
    pub fn asked(&self) -> usize {
        self.page.asked.load(Ordering::SeqCst)
    }

    /// Goes away: connections are refused.
    pub async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
    }

    /// Comes back where it was.
    pub async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.server = tokio::spawn(accept(listener, Arc::clone(&self.page)));
    }
}

async fn accept(listener: TcpListener, page: Arc<Page>) {
    // Dropped with this task, and its own tasks with it.
    let mut requests = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        requests.spawn(answer(stream, Arc::clone(&page)));
        while requests.try_join_next().is_some() {}
    }
}

/// Answers one request and closes, so that every request is a connection.
async fn answer(mut stream: TcpStream, page: Arc<Page>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    page.asked.fetch_add(1, Ordering::SeqCst);
    let (delay, keys) = (*page.delay.lock().unwrap(), page.keys.lock().unwrap().clone());
    tokio::time::sleep(delay).await;
    let body = json!({"keys": keys}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let _ =
        stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    let _ = stream.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects tests of refusals from tokens that nobody would take: both of a sequence's integers are read whole,
    /// whatever the form of their lengths.
    #[test]
    fn a_sequence_is_read() {
        assert_eq!(two_integers(&[0x30, 7, 2, 2, 0, 0x81, 2, 1, 5]), [&[0x81][..], &[5]]);
        let long = [&[0x30, 0x81, 0x86, 2, 0x81, 0x80][..], &[9; 0x80], &[2, 1, 3]].concat();
        assert_eq!(two_integers(&long), [&[9; 0x80][..], &[3]]);
    }
}
