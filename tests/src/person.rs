//! Somebody with an account: they have a password and read their mail, which is in the server's outbox.

use crate::TestApp;
use crate::client::id;
use crate::http::{self, Answer};
use crate::mail::Outbox;
use serde_json::{Value, json};

/// A person. It reads each mail once, in their order.
#[derive(Debug, Clone)]
pub struct Person {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// How many mails they have read.
    pub mails: usize,
}

/// What somebody has who has signed in.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Opens HTTP routes and sockets.
    pub access: String,
    /// Gets the next tokens.
    pub refresh: String,
    /// Whose they are.
    pub user: String,
}

impl Tokens {
    /// Those of an answer, which must have succeeded.
    pub fn of(answer: &Answer) -> Self {
        assert!([200, 201].contains(&answer.status), "{}", answer.body);
        let body = answer.json();
        Self {
            access: id(&body["access_token"]),
            refresh: id(&body["refresh_token"]),
            user: id(&body["user"]["id"]),
        }
    }
}

/// A request of somebody who has no token.
pub async fn post(app: &TestApp, path: &str, body: Value) -> Answer {
    http::ask(app.address(), "POST", path, None, &body).await
}

impl Person {
    /// Somebody who has no account yet.
    pub fn new(email: &str) -> Self {
        Self { email: email.to_owned(), password: "correct horse".to_owned(), mails: 0 }
    }

    /// The same with another password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// The address with the password, as both sign-up and sign-in want it.
    pub fn credentials(&self) -> Value {
        json!({"email": self.email, "password": self.password})
    }

    /// The code in the next mail.
    pub async fn code(&mut self, app: &TestApp) -> String {
        let mail = Outbox::of(app).mail(&self.email, self.mails).await;
        self.mails += 1;
        mail.code().unwrap_or_else(|| panic!("no code in {mail:?}"))
    }

    /// Brings a code.
    pub async fn bring(&self, app: &TestApp, path: &str, code: &str) -> Answer {
        post(app, path, json!({"email": self.email, "code": code})).await
    }

    /// Signs up and proves the address.
    pub async fn sign_up(&mut self, app: &TestApp) -> Tokens {
        let answer = post(app, "/auth/signup", self.credentials()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let code = self.code(app).await;
        Tokens::of(&self.bring(app, "/auth/verify-email", &code).await)
    }

    /// Brings the password; gives the code that came by mail.
    pub async fn begin_sign_in(&mut self, app: &TestApp) -> String {
        let answer = post(app, "/auth/signin", self.credentials()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.code(app).await
    }

    /// Signs in.
    pub async fn sign_in(&mut self, app: &TestApp) -> Tokens {
        let code = self.begin_sign_in(app).await;
        Tokens::of(&self.bring(app, "/auth/verify-signin", &code).await)
    }
}

/// Exchanges a refresh token.
pub async fn refresh(app: &TestApp, token: &str) -> Answer {
    post(app, "/auth/refresh", json!({"refresh_token": token})).await
}
