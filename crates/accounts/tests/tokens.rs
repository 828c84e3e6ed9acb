//! What is accepted as a token: exactly what we issued, until its second comes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parlor_accounts::{TokenError, Tokens};
use parlor_domain::ports::{Authenticator, Clock, GrantId, Identity, Role, Scope};
use parlor_domain::{ErrorCode, Timestamp, UserId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const START: i64 = 1_700_000_000;
const SIGN_IN: GrantId = GrantId(Uuid::from_u128(1));

/// A clock that stands still, in microseconds.
struct Stopped(AtomicI64);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Desk {
    tokens: Tokens,
    clock: Arc<Stopped>,
    user: UserId,
}

impl Desk {
    fn new() -> Self {
        let clock = Arc::new(Stopped(AtomicI64::new(START * 1_000_000)));
        let tokens = Tokens::new(SECRET, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Self { tokens, clock, user: UserId::new() }
    }

    fn issue(&self, ttl: u64) -> String {
        self.tokens.issue(self.user, Role::User, Duration::from_secs(ttl), self.clock.now()).unwrap()
    }

    async fn ask(&self, token: &str) -> Result<Identity, ErrorCode> {
        self.tokens.authenticate(token).await
    }

    /// The claims that we would issue, to be spoiled.
    fn claims(&self) -> Value {
        json!({
            "sub": self.user, "role": "user", "iat": START, "exp": START + 60,
            "jti": "00000000-0000-4000-8000-000000000000", "sid": SIGN_IN.0, "typ": "access",
        })
    }

    async fn ask_claims(&self, claims: &Value) -> Result<Identity, ErrorCode> {
        self.ask(&sign(claims, Algorithm::HS256, SECRET)).await
    }
}

fn sign(claims: &Value, algorithm: Algorithm, secret: &[u8]) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// `token` with another header, in Base64url.
fn with_header(token: &str, header: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{header}.{rest}")
}

#[tokio::test]
async fn an_issued_token_tells_whose_it_is_and_until_when() {
    let desk = Desk::new();
    let expires_at = Timestamp::from_microsecond((START + 60) * 1_000_000);
    let (user, role, scope) = (desk.user, Role::User, Scope::Everything);
    let identity = Identity { user, role, expires_at, scope, grant: SIGN_IN };
    let token = desk.tokens.issue_for(SIGN_IN, user, role, Duration::from_mins(1), desk.clock.now()).unwrap();
    assert_eq!(desk.ask(&token).await, Ok(identity.clone()));
    assert_eq!(desk.ask_claims(&desk.claims()).await, Ok(identity), "the tests' own claims are good ones");
    let admin = desk.tokens.issue(desk.user, Role::Admin, Duration::from_mins(1), desk.clock.now()).unwrap();
    assert_eq!(desk.ask(&admin).await.unwrap().role, Role::Admin);
    assert_ne!(desk.issue(60), desk.issue(60), "each has an id of its own");
}

/// Protects HTTP from what stands in URLs: a socket token tells that it opens sockets alone, whoever has it.
#[tokio::test]
async fn a_socket_token_tells_that_it_opens_sockets_alone() {
    let desk = Desk::new();
    let (expires_at, scope) = (Timestamp::from_microsecond((START + 9) * 1_000_000), Scope::Everything);
    let of = Identity { user: desk.user, role: Role::Admin, expires_at, scope, grant: SIGN_IN };
    let token = desk.tokens.issue_socket_token(&of, Duration::from_mins(1)).await.unwrap();
    let expires_at = Timestamp::from_microsecond((START + 60) * 1_000_000);
    assert_eq!(desk.ask(&token).await, Ok(Identity { expires_at, scope: Scope::Sockets, ..of }));
    desk.clock.0.store((START + 60) * 1_000_000, Ordering::Relaxed);
    assert_eq!(desk.ask(&token).await, Err(ErrorCode::TokenExpired));
}

/// Protects revocation: tokens of one sign-in name it, and those that nobody signed in for are one each.
#[tokio::test]
async fn every_token_names_a_sign_in() {
    let desk = Desk::new();
    let operators = [desk.ask(&desk.issue(60)).await.unwrap(), desk.ask(&desk.issue(60)).await.unwrap()];
    assert_ne!(operators[0].grant, operators[1].grant);
    let mut old = desk.claims();
    old.as_object_mut().unwrap().remove("sid");
    let named = desk.ask_claims(&old).await.unwrap().grant;
    assert_eq!(named.to_string(), old["jti"].as_str().unwrap(), "an older token is a sign-in of its own");
    old["sid"] = json!("mine");
    assert_eq!(desk.ask_claims(&old).await, Err(ErrorCode::InvalidToken));
}

#[tokio::test]
async fn a_token_expires_at_its_second_and_not_later() {
    let desk = Desk::new();
    let token = desk.issue(60);
    desk.clock.0.store((START + 60) * 1_000_000 - 1, Ordering::Relaxed);
    assert!(desk.ask(&token).await.is_ok());
    desk.clock.0.store((START + 60) * 1_000_000, Ordering::Relaxed);
    assert_eq!(desk.ask(&token).await, Err(ErrorCode::TokenExpired));
    let long = desk.issue(u64::MAX);
    assert!(desk.ask(&long).await.is_ok(), "a time that no calendar has is the last one that it has");
}

/// Protects from a token of a time that has not come, whoever could sign it; the clocks of nodes may differ by a minute.
#[tokio::test]
async fn a_token_of_the_future_is_refused() {
    let desk = Desk::new();
    for (claim, ahead, good) in [
        ("iat", 60, true),
        ("iat", 61, false),
        ("iat", 86_400, false),
        ("nbf", 60, true),
        ("nbf", 61, false),
        ("nbf", i64::MAX - START, false),
        ("nbf", -60, true),
    ] {
        let mut claims = desk.claims();
        claims[claim] = json!(START + ahead);
        claims["exp"] = json!(START + 100_000);
        let wanted = if good { None } else { Some(ErrorCode::InvalidToken) };
        assert_eq!(desk.ask_claims(&claims).await.err(), wanted, "{claim} in {ahead} s");
    }
    let mut claims = desk.claims();
    claims["nbf"] = json!("soon");
    assert_eq!(desk.ask_claims(&claims).await, Err(ErrorCode::InvalidToken));
}

#[tokio::test]
async fn the_token_does_not_choose_its_algorithm() {
    let desk = Desk::new();
    let token = desk.issue(60);
    let refused = Err(ErrorCode::InvalidToken);
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        assert_eq!(desk.ask(&sign(&desk.claims(), algorithm, SECRET)).await, refused);
    }
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let unsigned = with_header(&token, none);
    assert_eq!(desk.ask(&unsigned).await, refused, "none, with a signature");
    let unsigned = &unsigned[..=unsigned.rfind('.').unwrap()];
    assert_eq!(desk.ask(unsigned).await, refused, "none, without a signature");
    let rs256 = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9";
    assert_eq!(desk.ask(&with_header(&token, rs256)).await, refused, "RS256 keyed with our secret");
}

#[tokio::test]
async fn another_secret_or_another_text_is_refused() {
    let desk = Desk::new();
    let refused = Err(ErrorCode::InvalidToken);
    let other = sign(&desk.claims(), Algorithm::HS256, b"fedcba9876543210fedcba9876543210");
    assert_eq!(desk.ask(&other).await, refused);
    let mut admin = desk.claims();
    admin["role"] = json!("admin");
    let promoted = sign(&admin, Algorithm::HS256, b"x");
    let (unsigned, _) = promoted.rsplit_once('.').unwrap();
    let ours = sign(&desk.claims(), Algorithm::HS256, SECRET);
    let (_, signature) = ours.rsplit_once('.').unwrap();
    assert_eq!(desk.ask(&format!("{unsigned}.{signature}")).await, refused);
}

#[tokio::test]
async fn claims_that_are_missing_or_wrong_are_refused() {
    let desk = Desk::new();
    for claim in ["sub", "role", "iat", "exp", "jti", "typ"] {
        let mut claims = desk.claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert_eq!(desk.ask_claims(&claims).await, Err(ErrorCode::InvalidToken), "without {claim}");
    }
    let wrong = [
        ("sub", json!("ada")),
        ("sub", json!(1)),
        ("role", json!("root")),
        ("exp", json!("never")),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(null)),
        ("typ", json!("refresh")),
        ("typ", json!("Access")),
        ("typ", json!("sockets")),
    ];
    for (claim, value) in wrong {
        let mut claims = desk.claims();
        claims[claim] = value;
        assert_eq!(desk.ask_claims(&claims).await, Err(ErrorCode::InvalidToken), "{claims}");
    }
    let mut old = desk.claims();
    old["exp"] = json!(-1);
    assert_eq!(desk.ask_claims(&old).await, Err(ErrorCode::TokenExpired));
}

