//! A socket that can send what no WebSocket library would: bytes, frames by hand, nothing at all.

use crate::PATIENCE;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Opcodes of RFC 6455 §5.2.
pub mod opcode {
    /// The next piece of a fragmented message.
    pub const CONTINUATION: u8 = 0;
    /// Text.
    pub const TEXT: u8 = 1;
    /// Binary.
    pub const BINARY: u8 = 2;
    /// Close.
    pub const CLOSE: u8 = 8;
    /// Ping.
    pub const PING: u8 = 9;
    /// Pong.
    pub const PONG: u8 = 10;
}

/// One frame to send, every bit of its header free to choose.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// FIN.
    pub last: bool,
    /// RSV1 to RSV3, in the places that they have in the first byte (0x40, 0x20, 0x10).
    pub reserved: u8,
    /// What it is.
    pub opcode: u8,
    /// Whether it is masked, as a client's frames must be.
    pub masked: bool,
    /// Its content, before masking.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A frame as it should be.
    pub const fn new(opcode: u8, payload: &'a [u8]) -> Self {
        Self { last: true, reserved: 0, opcode, masked: true, payload }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(self, self.payload.len() as u64);
        if self.masked {
            bytes.extend(self.payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            bytes.extend(self.payload);
        }
        bytes
    }
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The header alone, with its mask, for a payload of `length` bytes that need not follow.
pub fn header(frame: &Frame<'_>, length: u64) -> Vec<u8> {
    // Lengths up to 125 stand in the byte itself; 0x7e and 0x7f say that two or eight bytes follow.
    let mask = if frame.masked { 0x80 } else { 0 };
    let mut bytes = vec![u8::from(frame.last) << 7 | frame.reserved | frame.opcode];
    match length {
        0..126 => bytes.push(mask | u8::try_from(length).unwrap()),
        126..65_536 => {
            bytes.push(mask | 0x7e);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(mask | 0x7f);
            bytes.extend(length.to_be_bytes());
        }
    }
    if frame.masked {
        bytes.extend(KEY);
    }
    bytes
}

/// What a raw socket received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A whole frame.
    Frame(u8, Vec<u8>),
    /// The end of the stream, or a reset.
    End,
}

/// A TCP connection to the server.
#[derive(Debug)]
pub struct RawSocket {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl RawSocket {
    /// Connects, and sends nothing.
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    /// Opens a WebSocket with `?token=`. With `receive_buffer`, the kernel keeps about that many bytes of what is
    /// not read, so that a reader that sleeps is felt soon.
    pub async fn upgrade(address: SocketAddr, token: &str, receive_buffer: Option<u32>) -> Self {
        Self::upgrade_at(address, &format!("/api/v1/chat/ws?token={token}"), receive_buffer).await
    }

    /// The same at another endpoint; `target` has a query with the token.
    pub async fn upgrade_at(address: SocketAddr, target: &str, receive_buffer: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size).unwrap();
        }
        let mut raw = Self { stream: socket.connect(address).await.unwrap(), unread: Vec::new() };
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\n\
             connection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        raw.write(request.as_bytes()).await;
        let head = raw.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        // RFC 6455 §1.3 gives this pair of key and answer.
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        raw
    }

    /// Sends bytes. A server that has closed already is no failure here: what it said first is what counts.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("room to send in time");
    }

    /// Sends one frame.
    pub async fn send(&mut self, frame: Frame<'_>) {
        self.write(&frame.encode()).await;
    }

    /// Sends a text frame as it should be.
    pub async fn text(&mut self, text: &str) {
        self.send(Frame::new(opcode::TEXT, text.as_bytes())).await;
    }

    /// Up to the end of the answer's head.
    pub async fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|w| w == b"\r\n\r\n") {
                let rest = self.unread.split_off(end + 4);
                let head = std::mem::replace(&mut self.unread, rest);
                return String::from_utf8_lossy(&head).into_owned();
            }
            assert!(self.fill().await, "the answer ended early: {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    /// The next frame. Panics when nothing comes.
    pub async fn receive(&mut self) -> Received {
        loop {
            if let Some((size, frame)) = split_frame(&self.unread) {
                self.unread.drain(..size);
                return frame;
            }
            if !self.fill().await {
                return Received::End;
            }
        }
    }

    /// Reads on to the close frame; gives its code, or none where the connection ended without one.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.receive().await {
                Received::Frame(opcode::CLOSE, payload) => {
                    return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                }
                Received::Frame(..) => {}
                Received::End => return None,
            }
        }
    }

    /// Reads to the end and gives all; panics where the server still holds the connection after `limit`.
    pub async fn read_to_end(&mut self, limit: Duration) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.unread);
        let _ = timeout(limit, self.stream.read_to_end(&mut bytes)).await.expect("the server closes in time");
        bytes
    }

    /// Whether the server ends the connection within `span`.
    pub async fn is_closed_within(&mut self, span: Duration) -> bool {
        timeout(span, async { while self.fill().await {} }).await.is_ok()
    }

    async fn fill(&mut self) -> bool {
        self.unread.reserve(64 * 1024);
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
        read.expect("something to come in time").unwrap_or(0) > 0
    }
}

/// The first whole frame of what a server sent (never masked), with its size.
fn split_frame(bytes: &[u8]) -> Option<(usize, Received)> {
    let [first, second, ..] = *bytes else { return None };
    let (start, length) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let payload = bytes.get(start..start + length)?;
    Some((start + length, Received::Frame(first & 0x0f, payload.to_vec())))
}
