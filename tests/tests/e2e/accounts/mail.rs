//! Mail: what arrives, by what way, and what does not get into it.

use super::quick;
use parlor_tests::person::{Tokens, post};
use parlor_tests::{MailServer, Outbox, PATIENCE, Person, TestApp};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().unwrap();
    let mut values = headers.iter().filter(|it| it[0] == name).map(|it| it[1].as_str().unwrap());
    let value = values.next().unwrap_or_else(|| panic!("no {name}: {mail}"));
    assert_eq!(values.next(), None, "{name} is there twice: {mail}");
    value
}

/// The one number of six digits in the mail's text.
fn code(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let is_code = |word: &&str| word.len() == 6 && word.bytes().all(|it| it.is_ascii_digit());
    text.split_whitespace().find(is_code).unwrap_or_else(|| panic!("no code: {text}")).to_owned()
}

/// Protects the reader of a mail: a real mail server and another reader's library find one whole mail, to one person, from
/// whom the operator said, with the code in both parts and where no locked phone shows it; and the log has no code.
#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_by_a_mail_server() {
    let server = MailServer::start();
    let app =
        quick().env("SMTP_URL", server.url()).env("MAIL_FROM", "The Parlor <chat@example.org>").start().await;
    let ann = Person::new("ann@example.org");
    let mut new = ann.credentials();
    new["username"] = json!("<script>alert(1)</script> Buy now: http://spam.example");
    assert_eq!(post(&app, "/auth/signup", new).await.status, 201);
    let first = server.mail(0).await;
    assert_eq!(first["envelope"], json!({"from": "chat@example.org", "to": ["ann@example.org"]}));
    assert_eq!(first["defects"], json!([]));
    assert_eq!(header(&first, "from"), "The Parlor <chat@example.org>");
    assert_eq!(header(&first, "to"), "ann@example.org");
    assert_eq!(header(&first, "auto-submitted"), "auto-generated");
    assert!(header(&first, "message-id").ends_with("@example.org>") && !header(&first, "date").is_empty());
    for name in ["bcc", "cc", "reply-to", "sender"] {
        assert!(first["headers"].as_array().unwrap().iter().all(|it| it[0] != name), "{name}: {first}");
    }
    let sign_up = code(&first);
    assert!(first["html"].as_str().unwrap().contains(&sign_up), "{first}");
    assert!(!first["headers"].to_string().contains(&sign_up), "{first}");
    assert!(!first["raw"].as_str().unwrap().contains("spam.example"), "a stranger's words: {first}");
    let tokens = Tokens::of(&ann.bring(&app, "/auth/verify-email", &sign_up).await);

    assert_eq!(post(&app, "/auth/signin", ann.credentials()).await.status, 200);
    let second = server.mail(1).await;
    assert_ne!(header(&second, "subject"), header(&first, "subject"));
    assert!(!header(&second, "subject").contains(&code(&second)));
    let again = Tokens::of(&ann.bring(&app, "/auth/verify-signin", &code(&second)).await);
    assert_eq!(again.user, tokens.user);
    assert_eq!(server.received().len(), 2, "a mail for each, and no other");
    for secret in [&sign_up, &code(&second), &ann.password, &tokens.refresh, &tokens.access] {
        assert!(!app.log().contains(secret.as_str()), "{secret} is in the log");
    }
}

/// Protects everybody from mail in our name: neither an address nor a username brings a line of its own.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_is_brought_in() {
    let server = MailServer::start();
    let app = quick().env("SMTP_URL", server.url()).start().await;
    let password = "correct horse";
    for body in [
        json!({"email": "ann@example.org", "password": password, "username": "Ann\r\nBcc: eve@example.org"}),
        json!({"email": "ann@example.org", "password": password, "username": "Ann\nBcc: eve@example.org"}),
        json!({"email": "ann@example.org\r\nBcc: eve@example.org", "password": password}),
        json!({"email": "ann@example.org, eve@example.org", "password": password}),
        json!({"email": "Ann <ann@example.org>", "password": password}),
        json!({"email": "ann@example.org>\r\nRCPT TO:<eve@example.org", "password": password}),
    ] {
        let answer = post(&app, "/auth/signup", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST".to_owned()), "{body}");
    }
    assert_eq!(post(&app, "/auth/signup", Person::new("bob@example.org").credentials()).await.status, 201);
    assert_eq!(server.mail(0).await["envelope"]["to"], json!(["bob@example.org"]), "the first that was sent");
}

/// Protects people from a mail server that is away: nobody waits for it, and the mail comes when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn mail_waits_for_its_server() {
    let server = MailServer::start();
    let (port, url) = (server.port(), server.url());
    let app = quick().env("SMTP_URL", url).start().await;
    drop(server);
    let ann = Person::new("ann@example.org");
    assert_eq!(post(&app, "/auth/signup", ann.credentials()).await.status, 201);
    let server = MailServer::start_at(port);
    let code = code(&server.mail(0).await);
    Tokens::of(&ann.bring(&app, "/auth/verify-email", &code).await);
}

/// Protects everybody from a mail server that takes connections and says nothing: nobody who asks for a code waits for it,
/// other work goes on, and the server ends when it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_stalls_holds_up_nobody() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let mut app = quick().env("SMTP_URL", url).start().await;
    let mut held = Vec::new();
    for number in 0..8 {
        let person = Person::new(&format!("user{number}@example.org"));
        assert_eq!(post(&app, "/auth/signup", person.credentials()).await.status, 201);
        if held.is_empty() {
            held.push(tokio::time::timeout(PATIENCE, silent.accept()).await.expect("a mail").unwrap());
        }
    }
    assert_eq!(app.get("/health/ready").await.status, 200);
    app.asker(&app.token("bob@example.org")).await.new_session("echo hello").await;
    app.terminate();
    assert!(app.wait_exit(PATIENCE).await.success(), "{}", app.log());
}

/// Protects who tries Parlor out, and their codes: without a mail server the mail is a file that they alone may read, and
/// the log says where.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_there_is_an_outbox() {
    let app: TestApp = quick().start().await;
    let mut ann = Person::new("ann@example.org");
    ann.sign_up(&app).await;
    let outbox = Outbox::of(&app);
    let [file] = &outbox.files()[..] else { panic!("one mail: {:?}", outbox.files()) };
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert!(app.log().contains(file.to_str().unwrap()), "{}", app.log());
    let mail = outbox.mail(&ann.email, 0).await;
    assert_eq!(mail.header("from").as_deref(), Some("Parlor <parlor@localhost>"));
    let code = mail.code().unwrap();
    assert!(mail.html.contains(&code) && !mail.head.contains(&code), "{mail:?}");
    assert!(!app.log().contains(&code), "the code is in the log");
}
