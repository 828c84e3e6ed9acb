//! The wire protocols. Each is a file of pure functions between its frames and the domain's commands and events; it
//! knows no socket, and the loop over a socket knows no dialect.

mod conversations;

pub(crate) use conversations::Conversations;

use bytes::Bytes;
use parlor_domain::{Command, Correlation, EncodingSlot, EventBody, Refusal, Reply, UserId};

/// What a text frame says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A credential: the first frame, or one that extends the session.
    Auth {
        /// The token.
        token: String,
    },
    /// A command for the domain.
    Command(Command),
}

/// Why a text frame says nothing, and the names in it that the answer repeats.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undecodable {
    pub(crate) refusal: Refusal,
    pub(crate) correlation: Correlation,
}

/// One wire protocol over WebSocket.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// Where events keep their encodings in this dialect.
    fn slot(&self) -> EncodingSlot;

    /// Reads a text frame.
    fn decode(&self, text: &str) -> Result<Incoming, Undecodable>;

    /// What an authenticated connection gets first.
    fn greeting(&self, user: UserId) -> Bytes;

    /// An event as frames. Called once an event, however many connections get it.
    fn event(&self, body: &EventBody) -> Bytes;

    /// An answer as frames.
    fn reply(&self, reply: &Reply) -> Bytes;
}
