//! Accounts from elsewhere: `parlor import-users`.

use super::{me, quick};
use parlor_tests::person::post;
use parlor_tests::{Person, Postgres, TestApp, TestAppBuilder};
use serde_json::json;
use std::fmt::Write as _;

/// Of `correct horse battery`, by Python's `bcrypt`.
const BCRYPT: &str = "$2b$05$JZYBAszAV1R0bSY9ol8QDuWjR3t/vhbS6dwnGj7wLNpnijRw0f3n6";
const PASSWORD: &str = "correct horse battery";

fn import(app: &TestApp, accounts: &[(&str, &str)]) -> std::process::Output {
    let mut lines = String::new();
    for (email, hash) in accounts {
        let _ = writeln!(lines, "{}", json!({"email": email, "password_hash": hash}));
    }
    let file = app.folder().join("accounts.jsonl");
    std::fs::write(&file, lines).unwrap();
    app.command(&["import-users", file.to_str().unwrap()])
}

fn said(output: &std::process::Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_accounts_on_sqlite() {
    imported_accounts(quick(), |app| {
        let path = app.folder().join("data/parlor.db");
        let database = rusqlite::Connection::open(path).unwrap();
        let mut statement = database
            .prepare("SELECT password_hash FROM credentials JOIN users ON users.id = user_id WHERE email = 'old@example.org'")
            .unwrap();
        statement.query_row([], |row| row.get(0)).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_accounts_on_postgres() {
    let postgres = Postgres::start();
    let statement = "SELECT password_hash FROM credentials JOIN users ON users.id = user_id WHERE email = 'old@example.org'";
    imported_accounts(quick().env("DATABASE_URL", postgres.url()), |_| {
        postgres.sql(statement).unwrap().trim_end().to_owned()
    })
    .await;
}

/// Protects who comes from elsewhere and who is here: an imported password is good beside a running server, and its hash
/// is replaced by ours at the first sign-in and good thereafter; nobody who has a password gets another one.
async fn imported_accounts(builder: TestAppBuilder, kept: impl Fn(&TestApp) -> String) {
    let mut app = builder.start().await;
    let mut ann = Person::new("ann@example.org");
    ann.sign_up(&app).await;
    let operators = app.token("bob@example.org");
    let output =
        import(&app, &[("Old@Example.org", BCRYPT), (&ann.email, BCRYPT), ("bob@example.org", BCRYPT)]);
    assert!(said(&output).contains("imported 2 accounts; 1 had"), "{output:?}");
    assert_eq!(kept(&app), BCRYPT);

    let mut old = Person::new("old@example.org").with_password(PASSWORD);
    let wrong = post(&app, "/auth/signin", old.clone().with_password("another horse").credentials()).await;
    assert_eq!((wrong.status, kept(&app).as_str()), (401, BCRYPT));
    old.begin_sign_in(&app).await;
    let hash = kept(&app);
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    app.kill9();
    app.restart().await;
    let tokens = old.sign_in(&app).await;
    assert_eq!(me(&app, &tokens.access).await.json()["email"], "old@example.org");
    assert_eq!(kept(&app), hash, "it is replaced once");

    ann.sign_in(&app).await;
    let other = post(&app, "/auth/signin", ann.clone().with_password(PASSWORD).credentials()).await;
    assert_eq!(other.status, 401, "who has a password keeps theirs");
    let mut bob = Person::new("bob@example.org").with_password(PASSWORD);
    let (bobs, operators) = (bob.sign_in(&app).await, me(&app, &operators).await.json());
    assert_eq!(operators["id"], json!(bobs.user), "who had none is the same person");

    assert!(said(&import(&app, &[("old@example.org", BCRYPT)])).contains("imported 0 accounts; 1 had"));
    assert_eq!(kept(&app), hash);
    let bad =
        import(&app, &[("new@example.org", BCRYPT), ("x@example.org", "5f4dcc3b5aa765d61d8327deb882cf99")]);
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let complaint = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(complaint.contains("line 2") && !complaint.contains("5f4dcc3b"), "{complaint}");
    let none = Person::new("new@example.org").with_password(PASSWORD);
    assert_eq!(post(&app, "/auth/signin", none.credentials()).await.status, 401, "all of a file or nothing");
}
