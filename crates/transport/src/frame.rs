//! Server frames as they go on the wire: a header without a mask (RFC 6455 §5.1), so that one serves every connection.

use bytes::{Bytes, BytesMut};
use fastwebsockets::OpCode;
use parlor_domain::Close;
use serde::Serialize;

/// Room for the header of a payload of 126 to 65,535 bytes, which most frames are.
const USUAL_HEADER: usize = 4;
/// Room for most frames, in bytes, so that they are written without growing it step by step.
const USUAL_FRAME: usize = 640;

/// One or several frames in one piece of memory.
#[derive(Default)]
pub(crate) struct Frames(BytesMut);

impl Frames {
    /// Adds `value` as a text frame of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> &mut Self {
        let start = self.0.len();
        self.0.reserve(USUAL_FRAME);
        self.0.extend_from_slice(&[0; USUAL_HEADER]);
        if let Err(error) = serde_json::to_writer(Appender(&mut self.0), value) {
            // Our own types have string keys and no failing parts: this cannot be. A frame less harms least.
            tracing::error!(%error, "a frame could not be written as JSON");
            self.0.truncate(start);
            return self;
        }
        let payload = self.0.len() - start - USUAL_HEADER;
        let mut header = [0; 10];
        let size = write_header(&mut header, OpCode::Text, payload);
        self.fit_header(start, size, payload);
        self.0[start..start + size].copy_from_slice(&header[..size]);
        self
    }

    /// Makes the header's room exactly `size`.
    fn fit_header(&mut self, start: usize, size: usize, payload: usize) {
        let from = start + USUAL_HEADER;
        if size > USUAL_HEADER {
            self.0.extend_from_slice(&[0; 10][..size - USUAL_HEADER]);
        }
        if size != USUAL_HEADER {
            self.0.copy_within(from..from + payload, start + size);
            self.0.truncate(start + size + payload);
        }
    }

    /// The bytes.
    pub(crate) fn finish(self) -> Bytes {
        self.0.freeze()
    }
}

/// One text frame of JSON.
pub(crate) fn json(value: &impl Serialize) -> Bytes {
    let mut frames = Frames::default();
    frames.json(value);
    frames.finish()
}

/// A control frame with at most 125 bytes (RFC 6455 §5.5); longer payloads are cut.
pub(crate) fn control(opcode: OpCode, payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(125)];
    let mut header = [0; 10];
    let size = write_header(&mut header, opcode, payload.len());
    let mut bytes = BytesMut::with_capacity(size + payload.len());
    bytes.extend_from_slice(&header[..size]);
    bytes.extend_from_slice(payload);
    bytes.freeze()
}

/// The close frame.
pub(crate) fn close(close: &Close) -> Bytes {
    close_with(close.code.as_u16(), &close.reason)
}

/// A close frame with any code.
pub(crate) fn close_with(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    control(OpCode::Close, &payload)
}

/// Writes a final frame's header and returns its size: 2, 4 or 10 bytes (RFC 6455 §5.2).
fn write_header(header: &mut [u8; 10], opcode: OpCode, payload: usize) -> usize {
    header[0] = 0x80 | opcode as u8;
    if let (Ok(short), true) = (u8::try_from(payload), payload < 126) {
        header[1] = short;
        2
    } else if let Ok(medium) = u16::try_from(payload) {
        header[1] = 126;
        header[2..4].copy_from_slice(&medium.to_be_bytes());
        4
    } else {
        header[1] = 127;
        header[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
        10
    }
}

struct Appender<'a>(&'a mut BytesMut);

impl std::io::Write for Appender<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every size of header is right, alone and behind another frame.
    #[test]
    fn headers_fit_their_payloads() {
        for length in [0, 1, 123, 124, 125, 126, 65_533, 65_534, 200_000] {
            let text = "x".repeat(length);
            let bytes = {
                let mut frames = Frames::default();
                frames.json(&1).json(&text);
                frames.finish()
            };
            assert_eq!(&bytes[..3], [0x81, 1, b'1']);
            let rest = &bytes[3..];
            let (size, payload) = match rest[1] {
                127 => (10, u64::from_be_bytes(rest[2..10].try_into().unwrap())),
                126 => (4, u64::from(u16::from_be_bytes(rest[2..4].try_into().unwrap()))),
                short => (2, u64::from(short)),
            };
            assert_eq!(payload, length as u64 + 2);
            assert_eq!(&rest[size..], format!("\"{text}\"").as_bytes());
        }
    }
}
