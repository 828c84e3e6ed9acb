//! The smallest HTTP client: one request, one connection, the whole answer.

use crate::PATIENCE;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header lines, as they came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON. Panics where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The status and the code of a refusal, which must have the form of RFC 9457.
    pub fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
        let body = self.json();
        assert_eq!(body["type"], "about:blank", "{body}");
        assert_eq!(body["status"], self.status, "{body}");
        for text in ["title", "detail", "code"] {
            assert!(body[text].as_str().is_some_and(|text| !text.is_empty()), "{text} is missing: {body}");
        }
        (self.status, crate::client::id(&body["code"]))
    }

    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// `GET path`. Panics where there is no answer in time.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    try_get(address, path).await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

/// `GET path`, or why there was no answer.
pub async fn try_get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    timeout(PATIENCE, exchange(address, &request)).await?
}

/// `GET path` as a browser's page of `origin` asks.
pub async fn get_from(address: SocketAddr, path: &str, origin: &str) -> Answer {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\norigin: {origin}\r\nconnection: close\r\n\r\n");
    timeout(PATIENCE, exchange(address, &request)).await.expect("an answer in time").unwrap()
}

/// `POST path` with a text.
pub async fn post_text(address: SocketAddr, path: &str, text: &str) -> Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: text/plain;charset=UTF-8\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    timeout(PATIENCE, exchange(address, &request)).await.expect("an answer in time").unwrap()
}

/// Any request: with `token` as the bearer, and with `body` as JSON where it is not null.
pub async fn ask(address: SocketAddr, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let answer = try_ask(address, method, path, token, body).await;
    answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

/// The same with more header lines, each with its CRLF.
pub async fn ask_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    head: &str,
    body: &Value,
) -> Answer {
    let answer = try_ask_with(address, method, path, token, head, body).await;
    answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

/// The same of a server that may end meanwhile: a request, or why there was no answer.
pub async fn try_ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> std::io::Result<Answer> {
    try_ask_with(address, method, path, token, "", body).await
}

async fn try_ask_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    head: &str,
    body: &Value,
) -> std::io::Result<Answer> {
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{bearer}{head}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    timeout(PATIENCE, exchange(address, &request)).await?
}

/// `POST path` of a file that is text, or of which all bytes are ASCII, as what it is.
pub async fn upload(address: SocketAddr, path: &str, token: &str, content_type: &str, file: &str) -> Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: {content_type}\r\ncontent-length: {}\r\n\r\n{file}",
        file.len()
    );
    let answer = timeout(PATIENCE, exchange(address, &request)).await;
    answer.expect("an answer in time").unwrap_or_else(|error| panic!("POST {path}: {error}"))
}

/// A file that came in chunks.
#[derive(Debug)]
pub struct Download {
    /// The status code.
    pub status: u16,
    /// The header lines, as they came.
    pub head: String,
    /// The bytes of all chunks.
    pub body: Vec<u8>,
    /// Whether the last chunk came, which says that this is all (RFC 9112 §7.1).
    pub whole: bool,
}

impl Download {
    /// Reads a whole answer. Panics where it is none.
    pub fn parse(bytes: &[u8]) -> Self {
        parse_download(bytes)
    }

    /// The body as JSON. Panics where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The status and the code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, crate::client::id(&self.json()["code"]))
    }

    /// The file as text. Panics where it is none.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// `GET path` of a file, with `token` as the bearer.
pub async fn download(address: SocketAddr, path: &str, token: &str) -> Download {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let bytes = timeout(PATIENCE, raw_exchange(address, &request)).await.expect("an answer in time").unwrap();
    Download::parse(&bytes)
}

fn parse_download(bytes: &[u8]) -> Download {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").expect("the end of a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = &bytes[end + 4..];
    let (body, whole) = match header(&head, "transfer-encoding") {
        Some("chunked") => unchunked(body),
        _ => (body.to_vec(), header(&head, "content-length") == Some(&body.len().to_string())),
    };
    Download { status, head, body, whole }
}

/// What stands in chunks, and whether the last one is there.
fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|it| it == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).ok().and_then(|it| usize::from_str_radix(it, 16).ok());
        let Some(size) = size else { break };
        let Some(chunk) = bytes.get(end + 2..end + 2 + size) else { break };
        if size == 0 {
            return (body, true);
        }
        body.extend(chunk);
        bytes = bytes.get(end + 4 + size..).unwrap_or_default();
    }
    (body, false)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

async fn exchange(address: SocketAddr, request: &str) -> std::io::Result<Answer> {
    let bytes = raw_exchange(address, request).await?;
    parse(&bytes).ok_or_else(|| std::io::Error::other("no HTTP answer"))
}

async fn raw_exchange(address: SocketAddr, request: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Reads a whole answer; a chunked body is left as it came.
pub fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
