//! The same thing done twice at the same time, at two servers that share a database.

use super::{me, quick};
use futures_util::future::join_all;
use parlor_tests::person::{Tokens, post};
use parlor_tests::{Person, Postgres, TestApp};
use serde_json::{Value, json};

async fn two_nodes(postgres: &Postgres) -> [TestApp; 2] {
    let node = async || {
        let shared = quick().env("DATABASE_URL", postgres.url());
        shared.env("JWT_SECRET", "the secret that both of the nodes share").start().await
    };
    [node().await, node().await]
}

/// Protects a code from opening two doors: of many who bring it at once, at either node, one comes in.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_at_two_nodes() {
    let postgres = Postgres::start();
    let nodes = two_nodes(&postgres).await;
    let mut ann = Person::new("ann@example.org");
    for (begin, verify, status) in
        [("/auth/signup", "/auth/verify-email", 201), ("/auth/signin", "/auth/verify-signin", 200)]
    {
        assert_eq!(post(&nodes[0], begin, ann.credentials()).await.status, status);
        let body = json!({"email": ann.email, "code": ann.code(&nodes[0]).await});
        // As many as a code bears guesses: none is refused for their number.
        let answers = join_all((0..5).map(|number| post(&nodes[number % 2], verify, body.clone()))).await;
        let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
        assert_eq!(good.len(), 1, "{verify}");
        assert!(bad.iter().all(|it| it.refusal() == (401, "INVALID_CODE".to_owned())), "{verify}");
        for node in &nodes {
            assert_eq!(me(node, &Tokens::of(good[0]).access).await.status, 200);
        }
    }
}

/// Protects a sign-in from its own copies at two nodes: one of many gets the next tokens, and since there are copies all of
/// it ends, at both.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once_at_two_nodes() {
    let postgres = Postgres::start();
    let nodes = two_nodes(&postgres).await;
    let mut ann = Person::new("ann@example.org");
    let tokens = ann.sign_up(&nodes[0]).await;
    let body = json!({"refresh_token": tokens.refresh});
    let asked = (0..8).map(|number| post(&nodes[number % 2], "/auth/refresh", body.clone()));
    let answers = join_all(asked).await;
    let good: Vec<_> = answers.iter().filter(|it| it.status == 200).map(Tokens::of).collect();
    assert!(good.len() <= 1, "{} got tokens", good.len());
    for next in &good {
        let later = post(&nodes[1], "/auth/refresh", json!({"refresh_token": next.refresh})).await;
        assert_eq!(later.refusal(), (401, "INVALID_TOKEN".to_owned()));
    }
    for access in good.iter().map(|it| &it.access).chain([&tokens.access]) {
        for node in &nodes {
            super::until_refused(node, access).await;
        }
    }
    let admin = nodes[0].admin_token("admin@example.org");
    let path = "/api/v1/admin/audit?action=token_reuse";
    let log = nodes[0].ask(&admin, "GET", path, Value::Null).await.json();
    assert!(!log["data"].as_array().unwrap().is_empty(), "{log}");
}
