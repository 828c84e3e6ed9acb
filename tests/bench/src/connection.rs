//! The load generator's end of a WebSocket: a handshake of its own, and a reader that costs as little as it can,
//! because it shares the machine with the server that it measures.
//!
//! A read goes into one large buffer that all connections share; frames are told apart by their headers, and
//! only what is not whole yet is kept per connection. All runs on one thread, so nothing is locked.

use crate::Result;
use crate::frame::{self, CLOSE, PING, PONG, TEXT};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long an answer may take during set-up.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How much one read takes at most; a frame must fit.
const SCRATCH: usize = 256 * 1024;
/// Connections from one source address, so that its ports (28,000 unless configured) do not run out.
const PER_SOURCE: usize = 15_000;
/// The beginning of a refusal. Nothing that is measured may be refused.
const ERROR: &[u8] = br#"{"type":"error""#;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
}

/// The reading half, and the way to answer pings.
pub(crate) struct Connection {
    half: OwnedReadHalf,
    /// The front of a frame that is not whole yet.
    rest: Vec<u8>,
    /// Frames that arrived while another was waited for.
    early: VecDeque<Vec<u8>>,
    writer: Rc<Writer>,
    pings: u64,
}

/// The writing half.
pub(crate) struct Writer {
    half: OwnedWriteHalf,
    inside_frame: Cell<bool>,
}

impl Connection {
    /// Opens a WebSocket at `path`. `index` chooses the source address.
    pub(crate) async fn open(address: SocketAddr, path: &str, index: usize) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        let source = index / PER_SOURCE;
        if source > 0 {
            socket.bind((Ipv4Addr::new(127, 0, 0, 1 + u8::try_from(source)?), 0).into())?;
        }
        let mut stream = timeout(ANSWER_WITHIN, socket.connect(address)).await??;
        stream.set_nodelay(true)?;
        let rest = timeout(ANSWER_WITHIN, upgrade(&mut stream, address, path)).await??;
        let (reading, writing) = stream.into_split();
        let writer = Rc::new(Writer { half: writing, inside_frame: Cell::new(false) });
        Ok(Self { half: reading, rest, early: VecDeque::new(), writer, pings: 0 })
    }

    /// The writing half, to send while another task reads.
    pub(crate) fn writer(&self) -> Rc<Writer> {
        Rc::clone(&self.writer)
    }

    /// How many pings the server has sent.
    pub(crate) fn pings(&self) -> u64 {
        self.pings
    }

    /// Sends `frame`.
    pub(crate) async fn send(&self, frame: &impl Serialize) -> Result<()> {
        let mut bytes = Vec::new();
        frame::push(&mut bytes, TEXT, &serde_json::to_vec(frame)?);
        self.writer.write(&bytes).await
    }

    /// Sends `frame` and waits for the first frame of type `answer`; others on the way are dropped.
    pub(crate) async fn ask(&mut self, frame: &impl Serialize, answer: &str) -> Result<Vec<u8>> {
        self.send(frame).await?;
        self.next(answer, ANSWER_WITHIN).await
    }

    /// Waits for the first frame of type `answer`; others on the way are dropped.
    pub(crate) async fn next(&mut self, answer: &str, within: Duration) -> Result<Vec<u8>> {
        let wanted = format!(r#"{{"type":"{answer}""#);
        timeout(within, self.wait_for(wanted.as_bytes()))
            .await
            .map_err(|_| format!("no {answer} within {within:?}"))?
    }

    async fn wait_for(&mut self, wanted: &[u8]) -> Result<Vec<u8>> {
        loop {
            while let Some(payload) = self.early.pop_front() {
                if payload.starts_with(wanted) {
                    return Ok(payload);
                }
            }
            let mut arrived = VecDeque::new();
            self.read(&mut |payload| arrived.push_back(payload.to_vec())).await?;
            self.early = arrived;
        }
    }

    /// Waits for bytes and gives `each` every text frame that is whole; answers pings. One read at most.
    /// An `error` of the server and the end of the connection are errors.
    pub(crate) async fn read(&mut self, each: &mut impl FnMut(&[u8])) -> Result<()> {
        if !self.early.is_empty() {
            self.early.drain(..).for_each(|payload| each(&payload));
            return Ok(());
        }
        poll_fn(|context| BUFFER.with_borrow_mut(|buffer| self.poll_read(context, buffer, each))).await
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        each: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<()>> {
        let held = self.rest.len();
        if held >= buffer.len() {
            return Poll::Ready(Err("a frame is larger than the buffer".into()));
        }
        buffer[..held].copy_from_slice(&self.rest);
        let mut space = ReadBuf::new(&mut buffer[held..]);
        ready!(Pin::new(&mut self.half).poll_read(context, &mut space))?;
        let filled = held + space.filled().len();
        if filled == held {
            return Poll::Ready(Err("the server ended the connection".into()));
        }
        let used = self.take_frames(&buffer[..filled], each)?;
        self.rest.clear();
        self.rest.extend_from_slice(&buffer[used..filled]);
        Poll::Ready(Ok(()))
    }

    fn take_frames(&mut self, bytes: &[u8], each: &mut impl FnMut(&[u8])) -> Result<usize> {
        let mut used = 0;
        while let Some((frame, length)) = frame::split(&bytes[used..])? {
            used += length;
            match frame.opcode {
                TEXT if frame.payload.starts_with(ERROR) => {
                    return Err(format!("refused: {}", String::from_utf8_lossy(frame.payload)).into());
                }
                TEXT => each(frame.payload),
                PING => {
                    self.pings += 1;
                    self.writer.pong(frame.payload);
                }
                CLOSE => return Err(closed(frame.payload)),
                _ => {}
            }
        }
        Ok(used)
    }
}

impl Writer {
    /// Writes whole frames.
    pub(crate) async fn write(&self, mut frames: &[u8]) -> Result<()> {
        while !frames.is_empty() {
            match self.half.try_write(frames) {
                Ok(written) => {
                    frames = &frames[written..];
                    self.inside_frame.set(!frames.is_empty());
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.half.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Answers a ping unless that would stand inside another frame; the server asks again.
    fn pong(&self, payload: &[u8]) {
        if !self.inside_frame.get() {
            let mut bytes = Vec::new();
            frame::push(&mut bytes, PONG, payload);
            // Where the socket is full the server has our other frames as a sign of life.
            let _ = self.half.try_write(&bytes);
        }
    }
}

fn closed(payload: &[u8]) -> Box<dyn std::error::Error> {
    match payload {
        [a, b, reason @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            format!("the server closed the connection: {code} {}", String::from_utf8_lossy(reason)).into()
        }
        _ => "the server closed the connection".into(),
    }
}

/// The opening handshake (RFC 6455 §4.1). Gives what came after it.
async fn upgrade(stream: &mut TcpStream, address: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cGFybG9yIGJlbmNobWFyaw==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("the server ended the connection during the handshake".into());
        }
        if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
            if !answer.starts_with(b"HTTP/1.1 101 ") {
                return Err(format!("no upgrade: {}", String::from_utf8_lossy(&answer)).into());
            }
            return Ok(answer.split_off(end + 4));
        }
    }
}
