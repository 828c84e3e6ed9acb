//! What may be no password, and what is no request.

use super::quick;
use parlor_tests::person::post;
use parlor_tests::raw::RawSocket;
use parlor_tests::{Outbox, PATIENCE, Person};
use serde_json::{Value, json};

/// Protects accounts from the passwords that are tried first, and people from being told their password by an error.
#[tokio::test(flavor = "multi_thread")]
async fn bad_passwords_are_refused() {
    let app = quick().start().await;
    let long = "x".repeat(129);
    for bad in [
        "",
        "seven77",
        "password",
        "PassWord1",
        "12345678",
        "qwertyuiop",
        "ann@example.org",
        "ANN@example.org",
        &long,
    ] {
        let answer =
            post(&app, "/auth/signup", Person::new("ann@example.org").with_password(bad).credentials()).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST".to_owned()), "{bad}");
        assert!(bad.len() < 9 || !answer.body.contains(bad), "{}", answer.body);
        assert!(bad.len() < 9 || !app.log().contains(bad), "{}", app.log());
    }
    assert_eq!(Outbox::of(&app).files().len(), 0);
    for (good, number) in
        ["eight888", "пароль-мой-секрет", &"x".repeat(128), &"🎉".repeat(128)].into_iter().zip(0..)
    {
        let mut person = Person::new(&format!("user{number}@example.org")).with_password(good);
        person.sign_up(&app).await;
        person.sign_in(&app).await;
    }
    // Past 72 bytes, where other hashes stop to look.
    let (right, wrong) = ("x".repeat(128), "x".repeat(127) + "y");
    assert_ne!(right, wrong);
    let answer =
        post(&app, "/auth/signin", Person::new("user2@example.org").with_password(&wrong).credentials())
            .await;
    assert_eq!(answer.status, 401);
}

/// Protects the routes of accounts from what is no request: each is refused in our form, and quotes no credential.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused() {
    let app = quick().start().await;
    let routes =
        ["/auth/signup", "/auth/signin", "/auth/verify-email", "/auth/verify-signin", "/auth/refresh"];
    for path in routes {
        for (body, status, code) in [
            (Value::Null, 400, "INVALID_JSON"),
            (json!([]), 400, "INVALID_JSON"),
            (json!("secret horse"), 400, "INVALID_JSON"),
            (json!({}), 400, "INVALID_REQUEST"),
            (
                json!({"email": 1, "password": ["secret horse"], "code": {}, "refresh_token": 1}),
                400,
                "INVALID_REQUEST",
            ),
            (
                json!({"email": "a@b.c", "password": {"x": "secret horse"}, "code": 1, "refresh_token": []}),
                400,
                "INVALID_REQUEST",
            ),
            (
                json!({"email": "no address", "password": "secret horse", "code": "123456", "refresh_token": 1}),
                400,
                "INVALID_REQUEST",
            ),
            (json!({"email": "x".repeat(9_000)}), 413, "INVALID_REQUEST"),
        ] {
            let answer = post(&app, path, body.clone()).await;
            assert_eq!(answer.refusal(), (status, code.to_owned()), "{path} {:.60}", body.to_string());
            assert!(!answer.body.contains("secret horse"), "{}", answer.body);
        }
    }
    for token in ["", "x", &"A".repeat(43), &"A".repeat(4_000)] {
        let answer = post(&app, "/auth/refresh", json!({"refresh_token": token})).await;
        assert_eq!(answer.refusal(), (401, "INVALID_TOKEN".to_owned()), "{token:.50}");
    }
}

/// Protects the server's memory from fields of ten megabytes: each is refused where its bound is, from many at once, and
/// what is kept of them is nothing.
#[tokio::test(flavor = "multi_thread")]
async fn fields_of_ten_megabytes_are_refused() {
    let app = quick().start().await;
    let token = app.token("ann@example.org");
    let before = app.resident_bytes();
    let large = "x".repeat(10 << 20);
    let routes = [
        ("POST", "/auth/signup", "email"),
        ("POST", "/auth/signin", "password"),
        ("POST", "/auth/verify-signin", "code"),
        ("POST", "/auth/refresh", "refresh_token"),
        ("POST", "/auth/signout", "refresh_token"),
        ("PATCH", "/api/v1/users/me", "username"),
    ];
    let asked = routes.iter().map(async |(method, path, field)| {
        let body =
            json!({"email": "a@example.org", "password": "x", "code": "x", (*field): large}).to_string();
        let mut socket = RawSocket::connect(app.address()).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        socket.write((head + &body).as_bytes()).await;
        let answer = String::from_utf8_lossy(&socket.read_to_end(PATIENCE).await).into_owned();
        // A server that closes before all was sent may take its answer along: then there is none.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{path}: {answer:.200}");
    });
    futures_util::future::join_all(asked).await;
    assert!(app.resident_bytes() < before + (32 << 20), "from {before} to {} bytes", app.resident_bytes());
    assert_eq!(app.ask(&token, "GET", "/api/v1/users/me", Value::Null).await.status, 200);
}
