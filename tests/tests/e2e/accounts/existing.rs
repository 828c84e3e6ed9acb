//! Addresses that are not new: an account that is there, a sign-up that was never finished, a user of the operator's.

use super::{me, quick, seen, user};
use parlor_tests::person::{Tokens, post};
use parlor_tests::{Outbox, Person, Postgres, TestAppBuilder};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_new_on_sqlite() {
    addresses_that_are_not_new(quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_new_on_postgres() {
    let postgres = Postgres::start();
    addresses_that_are_not_new(quick().env("DATABASE_URL", postgres.url())).await;
}

async fn addresses_that_are_not_new(builder: TestAppBuilder) {
    let mut app = builder.start().await;
    // Of two sign-ups the one counts that is proved, whichever it is, and the other one's code is of no use any more.
    for (address, proved) in [("first@example.org", 0), ("second@example.org", 1)] {
        let passwords = ["the first horse", "another horse"];
        let mut people = passwords.map(|password| Person::new(address).with_password(password));
        let mut codes = Vec::new();
        for (number, person) in people.iter_mut().enumerate() {
            assert_eq!(post(&app, "/auth/signup", person.credentials()).await.status, 201);
            person.mails = number;
            codes.push(person.code(&app).await);
            let early = post(&app, "/auth/signin", person.credentials()).await;
            assert_eq!(early.refusal(), (401, "INVALID_CREDENTIALS".to_owned()), "not before it is proved");
        }
        app.kill9();
        app.restart().await;
        Tokens::of(&people[proved].bring(&app, "/auth/verify-email", &codes[proved]).await);
        let late = people[0].bring(&app, "/auth/verify-email", &codes[1 - proved]).await;
        assert_eq!(late.refusal(), (401, "INVALID_CODE".to_owned()), "it would set another password");
        people[proved].mails = 2;
        people[proved].sign_in(&app).await;
        let other = post(&app, "/auth/signin", people[1 - proved].credentials()).await;
        assert_eq!(other.refusal(), (401, "INVALID_CREDENTIALS".to_owned()));
    }

    // Who signs up for an address that has an account learns nothing and changes nothing; its owner hears of it.
    let mut ann = Person::new("ann@example.org");
    let tokens = ann.sign_up(&app).await;
    let eve = Person::new(&ann.email).with_password("eve's own horse");
    let known = post(&app, "/auth/signup", eve.credentials()).await;
    let unknown = post(&app, "/auth/signup", Person::new("nobody@example.org").credentials()).await;
    assert_eq!(seen(&known), seen(&unknown));
    let mail = Outbox::of(&app).mail(&ann.email, 1).await;
    assert_eq!((mail.code(), mail.subject().contains("already")), (None, true), "{mail:?}");
    assert_eq!(post(&app, "/auth/signin", eve.credentials()).await.status, 401);
    ann.mails = 2;
    assert_eq!(ann.sign_in(&app).await.user, tokens.user);

    // Whom an operator gave a token becomes the same person's account, with what they had.
    let mut bob = Person::new("bob@example.org");
    let operators = app.token(&bob.email);
    let tokens = bob.sign_up(&app).await;
    assert_eq!(user(&app, &operators).await, tokens.user);
    assert_eq!(me(&app, &tokens.access).await.json()["email"], json!(bob.email));
}
