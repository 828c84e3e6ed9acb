//! The loop over a socket, driven from the other end of a real one.

mod sessions;
mod users;
mod workers;

use crate::{Options, Server};
use fastwebsockets::OpCode;
use parlor_domain::testing::TestHub;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

struct World {
    domain: TestHub,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl World {
    /// With a heartbeat that comes soon.
    async fn new() -> Self {
        Self::with(Duration::from_millis(50)).await
    }

    async fn with(heartbeat: Duration) -> Self {
        let domain = TestHub::start().await;
        let options = Options { heartbeat, ..Options::default() };
        let server = Server::new(domain.hub.clone(), options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));
        Self { domain, address, stop, running }
    }

    /// A socket to this path, as far as the handshake.
    async fn open(&self, path: &str) -> Client {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Client(stream)
    }

    /// A user on this path, as far as the greeting.
    async fn user(&self, email: &str, path: &str, query: &str) -> (Client, Value) {
        let token = self.domain.user(email).await;
        let mut client = self.open(&format!("{path}?token={token}&{query}")).await;
        let greeting = client.any().await;
        (client, greeting)
    }
}

struct Client(TcpStream);

impl Client {
    /// A frame with a mask that changes nothing.
    async fn send(&mut self, opcode: OpCode, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap();
        let size = match u8::try_from(length) {
            Ok(short @ 0..126) => vec![0x80 | short],
            _ => [&[0xfe][..], &length.to_be_bytes()].concat(),
        };
        let header = [&[0x80 | opcode as u8][..], &size, &[0; 4]].concat();
        self.0.write_all(&[&header[..], payload].concat()).await.unwrap();
    }

    async fn say(&mut self, frame: Value) {
        self.send(OpCode::Text, frame.to_string().as_bytes()).await;
    }

    /// The code of the close that comes next but for other frames.
    async fn closed(&mut self) -> u16 {
        let payload = self.control(OpCode::Close).await;
        u16::from_be_bytes([payload[0], payload[1]])
    }

    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let read = async {
            let opcode = self.0.read_u8().await.unwrap() & 0x0f;
            let length = match self.0.read_u8().await.unwrap() {
                126 => usize::from(self.0.read_u16().await.unwrap()),
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.unwrap();
            (opcode, payload)
        };
        timeout(PATIENCE, read).await.expect("a frame comes")
    }

    /// The next frame with this opcode.
    async fn control(&mut self, opcode: OpCode) -> Vec<u8> {
        loop {
            let (found, payload) = self.frame().await;
            if found == opcode as u8 {
                return payload;
            }
        }
    }

    /// The next frame of text, but heartbeats.
    async fn any(&mut self) -> Value {
        loop {
            let frame: Value = serde_json::from_slice(&self.control(OpCode::Text).await).unwrap();
            if frame["data"]["heartbeat"] != true {
                return frame;
            }
        }
    }

    /// The next frame of this type.
    async fn next(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.any().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }
}
