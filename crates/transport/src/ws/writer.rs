//! From frames to as few writes as they fit in.

use super::io::WriteSide;
use crate::traffic::Traffic;
use bytes::Bytes;
use parlor_domain::{EncodingSlot, Event};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// How many frames go into one write.
const SLICES: usize = 64;
/// How much room for frames is kept while there are none.
const KEPT: usize = 16;

/// Encoded frames that wait for the socket.
pub(crate) enum Encoded {
    /// An event's, in the encoding that it keeps for all connections: only the event is counted, not its bytes.
    Shared(Arc<Event>, EncodingSlot),
    /// This connection's alone.
    Own(Bytes),
}

impl Encoded {
    fn bytes(&self) -> &[u8] {
        match self {
            // Encoded before it was put here: the closure is never called.
            Self::Shared(event, slot) => event.encoded(*slot, |_| Bytes::new()),
            Self::Own(bytes) => bytes,
        }
    }
}

/// Frames on their way to the socket.
pub(crate) struct Writer {
    socket: WriteSide,
    frames: VecDeque<Encoded>,
    /// How many bytes of the first have been written.
    begun: usize,
    traffic: Arc<Traffic>,
}

impl Writer {
    pub(crate) fn new(socket: WriteSide, traffic: Arc<Traffic>) -> Self {
        Self { socket, frames: VecDeque::new(), begun: 0, traffic }
    }

    /// Adds frames behind the others.
    pub(crate) fn add(&mut self, frames: Encoded) {
        if !frames.bytes().is_empty() {
            self.frames.push_back(frames);
        }
    }

    /// Forgets everything that is not on the wire in part: what follows it can still be understood.
    pub(crate) fn give_up(&mut self) {
        self.frames.truncate(usize::from(self.begun > 0));
    }

    /// Writes everything. Cancelling it loses nothing: it may be called again.
    pub(crate) async fn write(&mut self) -> io::Result<()> {
        poll_fn(|context| {
            while !self.frames.is_empty() {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let mut count = 0;
                for (slice, frames) in slices.iter_mut().zip(&self.frames) {
                    let begun = if count == 0 { self.begun } else { 0 };
                    *slice = IoSlice::new(&frames.bytes()[begun..]);
                    count += 1;
                }
                let socket = Pin::new(&mut self.socket);
                let written = ready!(socket.poll_write_vectored(context, &slices[..count]))?;
                if written == 0 {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero)));
                }
                self.advance(written);
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        if self.frames.capacity() > KEPT {
            self.frames = VecDeque::new();
        }
        self.socket.flush().await
    }

    fn advance(&mut self, written: usize) {
        self.traffic.send(written);
        self.begun += written;
        while let Some(first) = self.frames.front() {
            let length = first.bytes().len();
            if self.begun < length {
                return;
            }
            self.begun -= length;
            self.frames.pop_front();
        }
    }

    /// Tells the other side that nothing more comes.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.socket.shutdown().await
    }
}
