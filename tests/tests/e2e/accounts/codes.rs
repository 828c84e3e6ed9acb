//! Guessing: at codes and at passwords, from one place and from many.

use super::{quick, seen};
use parlor_tests::person::{Tokens, post};
use parlor_tests::{Person, Postgres, TestApp, TestAppBuilder, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use tokio::task::JoinSet;

const GUESSES: u32 = 10_000;

/// An address of this machine; each number has its own.
fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number)
}

/// The codes that are not this one, beginning somewhere.
fn wrong(code: &str) -> impl Iterator<Item = String> {
    let right: u32 = code.parse().unwrap();
    (1..1_000_000).map(move |step| format!("{:06}", (right + step * 7_919) % 1_000_000))
}

/// Brings codes from many addresses at once, so many from each; gives how often each status came.
async fn guess(app: &TestApp, person: &Person, codes: Vec<String>, each: usize) -> BTreeMap<u16, usize> {
    let mut visitors = JoinSet::new();
    let mut answers = BTreeMap::new();
    for (codes, number) in codes.chunks(each).zip(0..) {
        let (server, email, codes) = (app.address(), person.email.clone(), codes.to_vec());
        visitors.spawn(async move {
            let mut visitor = Visitor::connect_from(address(number), server).await;
            let mut statuses = Vec::new();
            for code in codes {
                let answer =
                    visitor.post("/auth/verify-signin", &json!({"email": email, "code": code})).await;
                assert!(answer.status != 429 || answer.header("retry-after").is_some(), "{}", answer.head);
                statuses.push(answer.status);
            }
            statuses
        });
        if visitors.len() >= 32 {
            count(&mut answers, visitors.join_next().await.unwrap().unwrap());
        }
    }
    while let Some(statuses) = visitors.join_next().await {
        count(&mut answers, statuses.unwrap());
    }
    answers
}

fn count(answers: &mut BTreeMap<u16, usize>, statuses: Vec<u16>) {
    for status in statuses {
        *answers.entry(status).or_default() += 1;
    }
}

/// Ten thousand guesses, the right code among them ever again.
async fn ten_thousand_guesses(builder: TestAppBuilder, each: usize) {
    // In memory where that can be had: twenty thousand commits would otherwise be the disk's figures.
    let memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let database = format!("sqlite://{}", memory.path().join("parlor.db").display());
    let mut app = builder.env("AUTH_MINIMUM_TIME", 0).env("DATABASE_URL", database).start().await;
    let mut ann = Person::new("ann@example.org");
    ann.sign_up(&app).await;
    let code = ann.begin_sign_in(&app).await;
    // Five before the others, so that the right one comes when the code is burnt; then at every place.
    let first = guess(&app, &ann, wrong(&code).take(5).collect(), 1).await;
    assert_eq!(first, BTreeMap::from([(401, 5)]));
    let mut codes: Vec<String> = wrong(&code).skip(5).take(GUESSES as usize - 5).collect();
    // The first of every visitor, and many after it.
    codes.iter_mut().step_by(25).for_each(|it| it.clone_from(&code));
    let answers = guess(&app, &ann, codes, each).await;
    assert_eq!(answers.keys().copied().collect::<Vec<_>>(), [401, 429], "{answers:?}");
    assert_eq!(answers.values().sum::<usize>() + 5, GUESSES as usize);
    app.kill9();
    app.restart().await;
    let late = ann.bring(&app, "/auth/verify-signin", &code).await;
    assert!([401, 429].contains(&late.status), "{}", late.body);
}

/// Protects codes from being guessed from everywhere, while each address may ask as often as an address may.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_not_guessed_from_many_addresses() {
    ten_thousand_guesses(TestApp::builder().env("AUTH_RATE_LIMIT_REQUESTS", 60), 50).await;
}

