//! Mail on its way: through the queue, to a mail server, and into the outbox.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use async_trait::async_trait;
use parlor_accounts::{Mail, MailError, MailQueue, Mailer, Outbox, Smtp};
use parlor_domain::testing::ManualClock;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

const FROM: &str = "Parlor <parlor@example.org>";

fn mail(to: &str) -> Mail {
    let (text, html) = ("Your code is\n\n    123456\n".to_owned(), "<p><b>123456</b></p>".to_owned());
    Mail { id: Uuid::new_v4(), to: to.to_owned(), subject: "Your code", text, html }
}

/// A mail server for one connection: answers each line by `answer`, and gives what it was told.
async fn smtp_server(listener: TcpListener, answer: fn(&str) -> &'static str) -> (Vec<String>, String) {
    let (socket, _): (TcpStream, _) = listener.accept().await.unwrap();
    let mut socket = BufReader::new(socket);
    socket.write_all(b"220 mail.example.org ESMTP\r\n").await.unwrap();
    let (mut commands, mut data, mut in_data) = (Vec::new(), String::new(), false);
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
            return (commands, data);
        }
        let answer = match (in_data, line.as_str()) {
            (true, ".\r\n") => {
                in_data = false;
                "250 ok"
            }
            (true, _) => {
                data.push_str(&line);
                continue;
            }
            (false, command) => {
                commands.push(command.trim_end().to_owned());
                in_data = command == "DATA\r\n";
                answer(command)
            }
        };
        // Who is refused may be gone already.
        let _ = socket.write_all(format!("{answer}\r\n").as_bytes()).await;
    }
}

fn agrees(command: &str) -> &'static str {
    match command.get(..4) {
        Some("EHLO") => "250-mail.example.org\r\n250 AUTH PLAIN",
        Some("AUTH") => "235 welcome",
        Some("DATA") => "354 go on",
        Some("QUIT") => "221 bye",
        _ => "250 ok",
    }
}

/// Protects the way to a mail server: signed in, to one person, in text and HTML, and marked as a robot's.
#[tokio::test]
async fn a_mail_goes_out_by_smtp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://ann%40a:s%3Acret@127.0.0.1:{}", listener.local_addr().unwrap().port());
    let server = tokio::spawn(smtp_server(listener, agrees));
    let mail = mail("bob@example.org");
    Smtp::new(&url, FROM).unwrap().send(&mail).await.unwrap();
    let (commands, data) = server.await.unwrap();
    assert!(commands.iter().any(|it| it == "AUTH PLAIN AGFubkBhAHM6Y3JldA=="), "{commands:?}");
    assert!(commands.iter().any(|it| it.starts_with("MAIL FROM:<parlor@example.org>")), "{commands:?}");
    let to: Vec<_> = commands.iter().filter(|it| it.starts_with("RCPT")).collect();
    assert_eq!(to, ["RCPT TO:<bob@example.org>"]);
    let id = format!("Message-ID: <{}@example.org>", mail.id);
    for wanted in [
        "From: Parlor <parlor@example.org>",
        "To: bob@example.org",
        "Subject: Your code",
        "Auto-Submitted: auto-generated",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "<p><b>123456</b></p>",
        &id,
    ] {
        assert!(data.contains(wanted), "{wanted} in {data}");
    }
}

/// Protects from trying for ever what the server will not have, and from giving up what it may have later.
#[tokio::test]
async fn a_refusal_is_for_now_or_for_good() {
    let refused_later: fn(&str) -> &'static str =
        |it| if it.starts_with("RCPT") { "451 later" } else { agrees(it) };
    let refused: fn(&str) -> &'static str =
        |it| if it.starts_with("RCPT") { "550 nobody" } else { agrees(it) };
    for (answer, permanent) in [(refused_later, false), (refused, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let server = tokio::spawn(smtp_server(listener, answer));
        let error = Smtp::new(&url, FROM).unwrap().send(&mail("bob@example.org")).await.unwrap_err();
        assert_eq!(error.permanent, permanent);
        assert!(!format!("{error:?} {}", error.source).contains("123456"));
        server.await.unwrap();
    }
    let nobody = Smtp::new("smtp://127.0.0.1:1", FROM).unwrap();
    assert!(!nobody.send(&mail("bob@example.org")).await.unwrap_err().permanent);
}

/// Protects codes by mail from a server that has no TLS, where the operator wants it: nothing is said in the clear.
#[tokio::test]
async fn required_tls_is_required() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://ann:s3cret@127.0.0.1:{}?tls=required", listener.local_addr().unwrap().port());
    let server = tokio::spawn(smtp_server(listener, agrees));
    assert!(Smtp::new(&url, FROM).unwrap().send(&mail("bob@example.org")).await.is_err());
    let (commands, data) = server.await.unwrap();
    assert!(data.is_empty() && !commands.iter().any(|it| it.starts_with("AUTH") || it.starts_with("MAIL")));
}

