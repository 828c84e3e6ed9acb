//! A person's way: sign-up, sign-in, refresh, sign-out, with a server that is killed in between.

use super::{closed_all, me, open_all, quick, refused_all, user};
use parlor_tests::client::id;
use parlor_tests::person::{Tokens, post, refresh};
use parlor_tests::{Client, Credential, Person, Postgres, TestApp, TestAppBuilder};
use serde_json::{Value, json};
use std::time::Duration;

async fn socket_token(app: &TestApp, tokens: &Tokens) -> String {
    let answer = app.ask(&tokens.access, "POST", "/api/v1/ws/token", Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    id(&answer.json()["token"])
}

/// A token for sockets alone opens none any more.
async fn socket_token_is_refused(app: &TestApp, token: &str) {
    let mut client = Client::connect(app.address(), Credential::Query(token)).await;
    client.expect_error("INVALID_TOKEN").await;
    client.expect_close(4001).await;
}

async fn sign_out(app: &TestApp, tokens: &Tokens, body: Value) {
    let answer = app.ask(&tokens.access, "POST", "/auth/signout", body).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
}

async fn killed(app: &mut TestApp) {
    app.kill9();
    app.restart().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_on_sqlite() {
    a_life(quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_on_postgres() {
    let postgres = Postgres::start();
    a_life(quick().env("DATABASE_URL", postgres.url())).await;
}

/// Protects people: what they did is so after a crash too, and what ends a sign-in ends all of that one and nothing of
/// another.
async fn a_life(builder: TestAppBuilder) {
    let mut app = builder.start().await;
    let mut ann = Person::new("ann@example.org");

    let mut new = ann.credentials();
    (new["email"], new["username"]) = (json!(" Ann@Example.ORG "), json!("Ann Lee"));
    let answer = post(&app, "/auth/signup", new).await;
    assert_eq!((answer.status, answer.json()), (201, json!({"verification_required": true})));
    let code = ann.code(&app).await;
    killed(&mut app).await;
    let answer = ann.bring(&app, "/auth/verify-email", &code).await;
    let first = Tokens::of(&answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(3_600)));
    assert_eq!((&body["user"]["email"], &body["user"]["username"]), (&json!(ann.email), &json!("Ann Lee")));
    assert_eq!(body["user"]["role"], "user");
    let again = ann.bring(&app, "/auth/verify-email", &code).await;
    assert_eq!(again.refusal(), (401, "INVALID_CODE".to_owned()), "a code is good once");

    killed(&mut app).await;
    let second = ann.sign_in(&app).await;
    assert_eq!(second.user, first.user);
    for tokens in [&first, &second] {
        assert_eq!(user(&app, &tokens.access).await, first.user);
    }

    // The old refresh token comes again: one of the two who have it is a thief.
    let rotated = Tokens::of(&refresh(&app, &first.refresh).await);
    assert_ne!(rotated.refresh, first.refresh);
    let sockets = [open_all(&app, &first.access).await, open_all(&app, &rotated.access).await].concat_all();
    let (of_first, of_second) = (socket_token(&app, &first).await, socket_token(&app, &second).await);
    let by_socket_token = open_all(&app, &of_first).await;
    let mut others = open_all(&app, &second.access).await;
    assert_eq!(refresh(&app, &first.refresh).await.refusal(), (401, "INVALID_TOKEN".to_owned()));
    closed_all(sockets).await;
    closed_all(by_socket_token).await;
    for _ in 0..2 {
        assert_eq!(refresh(&app, &rotated.refresh).await.refusal(), (401, "INVALID_TOKEN".to_owned()));
        refused_all(&app, &first.access, "INVALID_TOKEN").await;
        refused_all(&app, &rotated.access, "INVALID_TOKEN").await;
        socket_token_is_refused(&app, &of_first).await;
        for client in &mut others {
            client.send(json!({"type": "ping"})).await;
            client.frame().await;
        }
        killed(&mut app).await;
        others = open_all(&app, &second.access).await;
    }

    let third = ann.sign_in(&app).await;
    let sockets = open_all(&app, &second.access).await;
    let by_socket_token = open_all(&app, &of_second).await;
    sign_out(&app, &second, json!({"refresh_token": second.refresh})).await;
    closed_all(sockets).await;
    closed_all(by_socket_token).await;
    closed_all(others).await;
    for _ in 0..2 {
        refused_all(&app, &second.access, "INVALID_TOKEN").await;
        socket_token_is_refused(&app, &of_second).await;
        assert_eq!(refresh(&app, &second.refresh).await.refusal(), (401, "INVALID_TOKEN".to_owned()));
        assert_eq!(me(&app, &third.access).await.status, 200);
        killed(&mut app).await;
    }
    let third = Tokens::of(&refresh(&app, &third.refresh).await);
    open_all(&app, &third.access).await;
}

/// Lists of connections as one.
trait Concat {
    fn concat_all(self) -> Vec<Client>;
}

impl<const N: usize> Concat for [Vec<Client>; N] {
    fn concat_all(self) -> Vec<Client> {
        self.into_iter().flatten().collect()
    }
}

/// Protects who signs out: the sign-in of the refresh token that they bring ends too, where it is another of theirs, and
/// nobody else's does; without a body their own ends alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_ends_what_it_names() {
    let app = quick().start().await;
    let (mut ann, mut bob) = (Person::new("ann@example.org"), Person::new("bob@example.org"));
    let (phone, strangers) = (ann.sign_up(&app).await, bob.sign_up(&app).await);
    let (tablet, desk) = (ann.sign_in(&app).await, ann.sign_in(&app).await);
    let sockets = open_all(&app, &tablet.access).await;
    sign_out(&app, &phone, json!({"refresh_token": tablet.refresh})).await;
    closed_all(sockets).await;
    for tokens in [&phone, &tablet] {
        refused_all(&app, &tokens.access, "INVALID_TOKEN").await;
        assert_eq!(refresh(&app, &tokens.refresh).await.status, 401);
    }
    let bobs = open_all(&app, &strangers.access).await;
    sign_out(&app, &desk, json!({"refresh_token": strangers.refresh})).await;
    assert_eq!(me(&app, &desk.access).await.status, 401);
    assert_eq!(me(&app, &strangers.access).await.status, 200);
    sign_out(&app, &Tokens::of(&refresh(&app, &strangers.refresh).await), Value::Null).await;
    closed_all(bobs).await;
    let answer = post(&app, "/auth/signout", Value::Null).await;
    assert_eq!(answer.refusal(), (401, "UNAUTHENTICATED".to_owned()));
}

/// Protects whom a load balancer sends about: what ends a sign-in at one node ends it at the others, sockets too.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_ends_on_every_node() {
    let postgres = Postgres::start();
    let node = || {
        quick()
            .env("DATABASE_URL", postgres.url())
            .env("JWT_SECRET", "the secret that both of the nodes share")
    };
    let (here, there) = (node().start().await, node().start().await);
    let mut ann = Person::new("ann@example.org");
    let (first, second) = (ann.sign_up(&here).await, ann.sign_in(&here).await);
    let [of_first, of_second] =
        [open_all(&there, &first.access).await, open_all(&there, &second.access).await];
    sign_out(&here, &first, Value::Null).await;
    closed_all(of_first).await;
    refused_all(&there, &first.access, "INVALID_TOKEN").await;
    assert_eq!(refresh(&there, &first.refresh).await.refusal(), (401, "INVALID_TOKEN".to_owned()));
    let rotated = Tokens::of(&refresh(&there, &second.refresh).await);
    let sockets = open_all(&here, &rotated.access).await;
    assert_eq!(refresh(&there, &second.refresh).await.status, 401);
    closed_all(sockets).await;
    closed_all(of_second).await;
    refused_all(&here, &second.access, "INVALID_TOKEN").await;
}

/// Protects a sign-in from its own copies: of many who bring the same refresh token at once one gets tokens, and the
/// sign-in ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once_at_the_same_time() {
    let app = quick().start().await;
    let mut ann = Person::new("ann@example.org");
    let tokens = ann.sign_up(&app).await;
    let asked = (0..16).map(|_| refresh(&app, &tokens.refresh));
    let answers = futures_util::future::join_all(asked).await;
    let good: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert!(good.len() <= 1, "{} got tokens", good.len());
    for answer in good {
        refused_all(&app, &Tokens::of(answer).access, "INVALID_TOKEN").await;
    }
    refused_all(&app, &tokens.access, "INVALID_TOKEN").await;
}

