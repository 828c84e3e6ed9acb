//! A WebSocket as a stream of messages and a place for frames.

use crate::connect::Cause;
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocketRead, WebSocketWrite, after_handshake_split};
use futures_util::stream::{BoxStream, StreamExt, unfold};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parlor_protocol::broker::WorkerFrame;
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{BufWriter, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::time::timeout;

type Stream = TokioIo<Upgraded>;

/// The longest message from the server, in bytes: a context of many long messages has its place in it.
const MESSAGE_MAX: usize = 16 * 1024 * 1024;
/// How long the server may take nothing off us.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many frames are written at once, and as many more wait for that. Who has another waits.
pub(crate) const FRAMES: usize = 64;

/// What comes in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    /// The server closes: its code, 1005 where it gave none.
    Close(u16),
}

/// What goes out.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Frame(Box<WorkerFrame>),
    Ping,
    Pong(Vec<u8>),
    Close(u16),
}

/// Messages as they come; waiting for the next one may be given up and begun again.
pub(crate) type Messages = BoxStream<'static, Result<Received, Cause>>;

/// An open WebSocket.
pub(crate) struct Socket {
    pub(crate) messages: Messages,
    pub(crate) writer: Writer,
}

impl Socket {
    pub(crate) fn new(stream: Stream) -> Self {
        let (read, write) = split(stream);
        let (mut read, write) = after_handshake_split(read, BufWriter::new(write), Role::Client);
        // Answers to control frames go out behind what goes out already.
        read.set_auto_pong(false);
        read.set_auto_close(false);
        // The limit is exclusive.
        read.set_max_message_size(MESSAGE_MAX + 1);
        let reader = Reader { frames: read, assembly: Assembly::default() };
        // The state of a read that is given up stays in the stream.
        let messages = unfold(Some(reader), |reader| async {
            let mut reader = reader?;
            match reader.next().await {
                Ok(message) => Some((Ok(message), Some(reader))),
                Err(cause) => Some((Err(cause), None)),
            }
        });
        Self { messages: messages.boxed(), writer: Writer(write) }
    }
}

struct Reader {
    frames: WebSocketRead<ReadHalf<Stream>>,
    assembly: Assembly,
}

/// A message that is there in part.
#[derive(Default)]
struct Assembly {
    kind: Option<OpCode>,
    parts: Vec<u8>,
}

impl Reader {
    async fn next(&mut self) -> Result<Received, Cause> {
        loop {
            let mut ignore = |_: Frame<'_>| async { Ok::<_, Infallible>(()) };
            let frame = self.frames.read_frame(&mut ignore).await?;
            if let Some(message) = self.assembly.take(&frame)? {
                return Ok(message);
            }
        }
    }
}

impl Assembly {
    /// Takes a frame; a whole message comes out with its last one (RFC 6455 §5.4).
    fn take(&mut self, frame: &Frame<'_>) -> Result<Option<Received>, Cause> {
        match frame.opcode {
            OpCode::Ping => return Ok(Some(Received::Ping(frame.payload.to_vec()))),
            OpCode::Pong => return Ok(Some(Received::Pong)),
            OpCode::Close => return Ok(Some(Received::Close(close_code(&frame.payload)))),
            OpCode::Continuation if self.kind.is_none() => return Err("a piece of no message".into()),
            OpCode::Continuation => {}
            _ if self.kind.is_some() => return Err("a message inside of another".into()),
            kind => self.kind = Some(kind),
        }
        if self.parts.len() + frame.payload.len() > MESSAGE_MAX {
            return Err("a message is too long".into());
        }
        self.parts.extend_from_slice(&frame.payload);
        if !frame.fin {
            return Ok(None);
        }
        let parts = std::mem::take(&mut self.parts);
        match self.kind.take() {
            Some(OpCode::Text) => Ok(Some(Received::Text(String::from_utf8(parts)?))),
            _ => Err("a message that is no text".into()),
        }
    }
}

fn close_code(payload: &[u8]) -> u16 {
    match payload {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 1005,
    }
}

/// The half that writes.
pub(crate) struct Writer(WebSocketWrite<BufWriter<WriteHalf<Stream>>>);

impl Writer {
    /// Writes what comes, all that is there in one go, until nobody can send any more.
    pub(crate) async fn run(mut self, mut outgoing: mpsc::Receiver<Outgoing>) -> Result<(), Cause> {
        let mut batch = Vec::with_capacity(FRAMES);
        while outgoing.recv_many(&mut batch, FRAMES).await > 0 {
            timeout(WRITE_TIMEOUT, self.write(batch.drain(..))).await??;
        }
        Ok(())
    }

    async fn write(&mut self, batch: impl Iterator<Item = Outgoing>) -> Result<(), Cause> {
        for outgoing in batch {
            let payload = |bytes: Vec<u8>| Payload::Owned(bytes);
            self.0
                .write_frame(match outgoing {
                    Outgoing::Frame(frame) => Frame::text(payload(serde_json::to_vec(&frame)?)),
                    Outgoing::Ping => Frame::new(true, OpCode::Ping, None, payload(Vec::new())),
                    Outgoing::Pong(bytes) => Frame::pong(payload(bytes)),
                    Outgoing::Close(code) => Frame::close(code, b""),
                })
                .await?;
        }
        Ok(self.0.flush().await?)
    }
}
