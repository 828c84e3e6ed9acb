//! The two halves of an upgraded connection.

use super::gate::{Gate, Passage};
use super::scan::Scanner;
use crate::patience::Patient;
use crate::traffic::Traffic;
use bytes::Bytes;
use fastwebsockets::upgrade::UpgradeFut;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// An upgraded connection.
pub(crate) struct Socket {
    pub(crate) read: Tap,
    pub(crate) write: WriteSide,
}

/// Plain TCP has halves without a lock, and can say that something has come before there is a buffer for it. Whoever
/// serves Parlor's routes from a server of their own may have another stream (TLS, say).
enum ReadSide {
    Tcp(OwnedReadHalf),
    Other(tokio::io::ReadHalf<TokioIo<Upgraded>>),
}

/// The half that writes.
pub(crate) enum WriteSide {
    Tcp(OwnedWriteHalf),
    Other(tokio::io::WriteHalf<TokioIo<Upgraded>>),
}

impl Socket {
    /// Waits for the upgrade to complete. What is read from then on counts as traffic.
    pub(crate) async fn upgraded(
        upgrade: UpgradeFut,
        traffic: Arc<Traffic>,
        gate: Gate,
    ) -> Result<Self, fastwebsockets::WebSocketError> {
        // Nothing has been read through the WebSocket yet: taking it apart loses no byte.
        let upgraded = upgrade.await?.into_inner().into_inner();
        let (rest, read, write) = match upgraded.downcast::<TokioIo<Patient<TcpStream>>>() {
            Ok(parts) => {
                let (read, write) = parts.io.into_inner().into_inner().into_split();
                // Copied, since even an empty handle keeps the HTTP server's whole read buffer alive.
                (Bytes::copy_from_slice(&parts.read_buf), ReadSide::Tcp(read), WriteSide::Tcp(write))
            }
            Err(other) => {
                let (read, write) = tokio::io::split(TokioIo::new(other));
                (Bytes::new(), ReadSide::Other(read), WriteSide::Other(write))
            }
        };
        traffic.receive(rest.len());
        Ok(Self { read: Tap { rest, side: read, frames: Mutex::default(), traffic, gate }, write })
    }
}

/// The half that reads, with a scanner of what was read.
pub(crate) struct Tap {
    /// What the HTTP server read beyond the upgrade's request.
    rest: Bytes,
    side: ReadSide,
    /// In a mutex because a reader borrows the tap while its owner asks how far it is. Never contended.
    frames: Mutex<Frames>,
    traffic: Arc<Traffic>,
    gate: Gate,
}

/// How far the frames have been read, and where the newest stands with the gate.
#[derive(Default)]
pub(crate) struct Frames {
    pub(crate) scanner: Scanner,
    passage: Passage,
}

impl Frames {
    /// What was read has been done, too: its place is somebody else's.
    pub(crate) fn done(&mut self) {
        if self.scanner.at_boundary() {
            self.passage = Passage::default();
        }
    }
}

/// Bytes come from a tap, of which the scanner stays readable.
pub(crate) struct TapReader<'a> {
    /// Whether to stop at the end of each frame, so that who reads has never more than it returned.
    single: bool,
    rest: &'a mut Bytes,
    side: &'a mut ReadSide,
    frames: &'a Mutex<Frames>,
    traffic: &'a Traffic,
    /// None: nothing that is read is kept.
    gate: Option<&'a Gate>,
}

impl Tap {
    /// Waits until there is something to read, without a buffer for it.
    pub(crate) async fn readable(&mut self) -> io::Result<()> {
        self.frames.get_mut().done();
        match &mut self.side {
            _ if !self.rest.is_empty() => Ok(()),
            ReadSide::Tcp(half) => half.readable().await,
            ReadSide::Other(_) => Ok(()),
        }
    }

    /// The bytes, and what is known of their frames.
    pub(crate) fn parts(&mut self, single: bool) -> (TapReader<'_>, &Mutex<Frames>) {
        let Self { rest, side, frames, traffic, gate } = self;
        (TapReader { single, rest, side, frames, traffic, gate: Some(gate) }, frames)
    }

    /// Reads and forgets until the other side closes. Its place at the gate is somebody else's.
    pub(crate) async fn discard(&mut self) {
        let mut buffer = [0; 512];
        self.frames.get_mut().passage = Passage::default();
        let (reader, _) = self.parts(false);
        let mut reader = TapReader { gate: None, ..reader };
        while tokio::io::AsyncReadExt::read(&mut reader, &mut buffer).await.is_ok_and(|count| count > 0) {}
    }
}

impl AsyncRead for TapReader<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut frames = this.frames.lock();
        let Frames { scanner, passage } = &mut *frames;
        if let Some(gate) = this.gate.filter(|_| passage.waits()) {
            ready!(gate.poll(passage, 0, context));
        }
        let before = buffer.filled().len();
        if this.rest.is_empty() {
            ready!(match this.side {
                ReadSide::Tcp(half) => Pin::new(half).poll_read(context, buffer),
                ReadSide::Other(half) => Pin::new(half).poll_read(context, buffer),
            })?;
            this.traffic.receive(buffer.filled().len() - before);
        } else {
            let count = this.rest.len().min(buffer.remaining());
            buffer.put_slice(&this.rest.split_to(count));
        }
        let (new, mut next) = (&buffer.filled()[before..], *scanner);
        let passed = if this.single { next.pass_frame(new) } else { next.pass(new).map(|()| new.len()) };
        let mut end =
            passed.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a frame without a mask"))?;
        // Whoever reads makes room for a frame when it has the header: one that waits is kept back with its header.
        let enters = this.gate.map_or(Poll::Ready(()), |gate| gate.poll(passage, next.left(), context));
        if enters.is_ready() {
            *scanner = next;
        } else {
            end = 0;
        }
        if end < new.len() {
            let beyond = [&new[end..], &this.rest[..]].concat();
            *this.rest = beyond.into();
            buffer.set_filled(before + end);
        }
        enters.map(Ok)
    }
}

impl AsyncWrite for WriteSide {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_write(context, bytes),
            Self::Other(half) => Pin::new(half).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_flush(context),
            Self::Other(half) => Pin::new(half).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_shutdown(context),
            Self::Other(half) => Pin::new(half).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_write_vectored(context, slices),
            Self::Other(half) => Pin::new(half).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(half) => half.is_write_vectored(),
            Self::Other(half) => half.is_write_vectored(),
        }
    }
}
