//! From frames to as few writes as they fit in.

use super::io::WriteSide;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Poll, ready};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// How many frames go into one write.
const SLICES: usize = 64;
/// How much room for frames is kept while there are none.
const KEPT: usize = 16;

/// Frames on their way to the socket.
pub(crate) struct Writer {
    socket: WriteSide,
    frames: VecDeque<Bytes>,
    /// Whether a part of the first frame has been written.
    begun: bool,
}

impl Writer {
    pub(crate) fn new(socket: WriteSide) -> Self {
        Self { socket, frames: VecDeque::new(), begun: false }
    }

    /// Adds a frame behind the others.
    pub(crate) fn add(&mut self, frame: Bytes) {
        if !frame.is_empty() {
            self.frames.push_back(frame);
        }
    }

    /// Forgets every frame that is not on the wire in part: what follows it can still be understood.
    pub(crate) fn give_up(&mut self) {
        self.frames.truncate(usize::from(self.begun));
    }

    /// Writes everything. Cancelling it loses nothing: it may be called again.
    pub(crate) async fn write(&mut self) -> io::Result<()> {
        poll_fn(|context| {
            while !self.frames.is_empty() {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let mut count = 0;
                for (slice, frame) in slices.iter_mut().zip(&self.frames) {
                    *slice = IoSlice::new(frame);
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

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.frames.front_mut() {
            if written < first.len() {
                first.advance(written);
                self.begun |= written > 0;
                return;
            }
            written -= first.len();
            self.frames.pop_front();
            self.begun = false;
        }
    }

    /// Tells the other side that nothing more comes.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.socket.shutdown().await
    }
}
