//! The loop over a socket, driven from the other end of a real one.

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
    async fn new() -> Self {
        let domain = TestHub::start().await;
        let options = Options { heartbeat: Duration::from_millis(50), ..Options::default() };
        let server = Server::new(domain.hub.clone(), options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));
        Self { domain, address, stop, running }
    }

    async fn connect(&self, email: &str, query: &str) -> Client {
        let token = self.domain.user(email).await;
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "GET /api/v1/ws/ws?token={token}&{query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let mut client = Client(stream);
        assert_eq!(client.next("connect").await["data"]["status"], "connected");
        client
    }
}

struct Client(TcpStream);

impl Client {
    /// A frame with a mask that changes nothing.
    async fn send(&mut self, opcode: OpCode, payload: &[u8]) {
        let length = u8::try_from(payload.len()).unwrap();
        assert!(length < 126, "a test's frames are short");
        let header = [0x80 | opcode as u8, 0x80 | length, 0, 0, 0, 0];
        self.0.write_all(&[&header[..], payload].concat()).await.unwrap();
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

    /// The texts that are replayed before the end of the replay.
    async fn replayed(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let frame = self.any().await;
            if frame["data"]["event"] == "sync_complete" {
                return texts;
            }
            assert_eq!(frame["data"]["replayed"], true, "{frame}");
            texts.push(frame["data"]["content"].as_str().unwrap().to_owned());
        }
    }

    /// Answers a ping, and waits until the server has read that.
    async fn prove(&mut self) {
        let number = self.control(OpCode::Ping).await;
        self.send(OpCode::Pong, &number).await;
        self.send(OpCode::Ping, b"done?").await;
        assert_eq!(self.control(OpCode::Pong).await, b"done?");
    }
}

/// Bob is a member of a shared room in which something is said while he is away.
async fn bob_misses_something(world: &World) {
    let mut bob = world.connect("bob@example.org", "room_id=r&room_type=shared").await;
    bob.next("join_room").await;
    drop(bob);
    let mut ann = world.connect("ann@example.org", "room_id=r").await;
    ann.next("join_room").await;
    ann.send(OpCode::Text, br#"{"type":"chat","data":{"message":"Hi"},"room_id":"r"}"#).await;
    ann.next("delivery_confirmation").await;
}

/// Protects messages on a line that breaks: written is not delivered, and only the answer to a later ping is proof.
#[tokio::test]
async fn what_is_not_proved_comes_again() {
    let world = World::new().await;
    bob_misses_something(&world).await;
    for proved in [false, true] {
        let mut bob = world.connect("bob@example.org", "").await;
        assert_eq!(bob.replayed().await, ["Hi"]);
        if proved {
            bob.prove().await;
        }
    }
    let mut bob = world.connect("bob@example.org", "").await;
    assert_eq!(bob.replayed().await, [""; 0]);
}

/// A client that says goodbye has got what was written before, unless it closes to complain.
#[tokio::test]
async fn a_clean_close_proves_what_was_written() {
    let world = World::new().await;
    bob_misses_something(&world).await;
    for code in [1002_u16, 1000] {
        let mut bob = world.connect("bob@example.org", "").await;
        assert_eq!(bob.replayed().await, ["Hi"], "before {code}");
        bob.send(OpCode::Close, &code.to_be_bytes()).await;
        assert_eq!(bob.control(OpCode::Close).await, code.to_be_bytes());
    }
    let mut bob = world.connect("bob@example.org", "").await;
    assert_eq!(bob.replayed().await, [""; 0]);
}

/// A query that asks for what cannot be is refused, and costs neither the replay nor the connection.
#[tokio::test]
async fn a_bad_query_is_refused_and_no_more() {
    let world = World::new().await;
    let mut ann = world.connect("ann@example.org", "room_id=no%20spaces").await;
    assert_eq!(ann.replayed().await, [""; 0]);
    assert_eq!(ann.any().await["data"]["code"], "INVALID_REQUEST");
    ann.send(OpCode::Text, br#"{"type":"ping"}"#).await;
    assert_eq!(ann.any().await["type"], "pong");
}

/// Clients of a server that ends are asked to come back, each at its time, before the socket closes.
#[tokio::test]
async fn a_drain_sends_clients_away_one_by_one() {
    let world = World::new().await;
    let mut ann = world.connect("ann@example.org", "resume=1").await;
    world.stop.send(()).unwrap();
    let wish = ann.next("system").await;
    assert_eq!(wish["data"]["event"], "reconnect");
    assert!(wish["data"]["delay_ms"].as_u64().unwrap() <= 10_000);
    assert_eq!(ann.control(OpCode::Close).await[..2], 1001_u16.to_be_bytes());
    drop(ann);
    timeout(PATIENCE, world.running).await.expect("the server ends").unwrap();
}