#[tokio::test]
async fn a_header_that_demands_an_extension_is_refused() {
    let desk = Desk::new();
    let header = Header { crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::HS256) };
    let token = jsonwebtoken::encode(&header, &desk.claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert_eq!(desk.ask(&token).await, Err(ErrorCode::InvalidToken));
}

#[tokio::test]
async fn garbage_is_refused() {
    let desk = Desk::new();
    let token = desk.issue(60);
    let cut = &token[..token.len() - 1];
    for garbage in ["", ".", "..", "...", "a.b.c", "🎉.🎉.🎉", "null", &format!("{token}."), cut] {
        assert_eq!(desk.ask(garbage).await, Err(ErrorCode::InvalidToken), "{garbage}");
    }
}

#[tokio::test]
async fn a_long_token_is_refused_unread() {
    let desk = Desk::new();
    let mut claims = desk.claims();
    claims["padding"] = json!("x".repeat(5_000));
    assert!(desk.ask_claims(&claims).await.is_ok(), "under the limit, unknown claims do no harm");
    claims["padding"] = json!("x".repeat(7_000));
    let long = sign(&claims, Algorithm::HS256, SECRET);
    assert!(long.len() > 8 * 1024);
    assert_eq!(desk.ask(&long).await, Err(ErrorCode::InvalidToken));
    let megabyte = "a.".repeat(512 * 1024);
    assert_eq!(desk.ask(&megabyte).await, Err(ErrorCode::InvalidToken));
}

#[test]
fn a_short_secret_is_refused_and_none_is_shown() {
    let clock = || Arc::new(Stopped(AtomicI64::new(0)));
    assert!(matches!(Tokens::new(&SECRET[..31], clock()), Err(TokenError::WeakSecret(31))));
    let shown = format!("{:?}", Tokens::new(SECRET, clock()).unwrap());
    assert_eq!(shown, "Tokens { .. }");
}