/// Protects sockets from outliving their sign-in: an access token ends when the operator said, and a refresh goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_ends_in_its_time() {
    let app = quick().env("ACCESS_TOKEN_TTL", "3s").start().await;
    let mut ann = Person::new("ann@example.org");
    let tokens = ann.sign_up(&app).await;
    let sockets = open_all(&app, &tokens.access).await;
    closed_all(sockets).await;
    refused_all(&app, &tokens.access, "TOKEN_EXPIRED").await;
    let next = Tokens::of(&refresh(&app, &tokens.refresh).await);
    assert_eq!(user(&app, &next.access).await, tokens.user);
}

/// Protects sign-ins from lasting for ever: a refresh token ends when the operator said, from its own making on.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_ends_in_its_time() {
    let app = quick().env("REFRESH_TOKEN_TTL", "4s").start().await;
    let mut ann = Person::new("ann@example.org");
    let tokens = ann.sign_up(&app).await;
    let next = Tokens::of(&refresh(&app, &tokens.refresh).await);
    tokio::time::sleep(Duration::from_millis(4_100)).await;
    assert_eq!(refresh(&app, &next.refresh).await.refusal(), (401, "INVALID_TOKEN".to_owned()));
    assert_eq!(me(&app, &next.access).await.status, 200, "its access token has a time of its own");
}
