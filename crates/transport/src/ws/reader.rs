//! From bytes to whole messages, within limits, and without a buffer for a client that says nothing.

use super::io::{Frames, Tap, TapReader};
use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocketError, WebSocketRead, after_handshake_split};
use parking_lot::Mutex;
use parlor_domain::CloseCode;
use std::convert::Infallible;

/// One message or control frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Text(String),
    Binary(Bytes),
    Ping(Vec<u8>),
    /// With the number of the ping that it answers, where it has one.
    Pong(Option<u64>),
    /// The client's close frame: its code, 1005 where it has none.
    Close(u16),
}

/// Why there is no next message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The connection is gone.
    Lost,
    /// The client broke a rule of the protocol.
    Broken(CloseCode),
}

/// A message that comes in several frames (RFC 6455 §5.4), as far as it is there.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    kind: Option<OpCode>,
    parts: Vec<u8>,
}

/// Reads for as long as bytes come: it holds a buffer of 8 KiB. When it [rests](Burst::at_rest), drop it.
pub(crate) struct Burst<'a> {
    socket: WebSocketRead<TapReader<'a>>,
    frames: &'a Mutex<Frames>,
    before: u64,
    returned: u64,
    assembly: &'a mut Assembly,
    max: usize,
}

impl<'a> Burst<'a> {
    /// Waits for the first byte, then begins to read. A message has at most `max` bytes.
    pub(crate) async fn begin(
        tap: &'a mut Tap,
        assembly: &'a mut Assembly,
        max: usize,
    ) -> Result<Self, Ended> {
        tap.readable().await.map_err(|_| Ended::Lost)?;
        Ok(Self::on(tap, assembly, max, false))
    }

    /// Reads frame by frame: after each it [rests](Self::at_rest).
    pub(crate) fn single(tap: &'a mut Tap, assembly: &'a mut Assembly, max: usize) -> Self {
        Self::on(tap, assembly, max, true)
    }

    fn on(tap: &'a mut Tap, assembly: &'a mut Assembly, max: usize, single: bool) -> Self {
        let (reader, frames) = tap.parts(single);
        let (mut socket, _) = after_handshake_split(reader, tokio::io::sink(), Role::Server);
        socket.set_auto_pong(false);
        // The limit is on one frame's payload, and exclusive.
        socket.set_max_message_size(max + 1);
        let before = frames.lock().scanner.frames();
        Self { socket, frames, before, returned: 0, assembly, max }
    }

    /// Whether everything that was read has been returned: nothing is lost by dropping this.
    pub(crate) fn at_rest(&self) -> bool {
        let scanner = &self.frames.lock().scanner;
        scanner.at_boundary() && scanner.frames() - self.before == self.returned
    }

    /// The next message; the one before has been done. Not cancel safe: what was read of it would be lost.
    pub(crate) async fn next(&mut self) -> Result<Received, Ended> {
        self.frames.lock().done();
        loop {
            // Answers to control frames go by the outbox like everything else.
            let mut answer = |_: Frame<'_>| async { Ok::<_, Infallible>(()) };
            let frame = self.socket.read_frame(&mut answer).await.map_err(|error| ended(&error))?;
            self.returned += 1;
            if let Some(message) = self.assembly.take(frame, self.max)? {
                return Ok(message);
            }
        }
    }
}

impl Assembly {
    /// Takes a frame; a whole message comes out with its last one.
    fn take(&mut self, frame: Frame<'_>, max: usize) -> Result<Option<Received>, Ended> {
        let protocol_error = Ended::Broken(CloseCode::ProtocolError);
        Ok(Some(match frame.opcode {
            OpCode::Ping => Received::Ping(frame.payload.to_vec()),
            OpCode::Pong => Received::Pong(<[u8; 8]>::try_from(&*frame.payload).ok().map(u64::from_be_bytes)),
            OpCode::Close => Received::Close(close_code(&frame.payload)),
            OpCode::Text | OpCode::Binary if self.kind.is_some() => return Err(protocol_error),
            OpCode::Continuation if self.kind.is_none() => return Err(protocol_error),
            OpCode::Text if frame.fin => text(frame.payload.into())?,
            OpCode::Binary if frame.fin => Received::Binary(binary(frame.payload)),
            opcode => {
                if opcode != OpCode::Continuation {
                    self.kind = Some(opcode);
                }
                if self.parts.len() + frame.payload.len() > max {
                    return Err(Ended::Broken(CloseCode::TooLarge));
                }
                self.parts.extend_from_slice(&frame.payload);
                if !frame.fin {
                    return Ok(None);
                }
                let parts = std::mem::take(&mut self.parts);
                if self.kind.take() == Some(OpCode::Text) {
                    text(parts)?
                } else {
                    Received::Binary(parts.into())
                }
            }
        }))
    }
}

/// The payload without a copy of it.
fn binary(payload: Payload<'_>) -> Bytes {
    match payload {
        Payload::Bytes(bytes) => bytes.freeze(),
        Payload::Owned(bytes) => bytes.into(),
        other => Bytes::copy_from_slice(&other),
    }
}

fn text(bytes: Vec<u8>) -> Result<Received, Ended> {
    String::from_utf8(bytes).map(Received::Text).map_err(|_| Ended::Broken(CloseCode::InvalidPayload))
}

fn close_code(payload: &[u8]) -> u16 {
    match payload {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 1005,
    }
}

fn ended(error: &WebSocketError) -> Ended {
    match error {
        WebSocketError::FrameTooLarge => Ended::Broken(CloseCode::TooLarge),
        WebSocketError::InvalidUTF8 => Ended::Broken(CloseCode::InvalidPayload),
        WebSocketError::IoError(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Ended::Broken(CloseCode::ProtocolError)
        }
        WebSocketError::UnexpectedEOF
        | WebSocketError::IoError(_)
        | WebSocketError::ConnectionClosed
        | WebSocketError::SendError(_) => Ended::Lost,
        _ => Ended::Broken(CloseCode::ProtocolError),
    }
}
