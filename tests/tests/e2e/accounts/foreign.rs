//! Tokens of another issuer: whom they let in, and how its keys come and go.

use super::{closed_all, me, open_all, quick, refused_all, user};
use parlor_tests::issuer::{NAME, claims, claims_with};
use parlor_tests::{
    Client, Credential, Issuer, PATIENCE, Person, Postgres, SigningKey, TestApp, TestAppBuilder,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Asks until a token is taken; each time it is refused as an unknown one is.
async fn until_taken(app: &TestApp, token: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = me(app, token).await;
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.refusal(), (401, "INVALID_TOKEN".to_owned()));
        assert!(Instant::now() < end, "it is not taken");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Protects people of another issuer: with either kind of key they come in at every door and are the same person at each,
/// while our own tokens go on; and what ends one of their sign-ins ends that one.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_issuer_open_every_door() {
    let (rsa, ec) = (SigningKey::rsa("rsa"), SigningKey::ec("ec"));
    let issuer = Issuer::start(&[&rsa, &ec]).await;
    let app = issuer.trusted_by(quick()).start().await;
    assert_eq!(issuer.asked(), 0, "not before somebody comes");
    let named = |sid: &str| {
        let mut claims = claims_with("user_1", "sid", json!(sid));
        (claims["name"], claims["aud"]) = (json!("Ann Lee"), json!(["other", "parlor"]));
        (claims["role"], claims["scope"]) = (json!("admin"), json!("admin")); // not the issuer's to say
        claims
    };
    let (by_rsa, by_ec) = (rsa.sign(&named("phone")), ec.sign(&named("desk")));
    let sockets = open_all(&app, &by_rsa).await;
    let others = open_all(&app, &by_ec).await;
    let ann = me(&app, &by_rsa).await.json();
    assert_eq!((&ann["username"], &ann["role"]), (&json!("Ann Lee"), &json!("user")));
    assert_eq!(user(&app, &by_ec).await, ann["id"].as_str().unwrap());
    assert_ne!(user(&app, &rsa.sign(&claims("user_2"))).await, ann["id"].as_str().unwrap());
    assert_eq!(issuer.asked(), 1, "the keys are kept");

    let mut first_message = Client::connect(app.address(), Credential::FirstMessage(&by_rsa)).await;
    first_message.expect("auth_success").await;
    let mut header = Client::connect(app.address(), Credential::Header(&by_ec)).await;
    header.expect("auth_success").await;
    let given = app.ask(&by_rsa, "POST", "/api/v1/ws/token", Value::Null).await;
    let socket_token = given.json()["token"].as_str().unwrap().to_owned();
    let by_socket_token = open_all(&app, &socket_token).await;
    let again = rsa.sign(&named("phone"));

    assert_eq!(app.ask(&by_rsa, "POST", "/auth/signout", Value::Null).await.status, 204);
    closed_all(sockets).await;
    closed_all(by_socket_token).await;
    first_message.until_close(4001).await;
    for token in [&by_rsa, &again] {
        refused_all(&app, token, "INVALID_TOKEN").await;
    }
    for mut client in others.into_iter().chain([header]) {
        client.send(json!({"type": "ping"})).await;
        client.frame().await;
    }
    let mut bob = Person::new("bob@example.org");
    let own = bob.sign_up(&app).await;
    open_all(&app, &own.access).await;
    open_all(&app, &app.token("carol@example.org")).await;
}

