//! How a connection ends.

use super::io::Tap;
use super::reader::Ended;
use super::writer::{Encoded, Writer};
use crate::frame;
use fastwebsockets::OpCode;
use parlor_domain::{Close, CloseCode};
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::timeout;

/// How long a close frame may take to go out, where the reader is slow.
pub(super) const CLOSE_WRITE: Duration = Duration::from_secs(10);
/// How long the client's own close is waited for, so that a reset does not swallow ours.
const LINGER: Duration = Duration::from_secs(2);

/// Why a connection ends.
pub(super) enum End {
    /// We end it.
    Ours(Close),
    /// The client closed, with this code.
    Client(u16),
    /// It is gone.
    Lost,
}

impl From<CloseCode> for End {
    fn from(code: CloseCode) -> Self {
        Self::Ours(code.into())
    }
}

impl From<Ended> for End {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Lost => Self::Lost,
            Ended::Broken(code) => code.into(),
        }
    }
}

/// The close of who has no right to be there.
pub(super) fn unauthenticated(reason: &'static str) -> Close {
    Close { code: CloseCode::Unauthenticated, reason: Cow::Borrowed(reason) }
}

/// Whether a client that closes with this code had nothing to complain of (RFC 6455 §7.4): it has got what was written.
pub(super) fn is_clean(code: u16) -> bool {
    matches!(code, 1000 | 1001 | 1005 | 3000..)
}

/// The closing handshake (RFC 6455 §7.1).
pub(super) async fn finish(end: End, tap: &mut Tap, writer: &mut Writer) {
    match end {
        End::Lost => {
            tracing::debug!("socket lost");
            return;
        }
        End::Client(code) => {
            tracing::debug!(code, "socket closed by the client");
            let echo =
                if code == 1005 { frame::control(OpCode::Close, b"") } else { frame::close_with(code, "") };
            writer.add(Encoded::Own(echo));
        }
        End::Ours(close) => {
            tracing::debug!(code = close.code.as_u16(), reason = %close.reason, "socket closed");
            writer.add(Encoded::Own(frame::close(&close)));
        }
    }
    if timeout(CLOSE_WRITE, writer.write()).await.is_ok_and(|written| written.is_ok()) {
        let _ = writer.shutdown().await;
        let _ = timeout(LINGER, tap.discard()).await;
    }
}
