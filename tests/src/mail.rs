//! Mail as its reader gets it: from a real mail server, or from the outbox of a server that has none.

use crate::process::Process;
use crate::{PATIENCE, TestApp, tools};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its header, as it came.
    pub head: String,
    /// Its part in plain text.
    pub text: String,
    /// Its part in HTML.
    pub html: String,
}

impl Mail {
    /// Reads a mail (RFC 5322, RFC 2046 §5.1.4) of one text and one HTML part. Panics where it is none.
    pub fn parse(raw: &str) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").expect("an empty line behind the header");
        let mail = Self { head: head.to_owned(), text: String::new(), html: String::new() };
        let kind = mail.header("content-type").unwrap();
        let (kind, boundary) =
            kind.split_once("boundary=\"").unwrap_or_else(|| panic!("of one part: {kind}"));
        assert!(kind.starts_with("multipart/alternative"), "{kind}");
        let delimiter = format!("--{}", boundary.trim_end_matches('"'));
        let parts: Vec<&str> = body.split(&delimiter).collect();
        let [_, text, html, "--\r\n"] = parts[..] else { panic!("two parts were due: {raw}") };
        Self { text: part(text, "text/plain"), html: part(html, "text/html"), ..mail }
    }

    /// A header's value, unfolded. Panics where it is there twice.
    pub fn header(&self, name: &str) -> Option<String> {
        let unfolded = self.head.replace("\r\n ", " ");
        let mut values = unfolded.lines().filter_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice: {}", self.head);
        value
    }

    /// Its subject.
    pub fn subject(&self) -> String {
        self.header("subject").expect("a subject")
    }

    /// The code in it, if there is one: six digits that stand alone.
    pub fn code(&self) -> Option<String> {
        let mut words = self.text.split_whitespace();
        words.find(|word| word.len() == 6 && word.bytes().all(|it| it.is_ascii_digit())).map(str::to_owned)
    }
}

/// A part's content, decoded from quoted-printable (RFC 2045 §6.7) where it is written so.
fn part(text: &str, kind: &str) -> String {
    let (head, body) = text.split_once("\r\n\r\n").expect("an empty line behind the part's header");
    assert!(head.contains(&format!("Content-Type: {kind}; charset=utf-8")), "{head}");
    if !head.contains("quoted-printable") {
        return body.to_owned();
    }
    let mut bytes = Vec::new();
    let mut pieces = body.split('=');
    bytes.extend(pieces.next().unwrap().bytes());
    for piece in pieces {
        if let Some(rest) = piece.strip_prefix("\r\n") {
            bytes.extend(rest.bytes());
        } else {
            bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
            bytes.extend(piece[2..].bytes());
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A mail server on loopback, of other people's making; it is stopped when this is dropped.
#[derive(Debug)]
pub struct MailServer {
    process: Process,
    port: u16,
}

impl MailServer {
    /// Starts it on a free port.
    pub fn start() -> Self {
        Self::start_at(0)
    }

    /// Starts it at a port where another one was, say.
    pub fn start_at(port: u16) -> Self {
        let mut command = Command::new(tools::python());
        command
            .arg(tools::root().join("tests/python/smtp_sink.py"))
            .arg(port.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let mut process = Process::start("the mail server", command, true);
        let port = process.wait_for(PATIENCE, |output| {
            let said: Value = serde_json::from_str(output.lines().next()?).ok()?;
            said["listening"].as_u64().and_then(|port| u16::try_from(port).ok())
        });
        Self { process, port }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The setting that has mail sent there.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// What it got so far, each as the sink prints it.
    pub fn received(&self) -> Vec<Value> {
        let output = self.process.output();
        let whole = output.split_inclusive('\n').skip(1).filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The mail that came as number `index`, from 0. Panics where it does not come.
    pub async fn mail(&self, index: usize) -> Value {
        until(|| self.received().get(index).cloned())
            .await
            .unwrap_or_else(|| panic!("no mail number {index}"))
    }
}

/// The outbox of a server that has no mail server.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// That of `app`.
    pub fn of(app: &TestApp) -> Self {
        Self { folder: app.folder().join("data/outbox") }
    }

    /// Its files, the oldest first.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|it| it == "eml"));
        files.sort();
        files
    }

    /// The mails to an address so far, the oldest first.
    pub fn mails(&self, to: &str) -> Vec<Mail> {
        let read = |path: PathBuf| Mail::parse(&std::fs::read_to_string(path).unwrap());
        let mut mails: Vec<Mail> = self.files().into_iter().map(read).collect();
        mails.retain(|mail| mail.header("to").as_deref() == Some(to));
        mails
    }

    /// The mail to an address that came as number `index`, from 0. Panics where it does not come.
    pub async fn mail(&self, to: &str, index: usize) -> Mail {
        let found = until(|| self.mails(to).get(index).cloned()).await;
        found.unwrap_or_else(|| panic!("no mail number {index} to {to}"))
    }
}

/// What `find` finds, as soon as it does.
async fn until<T>(find: impl Fn() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match find() {
            None if Instant::now() < end => sleep(Duration::from_millis(5)).await,
            found => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects tests of mail: what is folded and quoted is read as its reader sees it, and the code is the one.
    #[test]
    fn a_mail_is_read() {
        let raw = "From: a@example.org\r\nSubject: Your\r\n code\r\nContent-Type: multipart/alternative;\r\n \
                   boundary=\"x\"\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: quoted-printable\r\n\r\nIt is\r\n 123=\r\n456\r\nin 10 minut=C3=A9s\r\n\
                   --x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>x</b>\r\n--x--\r\n";
        let mail = Mail::parse(raw);
        assert_eq!((mail.subject().as_str(), mail.code().as_deref()), ("Your code", Some("123456")));
        assert!(mail.text.ends_with("10 minutés\r\n") && mail.html == "<b>x</b>\r\n", "{mail:?}");
    }
}
