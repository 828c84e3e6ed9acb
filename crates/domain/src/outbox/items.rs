//! What goes into an outbox, and how it gets there.

use super::Outbox;
use crate::event::{Event, Reply};
use crate::message::Seq;
use crate::{CloseCode, ConnectionId, ConversationId, UserId};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;

/// One thing to write.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// Shared with other connections.
    Event(Arc<Event>),
    /// For this connection alone.
    Reply(Box<Reply>),
    /// Bytes that only the transport which pushed them understands (a heartbeat, say).
    Raw(Bytes),
    /// A question (a ping, say) whose answer proves that the client has got everything before it:
    /// [`Session::answered`](crate::Session::answered).
    Probe {
        /// Names it; each higher than the one before.
        number: u64,
        /// What goes out.
        frame: Bytes,
    },
}

impl Outgoing {
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Event(event) => event.weight(),
            Self::Reply(reply) => reply.weight(),
            Self::Raw(bytes) | Self::Probe { frame: bytes, .. } => bytes.len() + 32,
        }
    }

    pub(super) fn is_droppable(&self) -> bool {
        match self {
            Self::Event(event) => event.is_droppable(),
            Self::Reply(_) => false,
            Self::Raw(_) | Self::Probe { .. } => true,
        }
    }

    /// The entry of the log that it brings.
    pub(super) fn position(&self) -> Option<(ConversationId, Seq)> {
        match self {
            Self::Event(event) => event.position(),
            Self::Reply(reply) => reply.position(),
            Self::Raw(_) | Self::Probe { .. } => None,
        }
    }
}

/// Why and how a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code of the close frame.
    pub code: CloseCode,
    /// Its reason, at most 123 bytes.
    pub reason: Cow<'static, str>,
}

impl From<CloseCode> for Close {
    fn from(code: CloseCode) -> Self {
        Self { code, reason: Cow::Borrowed(code.reason()) }
    }
}

/// Something on its way to the subscribers of a conversation.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// An event for all of them.
    All(Arc<Event>),
    /// An event for all but this user's connections.
    AllBut(UserId, Arc<Event>),
    /// An event whose cause is a command: its connection gets the answer, in the event's place.
    Caused { event: Arc<Event>, connection: ConnectionId, answer: Box<Reply> },
    /// The same, where one user must not see it.
    CausedBut { blind: UserId, event: Arc<Event>, connection: ConnectionId, answer: Box<Reply> },
    /// Only an answer to one connection, which must not outrun the events before it.
    Answer(ConnectionId, Box<Reply>),
}

impl Delivery {
    pub(crate) fn event(&self) -> Option<&Arc<Event>> {
        match self {
            Self::All(event)
            | Self::AllBut(_, event)
            | Self::Caused { event, .. }
            | Self::CausedBut { event, .. } => Some(event),
            Self::Answer(..) => None,
        }
    }

    /// What the connection of this outbox gets.
    pub(crate) fn item_for(&self, outbox: &Outbox) -> Option<Outgoing> {
        match self {
            Self::AllBut(user, _) | Self::CausedBut { blind: user, .. } if *user == outbox.user() => None,
            Self::Caused { connection, answer, .. } | Self::CausedBut { connection, answer, .. }
                if *connection == outbox.connection() =>
            {
                Some(Outgoing::Reply(answer.clone()))
            }
            Self::All(event)
            | Self::AllBut(_, event)
            | Self::Caused { event, .. }
            | Self::CausedBut { event, .. } => Some(Outgoing::Event(Arc::clone(event))),
            Self::Answer(connection, answer) => {
                (*connection == outbox.connection()).then(|| Outgoing::Reply(answer.clone()))
            }
        }
    }
}