/// Protects codes where addresses are not limited: what burns a code is the code's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_not_guessed_without_a_limit_of_addresses() {
    ten_thousand_guesses(quick(), 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burnt_code_stays_burnt_on_sqlite() {
    a_burnt_code_stays_burnt(quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burnt_code_stays_burnt_on_postgres() {
    let postgres = Postgres::start();
    a_burnt_code_stays_burnt(quick().env("DATABASE_URL", postgres.url())).await;
}

/// Protects a code that was guessed at five times, of a sign-up and of a sign-in: it is never good again, neither after a
/// crash nor after its owner signed in with another one.
async fn a_burnt_code_stays_burnt(builder: TestAppBuilder) {
    let mut app = builder.start().await;
    let mut ann = Person::new("ann@example.org");
    for (begin, verify) in [("/auth/signup", "/auth/verify-email"), ("/auth/signin", "/auth/verify-signin")] {
        assert!(post(&app, begin, ann.credentials()).await.status < 300);
        let burnt = ann.code(&app).await;
        for (code, number) in wrong(&burnt).zip(1..=5) {
            assert_eq!(ann.bring(&app, verify, &code).await.refusal().1, "INVALID_CODE", "{number}");
            if number == 3 {
                app.kill9();
                app.restart().await;
            }
        }
        assert_eq!(ann.bring(&app, verify, &burnt).await.refusal(), (401, "INVALID_CODE".to_owned()));
        app.kill9();
        app.restart().await;
        assert_eq!(ann.bring(&app, verify, &burnt).await.refusal(), (401, "INVALID_CODE".to_owned()));
        assert!(post(&app, begin, ann.credentials()).await.status < 300);
        let good = ann.code(&app).await;
        Tokens::of(&ann.bring(&app, verify, &good).await);
        assert_eq!(ann.bring(&app, verify, &burnt).await.refusal(), (401, "INVALID_CODE".to_owned()));
    }
}

/// Protects a code that is still good from guesses below five, and people from what is no guess: a slip of the keyboard
/// burns nothing, and another's address or purpose opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_bears_four_guesses_and_any_slip() {
    let app = quick().start().await;
    let (mut ann, mut bob) = (Person::new("ann@example.org"), Person::new("bob@example.org"));
    ann.sign_up(&app).await;
    bob.sign_up(&app).await;
    let code = ann.begin_sign_in(&app).await;
    for slip in ["", "12345", "1234567", "12345x", "1'; --", &"1".repeat(5_000)] {
        assert_eq!(
            ann.bring(&app, "/auth/verify-signin", slip).await.refusal().1,
            "INVALID_CODE",
            "{slip:.20}"
        );
    }
    let foreign = bob.bring(&app, "/auth/verify-signin", &code).await;
    assert_eq!(foreign.refusal(), (401, "INVALID_CODE".to_owned()));
    let elsewhere = ann.bring(&app, "/auth/verify-email", &code).await;
    assert_eq!(elsewhere.refusal(), (401, "INVALID_CODE".to_owned()));
    for code in wrong(&code).take(4) {
        assert_eq!(ann.bring(&app, "/auth/verify-signin", &code).await.status, 401);
    }
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    Tokens::of(&ann.bring(&app, "/auth/verify-signin", &spaced).await);
}

fn without_waits(answer: &parlor_tests::http::Answer) -> (u16, Value) {
    let mut body = answer.json();
    assert_eq!(body["retry_after"].as_u64(), answer.header("retry-after").map(|it| it.parse().unwrap()));
    body.as_object_mut().unwrap().remove("retry_after");
    (answer.status, body)
}

/// Protects passwords: after ten wrong ones of an address nobody tries another for a while, wherever they come from; an
/// unknown address is the same to see, and a right one before it begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_limited_by_address() {
    let mut app = quick().start().await;
    let mut ann = Person::new("ann@example.org");
    ann.sign_up(&app).await;
    let attempt = async |app: &TestApp, email: &str, number: u32| {
        let mut visitor = Visitor::connect_from(address(number), app.address()).await;
        visitor.post("/auth/signin", &json!({"email": email, "password": "wrong horse"})).await
    };
    for number in 0..9 {
        assert_eq!(attempt(&app, &ann.email, number).await.status, 401);
    }
    ann.sign_in(&app).await;
    let mut all = Vec::new();
    for email in [ann.email.as_str(), "nobody@example.org"] {
        let mut answers = Vec::new();
        for number in 0..11 {
            answers.push(attempt(&app, email, number).await);
        }
        let refused: Vec<u16> = answers.iter().map(|it| it.status).collect();
        assert_eq!(refused, [&[401; 10][..], &[429]].concat(), "{email}");
        assert!(answers[10].header("retry-after").is_some_and(|it| it.parse::<u64>().unwrap() > 0));
        all.push(answers.iter().map(without_waits).collect::<Vec<_>>());
    }
    assert_eq!(all[0], all[1]);
    app.kill9();
    app.restart().await;
    for _ in 0..2 {
        let right = post(&app, "/auth/signin", ann.credentials()).await;
        assert_eq!(right.refusal(), (429, "RATE_LIMIT".to_owned()), "the right one is not told apart");
    }
}

/// Protects the server from one visitor, whose limit is over all of these routes, and the others from them.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_a_limit_of_requests() {
    let app = TestApp::builder().env("AUTH_RATE_LIMIT_REQUESTS", 3).env("AUTH_MINIMUM_TIME", 0).start().await;
    let asks = [
        ("/auth/verify-email", json!({"email": "ann@example.org", "code": "123456"})),
        ("/auth/verify-signin", json!({"email": "bob@example.org", "code": "123456"})),
        ("/auth/refresh", json!({"refresh_token": "x"})),
    ];
    let mut visitor = Visitor::connect_from(address(0), app.address()).await;
    for (path, body) in &asks {
        assert_eq!(visitor.post(path, body).await.status, 401, "{path}");
    }
    let more = [("/auth/signup", json!({"email": "a@example.org", "password": "correct horse"}))];
    let mut again = Visitor::connect_from(address(0), app.address()).await;
    for (path, body) in [&asks[..], &more].concat() {
        let answer = again.post(path, &body).await;
        assert_eq!(answer.refusal(), (429, "RATE_LIMIT".to_owned()), "{path}");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    let mut other = Visitor::connect_from(address(1), app.address()).await;
    assert_eq!(other.post(asks[0].0, &asks[0].1).await.status, 401);
    let admin = app.admin_token("admin@example.org");
    let written = app.ask(&admin, "GET", "/api/v1/admin/audit?action=email_verify", Value::Null).await.json();
    assert_eq!(written["data"].as_array().unwrap().len(), 2, "a flood fills no log: {written}");
}

/// Protects a person's mailbox: nobody has us write to an address without end, whether it has an account or not.
#[tokio::test(flavor = "multi_thread")]
async fn mails_to_an_address_are_limited() {
    let app = quick().start().await;
    let mut ann = Person::new("ann@example.org");
    ann.sign_up(&app).await;
    let mut all = Vec::new();
    for (email, first) in [(ann.email.as_str(), 1), ("nobody@example.org", 0)] {
        let person = Person::new(email);
        let mut answers = Vec::new();
        for _ in first..7 {
            answers.push(post(&app, "/auth/signup", person.credentials()).await);
        }
        let statuses: Vec<u16> = answers.iter().map(|it| it.status).collect();
        assert_eq!(statuses, [&[201; 5][first..], &[429; 2]].concat(), "{email}");
        all.push(without_waits(&answers[answers.len() - 1]));
    }
    assert_eq!(all[0], all[1]);
}

/// Protects who has an account: no answer of any step tells whether an address has one.
#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_tell_known_from_unknown() {
    let app = quick().start().await;
    let mut ann = Person::new("ann@example.org");
    ann.sign_up(&app).await;
    ann.begin_sign_in(&app).await;
    for (path, body) in [
        ("/auth/signup", json!({"password": "another horse"})),
        ("/auth/signup", json!({"password": "short"})),
        ("/auth/signup", json!({"password": "another horse", "username": ""})),
        ("/auth/signin", json!({"password": "another horse"})),
        ("/auth/signin", json!({"password": ""})),
        ("/auth/verify-email", json!({"code": "123456"})),
        ("/auth/verify-signin", json!({"code": "123456"})),
        ("/auth/verify-signin", json!({"code": "x"})),
        ("/auth/verify-signin", json!({"code": 123_456})),
    ] {
        let mut answers = Vec::new();
        // As long as each other, so that nothing that says a length may differ.
        for email in [ann.email.as_str(), "eve@example.org"] {
            let mut body = body.clone();
            body["email"] = json!(email);
            answers.push(seen(&post(&app, path, body).await));
        }
        assert_eq!(answers[0], answers[1], "{path} {body}");
    }
}