/// Protects accounts: whom an issuer says it has verified is who has that address here, and who only says so is not.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_counts_where_it_is_verified() {
    let ec = SigningKey::ec("ec");
    let issuer = Issuer::start(&[&ec]).await;
    let app = issuer.trusted_by(quick()).start().await;
    let mut ann = Person::new("ann@example.org");
    let own = ann.sign_up(&app).await;
    let with = |subject: &str, verified: Value| {
        let mut claims = claims_with(subject, "email", json!("Ann@example.org"));
        claims["email_verified"] = verified;
        ec.sign(&claims)
    };
    for (subject, verified) in
        [("a", json!(false)), ("b", json!("true")), ("c", json!(1)), ("d", Value::Null)]
    {
        let claimed = me(&app, &with(subject, verified.clone())).await.json();
        assert_ne!(claimed["id"], json!(own.user), "{verified}");
        assert!(claimed["email"].as_str().unwrap().ends_with("@id.example.org.invalid"), "{claimed}");
    }
    assert_eq!(user(&app, &with("e", json!(true))).await, own.user);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_made_once_on_sqlite() {
    a_newcomer_is_made_once(quick(), |app| {
        let database = rusqlite::Connection::open(app.folder().join("data/parlor.db")).unwrap();
        database.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_made_once_on_postgres() {
    let postgres = Postgres::start();
    let count = |_: &TestApp| postgres.sql("SELECT count(*) FROM users").unwrap().trim().parse().unwrap();
    a_newcomer_is_made_once(quick().env("DATABASE_URL", postgres.url()), count).await;
}

/// Protects a newcomer from being two: fifty connections that come at once, before the keys are there, are one user, and
/// so is who comes after a crash; the issuer is asked once for all of them.
async fn a_newcomer_is_made_once(builder: TestAppBuilder, users: impl Fn(&TestApp) -> u32) {
    let (rsa, ec) = (SigningKey::rsa("rsa"), SigningKey::ec("ec"));
    let issuer = Issuer::start(&[&rsa, &ec]).await;
    issuer.slow_down(Duration::from_millis(300));
    let mut app = issuer.trusted_by(builder).env("WS_MAX_CONNECTIONS_PER_USER", 0).start().await;
    let tokens = [rsa.sign(&claims("user_1")), ec.sign(&claims("user_1"))];
    let connections = tokens.iter().cycle().take(50).map(async |token| {
        let mut client = Client::connect(app.address(), Credential::Query(token)).await;
        client.expect("auth_success").await["user_id"].as_str().unwrap().to_owned()
    });
    let seen: BTreeSet<String> = futures_util::future::join_all(connections).await.into_iter().collect();
    assert_eq!((seen.len(), users(&app), issuer.asked()), (1, 1, 1));
    app.kill9();
    app.restart().await;
    assert_eq!(user(&app, &tokens[0]).await, *seen.first().unwrap());
    assert_eq!(users(&app), 1);
}

/// Protects both sides while keys change and the issuer is away: a new key is found by its first token, known keys go on
/// without their issuer, and whatever comes in, the issuer hears of us seldom. (The issuer is asked once in ten seconds.)
#[tokio::test(flavor = "multi_thread")]
async fn keys_come_and_go() {
    let (old, new) = (SigningKey::ec("2025"), SigningKey::rsa("2026"));
    let mut issuer = Issuer::start(&[&old]).await;
    let app = issuer.trusted_by(quick()).start().await;
    let started = Instant::now();
    let (by_old, by_new) = (old.sign(&claims("user_1")), new.sign(&claims("user_1")));
    until_taken(&app, &by_old).await;
    let strangers = SigningKey::ec("stranger");
    let flood = (0..500).map(async |number| {
        let header = json!({"alg": "ES256", "kid": format!("unknown-{number}")});
        let token = strangers.sign_as(&header, &claims("user_1"));
        assert_eq!(me(&app, &token).await.refusal(), (401, "INVALID_TOKEN".to_owned()));
    });
    for chunk in chunks(flood, 25) {
        futures_util::future::join_all(chunk).await;
    }
    let allowed = 1 + started.elapsed().as_secs() / 10;
    assert!(issuer.asked() as u64 <= allowed, "{} requests in {:?}", issuer.asked(), started.elapsed());

    issuer.publish(&[&new]);
    let before = issuer.asked();
    until_taken(&app, &by_new).await;
    assert_eq!(issuer.asked(), before + 1, "one request found it");
    assert_eq!(
        me(&app, &by_old).await.refusal(),
        (401, "INVALID_TOKEN".to_owned()),
        "the old one was taken back"
    );

    issuer.stop().await;
    open_all(&app, &by_new).await;
    assert_eq!(user(&app, &by_new).await, user(&app, &new.sign(&claims("user_1"))).await);
}

fn chunks<T>(all: impl Iterator<Item = T>, size: usize) -> Vec<Vec<T>> {
    let mut chunks = Vec::new();
    for (number, it) in all.enumerate() {
        if number % size == 0 {
            chunks.push(Vec::new());
        }
        chunks.last_mut().unwrap().push(it);
    }
    chunks
}

/// Protects everybody else from an issuer that is down from the start: its tokens are not taken and not said to be wrong,
/// our own open every door, and when it is back its tokens are good.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_down_keeps_nobody_else_out() {
    let ec = SigningKey::ec("ec");
    let mut issuer = Issuer::start(&[&ec]).await;
    let app = issuer.trusted_by(quick()).start().await;
    issuer.stop().await;
    let token = ec.sign(&claims("user_1"));
    let refused = me(&app, &token).await;
    assert_eq!(refused.refusal(), (500, "INTERNAL".to_owned()));
    open_all(&app, &app.token("ann@example.org")).await;
    issuer.come_back().await;
    let end = Instant::now() + PATIENCE;
    while me(&app, &token).await.status != 200 {
        assert!(Instant::now() < end, "it is not asked again");
        sleep(Duration::from_millis(100)).await;
    }
    open_all(&app, &token).await;
}

/// Protects from a door that is open to nobody's knowledge: without the settings no issuer's token is taken, and the name
/// of an issuer is one to the letter.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_trusted_by_its_settings_alone() {
    let ec = SigningKey::ec("ec");
    let issuer = Issuer::start(&[&ec]).await;
    let token = ec.sign(&claims("user_1"));
    let app = quick().start().await;
    refused_all(&app, &token, "INVALID_TOKEN").await;
    assert_eq!(issuer.asked(), 0);
    let any = quick().env("JWKS_URL", issuer.url()).env("JWT_ISSUER", NAME).start().await;
    assert_eq!(
        me(&any, &ec.sign(&claims_with("user_1", "aud", Value::Null))).await.status,
        200,
        "no audience is set"
    );
    let other = quick().env("JWKS_URL", issuer.url()).env("JWT_ISSUER", format!("{NAME}/")).start().await;
    refused_all(&other, &token, "INVALID_TOKEN").await;
}