/// Protects a mail's head from an address that brings lines of its own, should one ever get so far.
#[tokio::test]
async fn an_address_with_lines_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::new(folder.path().join("outbox"), FROM, Arc::new(ManualClock::default())).unwrap();
    for to in ["bob@example.org\r\nBcc: all@example.org", "bob@example.org, ann@example.org", ""] {
        assert!(outbox.send(&mail(to)).await.unwrap_err().permanent, "{to:?}");
    }
    assert!(!folder.path().join("outbox").exists());
}

/// Protects codes from other users of the machine, and readers of the folder from half a mail.
#[tokio::test]
async fn the_outbox_is_private_and_has_whole_mails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/outbox");
    let outbox = Outbox::new(path.clone(), FROM, Arc::new(ManualClock::default())).unwrap();
    let mails = [mail("bob@example.org"), mail("ann@example.org")];
    for mail in &mails {
        outbox.send(mail).await.unwrap();
    }
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 2);
    for mail in &mails {
        let file = path.join(format!("2026-01-01T000000.000Z-{}.eml", mail.id));
        assert_eq!(mode(&file), 0o600);
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("To: {}", mail.to)) && text.contains("123456"));
    }
}

/// A mailer that fails so often, each time the same way, and needs a permit for each try.
struct Flaky {
    failures: usize,
    permanent: bool,
    tries: AtomicUsize,
    sent: AtomicUsize,
    permits: Semaphore,
}

impl Flaky {
    fn new(failures: usize, permanent: bool, permits: usize) -> Arc<Self> {
        let (tries, sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { failures, permanent, tries, sent, permits: Semaphore::new(permits) })
    }

    fn seen(&self) -> (usize, usize) {
        (self.tries.load(Ordering::SeqCst), self.sent.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Mailer for Flaky {
    async fn send(&self, _: &Mail) -> Result<(), MailError> {
        self.permits.acquire().await.unwrap().forget();
        if self.tries.fetch_add(1, Ordering::SeqCst) < self.failures {
            return Err(MailError { permanent: self.permanent, source: "no".into() });
        }
        self.sent.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Protects mail from a server that hiccups, and a server that says no from being asked again.
#[tokio::test(start_paused = true)]
async fn a_mail_is_tried_three_times() {
    for (failures, permanent, seen) in
        [(0, false, (1, 1)), (2, false, (3, 1)), (9, false, (3, 0)), (1, true, (1, 0))]
    {
        let mailer = Flaky::new(failures, permanent, 100);
        let queue = MailQueue::start(Arc::clone(&mailer) as Arc<dyn Mailer>);
        queue.send(mail("bob@example.org"));
        queue.close(Duration::from_secs(60)).await;
        assert_eq!(mailer.seen(), seen, "{failures} failures");
        queue.send(mail("bob@example.org"));
        assert_eq!(mailer.seen(), seen, "what comes later is dropped");
    }
}

/// Protects the memory from a mail server that does not answer: a thousand mails wait, further ones are dropped, and
/// nobody who asks for a code waits for any of it.
#[tokio::test]
async fn the_queue_is_bounded() {
    let mailer = Flaky::new(0, false, 0);
    let queue = MailQueue::start(Arc::clone(&mailer) as Arc<dyn Mailer>);
    for _ in 0..1_500 {
        queue.send(mail("bob@example.org"));
    }
    mailer.permits.add_permits(5_000);
    queue.close(Duration::from_secs(60)).await;
    assert_eq!(mailer.seen(), (1_000, 1_000));
}

/// Protects the shutdown from a mail server that does not answer: it waits for its grace, and no longer.
#[tokio::test(start_paused = true)]
async fn closing_waits_for_mail_and_not_for_ever() {
    let mailer = Flaky::new(0, false, 2);
    let queue = MailQueue::start(Arc::clone(&mailer) as Arc<dyn Mailer>);
    for _ in 0..3 {
        queue.send(mail("bob@example.org"));
    }
    let begin = Instant::now();
    queue.close(Duration::from_secs(5)).await;
    assert_eq!((begin.elapsed(), mailer.seen()), (Duration::from_secs(5), (2, 2)));
}
