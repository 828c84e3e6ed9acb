//! clamd, the daemon of `ClamAV`, over TCP or a Unix socket (clamd(8), INSTREAM). Whatever is not a plain "OK" or "FOUND"
//! is an error: a file is never taken for clean because clamd could not look at it.

use async_trait::async_trait;
use futures_util::StreamExt;
use parlor_domain::ports::{BlobError, ByteStream, Scanner, Verdict};
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long it may take until clamd takes a connection, and answers whether it is there.
const GREETING: Duration = Duration::from_secs(5);
/// How long it may take to take a piece.
const PIECE: Duration = Duration::from_secs(30);
/// How long it may think about a file that it has. Its own limit (`MaxScanTime`) is 2 minutes.
const THOUGHT: Duration = Duration::from_secs(150);
/// The longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 4 * 1024;

/// Where clamd is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// The text is neither `HOST:PORT` nor an absolute path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("clamd's address is HOST:PORT or the path of a socket")]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress)?;
        let good = !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok();
        if good { Ok(Self::Tcp(text.to_owned())) } else { Err(InvalidAddress) }
    }
}

/// A scanner that asks clamd, with a connection a file.
#[derive(Debug, Clone)]
pub struct Clamd(Address);

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Clamd {
    /// clamd at this address. Whether it is there is not asked.
    pub fn new(address: Address) -> Self {
        Self(address)
    }

    async fn connect(&self) -> io::Result<Box<dyn Connection>> {
        match &self.0 {
            Address::Tcp(address) => Ok(Box::new(TcpStream::connect(address).await?)),
            #[cfg(unix)]
            Address::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    async fn open(&self) -> Result<Box<dyn Connection>, BlobError> {
        within(GREETING, self.connect()).await.map_err(|error| BlobError::new("reach clamd", error))
    }
}

#[async_trait]
impl Scanner for Clamd {
    async fn scan(&self, mut file: ByteStream) -> Result<Verdict, BlobError> {
        let mut clamd = self.open().await?;
        let mut sent = within(PIECE, clamd.write_all(b"zINSTREAM\0")).await;
        while let (Ok(()), Some(piece)) = (&sent, file.next().await) {
            sent = within(PIECE, send(&mut clamd, &piece?)).await;
        }
        if sent.is_ok() {
            sent = within(PIECE, send(&mut clamd, &[])).await;
        }
        // Where it has had enough (`StreamMaxLength`) it says so before it hangs up.
        let answer = within(THOUGHT, answer(&mut clamd)).await;
        let answer = answer.map_err(|error| BlobError::new("hear clamd", sent.err().unwrap_or(error)))?;
        verdict(&answer).ok_or_else(|| {
            let words = format!("clamd did not look at the file: {}", answer.trim());
            BlobError { message: words, source: None }
        })
    }

    async fn ping(&self) -> Result<(), BlobError> {
        let mut clamd = self.open().await?;
        let asked = async {
            clamd.write_all(b"zPING\0").await?;
            answer(&mut clamd).await
        };
        match within(GREETING, asked).await {
            Ok(answer) if answer == "PONG" => Ok(()),
            Ok(_) => Err(BlobError { message: "what answers is not clamd".into(), source: None }),
            Err(error) => Err(BlobError::new("hear clamd", error)),
        }
    }
}

/// A piece, its length before it; an empty one ends the stream.
async fn send(clamd: &mut (impl AsyncWrite + Unpin), piece: &[u8]) -> io::Result<()> {
    let length = u32::try_from(piece.len()).map_err(io::Error::other)?;
    clamd.write_all(&length.to_be_bytes()).await?;
    clamd.write_all(piece).await
}

/// An answer, which ends with a zero byte or the connection.
async fn answer(clamd: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut bytes = Vec::new();
    clamd.take(ANSWER_MAX).read_to_end(&mut bytes).await?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn verdict(answer: &str) -> Option<Verdict> {
    let found = answer.strip_prefix("stream: ")?;
    match found.strip_suffix(" FOUND") {
        Some(virus) => Some(Verdict::Infected(virus.to_owned())),
        None => (found == "OK").then_some(Verdict::Clean),
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects from what nobody looked at: only these two answers say something.
    #[test]
    fn what_is_no_verdict_is_none() {
        assert_eq!(verdict("stream: OK"), Some(Verdict::Clean));
        assert_eq!(verdict("stream: Eicar FOUND"), Some(Verdict::Infected("Eicar".into())));
        for none in
            ["", "OK", "stream: ", "stream: OK OK", "INSTREAM size limit exceeded. ERROR", "UNKNOWN COMMAND"]
        {
            assert_eq!(verdict(none), None, "{none}");
        }
    }

    #[test]
    fn addresses_are_tcp_or_a_path() {
        let check = |text: &str, good: bool| assert_eq!(text.parse::<Address>().is_ok(), good, "{text}");
        for good in ["127.0.0.1:3310", "clamd:3310", "[::1]:3310", "/run/clamav/clamd.ctl"] {
            check(good, true);
        }
        for bad in ["", "clamd", ":3310", "clamd:", "clamd:x", "clamd:99999", "run/clamd.ctl", "a b:1"] {
            check(bad, false);
        }
    }
}
