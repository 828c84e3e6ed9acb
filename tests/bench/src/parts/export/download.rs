//! A response that is read and not kept: only how long it is, and how it ends.

use crate::Result;
use memchr::memmem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long the server may take for anything.
const WITHIN: Duration = Duration::from_secs(30);
/// How much one read takes at most.
const PIECE: usize = 256 * 1024;
/// How much of the end is kept.
const TAIL: usize = 256;
/// The last chunk (RFC 9112 §7.1).
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// A response in chunks, on a connection of its own, that is being read.
pub(super) struct Download {
    stream: TcpStream,
    buffer: Vec<u8>,
    tail: Vec<u8>,
    /// From before the connection is opened to the first byte of the first chunk.
    pub(super) first_byte: Duration,
    /// How many bytes were read after the head, the chunks' own lengths included.
    pub(super) bytes: u64,
}

impl Download {
    /// Asks for `path`, and reads up to the first byte of it. `receive_buffer` is how much the kernel keeps for us, in bytes.
    /// Errors: it is refused, does not come in chunks, or takes too long.
    pub(super) async fn begin(
        address: SocketAddr,
        path: &str,
        token: &str,
        receive_buffer: Option<u32>,
    ) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        let began = Instant::now();
        let mut stream = timeout(WITHIN, socket.connect(address)).await??;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut start = Vec::new();
        let body = loop {
            if timeout(WITHIN, stream.read_buf(&mut start)).await?? == 0 {
                return Err(format!("no response: {}", String::from_utf8_lossy(&start)).into());
            }
            if let Some(body) = body_at(&start) {
                break body;
            }
        };
        let first_byte = began.elapsed();
        let head = String::from_utf8_lossy(&start[..body]).to_lowercase();
        if !head.starts_with("http/1.1 200") || !head.contains("transfer-encoding: chunked") {
            return Err(format!("no export: {}", String::from_utf8_lossy(&start)).into());
        }
        let mut download = Self { stream, buffer: vec![0; PIECE], tail: Vec::new(), first_byte, bytes: 0 };
        download.count(&start[body..]);
        Ok(download)
    }

    /// Reads what there is, at most so many bytes, and gives how many they are: 0 at the end.
    pub(super) async fn read(&mut self, most: usize) -> Result<usize> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let most = most.min(buffer.len());
        let read = timeout(WITHIN, self.stream.read(&mut buffer[..most])).await??;
        self.count(&buffer[..read]);
        self.buffer = buffer;
        Ok(read)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
    }

    /// Whether the response has ended as it should, and its text in `ending`.
    pub(super) fn ends_with(&self, ending: &str) -> bool {
        self.tail.strip_suffix(LAST_CHUNK).is_some_and(|text| text.ends_with(ending.as_bytes()))
    }
}

/// Where the body begins, once a byte of its first chunk is there.
fn body_at(start: &[u8]) -> Option<usize> {
    let body = memmem::find(start, b"\r\n\r\n")? + 4;
    let length = memmem::find(&start[body..], b"\r\n")? + 2;
    (start.len() > body + length).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Gives what is read of a response.
    async fn read(response: &'static str) -> Result<Download> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /x HTTP/1.1\r\n"));
            for piece in response.as_bytes().chunks(7) {
                stream.write_all(piece).await.unwrap();
            }
        };
        let reading = async {
            let mut download = Download::begin(address, "/x", "token", None).await?;
            while download.read(usize::MAX).await? > 0 {}
            Ok(download)
        };
        tokio::join!(serving, reading).1
    }

    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// Protects the figures: what broke off is not measured as if it were whole.
    #[tokio::test]
    async fn only_a_whole_response_ends_well() {
        let check = async |body: &str, ends: bool| {
            let download = read(Box::leak(format!("{HEAD}{body}").into_boxed_str())).await.unwrap();
            assert_eq!((download.bytes, download.ends_with("the end")), (body.len() as u64, ends), "{body}");
        };
        check("3\r\nabc\r\n7\r\nthe end\r\n0\r\n\r\n", true).await;
        check("3\r\nabc\r\n7\r\nthe end\r\n", false).await;
        check("7\r\nthe end\r\n3\r\nabc\r\n0\r\n\r\n", false).await;
    }

    #[tokio::test]
    async fn a_refusal_is_no_export() {
        for response in [
            "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1\r\nx",
            "",
        ] {
            assert!(read(response).await.is_err(), "{response}");
        }
    }
}
