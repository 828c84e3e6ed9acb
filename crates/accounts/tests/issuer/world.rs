//! An issuer on loopback: it publishes what the test wants, and counts who asks.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parlor_accounts::{Issuer, IssuerConfig};
use parlor_domain::ErrorCode;
use parlor_domain::ports::{Clock, CredentialStore, Identity};
use parlor_domain::testing::{ManualClock, MemoryStore};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const ISSUER: &str = "https://id.example.org";

/// A key of the issuer.
pub(crate) struct SigningKey {
    pub(crate) kid: &'static str,
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
    /// The public half as it is published, in PEM: what everybody has.
    pub(crate) public_pem: String,
}

impl SigningKey {
    pub(crate) fn es256(kid: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let private = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { kid, algorithm: Algorithm::ES256, private, public_pem: pair.public_key_pem() }
    }

    fn rs256(kid: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let private = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { kid, algorithm: Algorithm::RS256, private, public_pem: pair.public_key_pem() }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    pub(crate) fn header(&self) -> Header {
        Header { kid: Some(self.kid.to_owned()), ..Header::new(self.algorithm) }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&self.header(), claims, &self.private).unwrap()
    }
}

/// Keys take a while to make: all tests share these two.
pub(crate) static RSA: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::rs256("rsa-1"));
pub(crate) static EC: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("ec-1"));

/// What the issuer answers with.
#[derive(Clone)]
pub(crate) enum Answer {
    Keys(Value),
    Raw(String),
    Redirect(String),
    /// Goes without a word.
    Gone,
}

impl Answer {
    fn bytes(&self) -> Option<String> {
        let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        match self {
            Self::Keys(keys) => Some(ok(&json!({ "keys": keys }).to_string())),
            Self::Raw(body) => Some(ok(body)),
            Self::Redirect(to) => {
                Some(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
            }
            Self::Gone => None,
        }
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) issuer: Arc<Issuer>,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    /// An issuer with both keys, whose tokens may be for anybody.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(audiences: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let jwks_url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(Answer::Keys(json!([RSA.jwk(), EC.jwk()]))));
        let asked = Arc::new(AtomicUsize::new(0));
        let server = tokio::spawn(serve(listener, Arc::clone(&answer), Arc::clone(&asked)));
        let (clock, store) = (Arc::new(ManualClock::default()), Arc::new(MemoryStore::default()));
        let audiences = audiences.iter().map(|it| (*it).to_owned()).collect();
        let config = IssuerConfig { jwks_url, issuer: ISSUER.to_owned(), audiences };
        let kept = Arc::clone(&store) as Arc<dyn CredentialStore>;
        let issuer = Issuer::new(config, kept, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Self { clock, store, issuer: Arc::new(issuer), answer, asked, server }
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How many requests the issuer got.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until the issuer got so many.
    pub(crate) async fn until_asked(&self, times: usize) {
        let reached = async {
            while self.asked() < times {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect("the issuer is asked");
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Claims that are good for a minute.
    pub(crate) fn claims(&self) -> Value {
        let now = self.now();
        json!({ "iss": ISSUER, "sub": "user_1", "iat": now, "nbf": now, "exp": now + 60, "azp": "https://app.example.org" })
    }

    /// The claims, with one of them replaced or, with `null`, left out.
    pub(crate) fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    }

    pub(crate) async fn ask(&self, token: &str) -> Result<Identity, ErrorCode> {
        self.issuer.authenticate(token).await
    }

    pub(crate) async fn ask_signed(&self, key: &SigningKey) -> Result<Identity, ErrorCode> {
        self.ask(&key.sign(&self.claims())).await
    }
}

async fn serve(listener: TcpListener, answer: Arc<Mutex<Answer>>, asked: Arc<AtomicUsize>) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match socket.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => break,
            }
        }
        // Counted behind the choice of the answer: who sees the count sees what follows from it.
        let bytes = answer.lock().unwrap().bytes();
        asked.fetch_add(1, Ordering::SeqCst);
        if let Some(bytes) = bytes {
            let _ = socket.write_all(bytes.as_bytes()).await;
        }
        // Closed with each answer, so that every request is an accept.
        let _ = socket.shutdown().await;
    }
}
