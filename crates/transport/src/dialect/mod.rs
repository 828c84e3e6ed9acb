//! The wire protocols. Each is a folder of pure functions between its frames and the domain's commands and events; it
//! knows no socket, and the loop over a socket knows no dialect.

mod broker;
mod conversations;
pub(crate) mod jobs;
pub(crate) mod metadata;
mod rooms;
mod sessions;
pub(crate) mod socketio;

pub(crate) use broker::Broker;
pub(crate) use conversations::Conversations;
pub(crate) use rooms::Rooms;
pub(crate) use sessions::Sessions;

use bytes::Bytes;
use parlor_domain::message::Seq;
use parlor_domain::{
    Command, ConnectionId, ConversationId, Correlation, EncodingSlot, ErrorCode, Event, HISTORY_MAX, Refusal,
    Reply, Timestamp, UserId, WorkerAnswer, WorkerHello, WorkerOrder, WorkerReport,
};
use parlor_protocol::rooms::LiveFigures;
use std::time::Duration;

/// What a text frame says.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every frame is a command: in a box, each would allocate"
)]
pub(crate) enum Incoming {
    /// A credential: the first frame, or one that extends the session.
    Auth {
        /// The token.
        token: String,
    },
    /// An AI worker comes in: only ever the first frame. Or what is wrong with what it says of itself.
    Worker(Result<WorkerHello, Refusal>),
    /// A command for the domain.
    Command(Command),
    /// To watch the figures of this node, or to watch them no more.
    Watch {
        /// Whether to.
        on: bool,
        /// The client's own names for its request.
        correlation: Correlation,
    },
    /// Nothing that anybody would notice; it counts against the limits all the same.
    Nothing,
}

/// Why a text frame says nothing, and the names in it that the answer repeats.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undecodable {
    pub(crate) refusal: Refusal,
    pub(crate) correlation: Correlation,
}

/// What a connection does before its first frame, in this order; what is wrong in it is refused by itself.
pub(crate) type Opening = Vec<Result<Command, Refusal>>;

/// Whose connection begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greeting {
    pub(crate) connection: ConnectionId,
    pub(crate) user: UserId,
    pub(crate) now: Timestamp,
}

/// One wire protocol over WebSocket.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// Where events keep their encodings in this dialect.
    fn slot(&self) -> EncodingSlot;

    /// Reads a text frame.
    fn decode(&self, text: &str) -> Result<Incoming, Undecodable>;

    /// Reads a binary frame; none where this dialect has none, and the connection ends.
    fn binary(&self, _frame: Bytes) -> Option<Result<Incoming, Undecodable>> {
        None
    }

    /// What the upgrade's query asks for, its names and values decoded. Nothing, unless the dialect says otherwise.
    fn opening(&self, _query: &[(String, String)]) -> Opening {
        Opening::new()
    }

    /// Whether its [`opening`](Self::opening) begins with what was missed.
    fn catches_up(&self) -> bool {
        false
    }

    /// Whether its connections get answers to what they ask and hear of nothing else.
    fn for_answers_alone(&self) -> bool {
        false
    }

    /// What an authenticated connection gets first.
    fn greeting(&self, greeting: Greeting) -> Bytes;

    /// An event as frames; none where this dialect does not tell it. Called once an event, however many connections
    /// get it.
    fn event(&self, event: &Event) -> Bytes;

    /// An answer as frames.
    fn reply(&self, reply: &Reply) -> Bytes;

    /// What goes out with every ping: the time, and the newest seq of each joined conversation.
    fn heartbeat(&self, _now: Timestamp, _heads: Vec<(ConversationId, Seq)>) -> Option<Bytes> {
        None
    }

    /// The wish that the client connects anew after `delay`, because the server is about to end.
    fn reconnect(&self, _delay: Duration) -> Option<Bytes> {
        None
    }

    /// The figures of this node, with the names of the request where they answer one. None where nobody can ask for them.
    fn live(&self, _figures: &LiveFigures<'_>, _correlation: &Correlation) -> Option<Bytes> {
        None
    }

    /// The words of AI workers; none where they cannot come in by this dialect.
    fn workers(&self) -> Option<&'static dyn WorkerDialect> {
        None
    }
}

/// What a worker's text frame says.
#[derive(Debug, PartialEq)]
pub(crate) enum FromWorker {
    /// Something for the domain.
    Report(WorkerReport),
    /// It wants a `pong`.
    Ping,
}

/// The side of AI workers in a wire protocol.
pub(crate) trait WorkerDialect: Send + Sync + 'static {
    /// What a worker gets first that was let in under this name.
    fn welcome(&self, name: &str, now: Timestamp) -> Bytes;

    /// Reads a text frame. Error: the refusal as a frame.
    fn decode(&self, text: &str) -> Result<FromWorker, Bytes>;

    /// The answer to [`FromWorker::Ping`].
    fn pong(&self) -> Bytes;

    /// An order as a frame.
    fn order(&self, order: &WorkerOrder) -> Bytes;

    /// An answer to a report as a frame.
    fn answer(&self, answer: &WorkerAnswer) -> Bytes;
}

/// How many messages a `history` without a limit asks for.
const HISTORY_DEFAULT: u32 = 50;

/// How many messages a `history` asks for.
fn history_limit(limit: Option<u32>) -> Result<usize, Refusal> {
    let limit = limit.unwrap_or(HISTORY_DEFAULT);
    usize::try_from(limit).ok().filter(|limit| (1..=HISTORY_MAX).contains(limit)).ok_or_else(|| {
        let words = format!("`limit` is 1 to {HISTORY_MAX}");
        Refusal::new(ErrorCode::InvalidRequest, words)
    })
}

/// How many of those who reacted are named; the count counts all.
const REACTORS_NAMED: usize = 50;

/// The reactions to a message as every dialect writes them.
fn reactions(message: &parlor_domain::message::Message) -> Vec<parlor_protocol::conversations::Reaction<'_>> {
    let reactions = message.reactions.iter();
    let written = reactions.map(|reaction| parlor_protocol::conversations::Reaction {
        emoji: (&reaction.emoji).into(),
        count: reaction.users.len(),
        user_ids: reaction.users.iter().take(REACTORS_NAMED).copied().collect(),
    });
    written.collect()
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_domain::EventBody;
    use parlor_domain::message::{Message, Reaction};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    /// Protects the price of a large room: where four dialects meet in one conversation, each encodes an event once,
    /// however many connections write it and on however many threads, and none gets another's bytes.
    #[test]
    fn an_event_is_encoded_once_a_dialect() {
        let dialects: [&dyn Dialect; 4] = [&Conversations, &Rooms, &Broker, &Sessions];
        let encoded = [const { AtomicUsize::new(0) }; 4];
        let event =
            Event::new(Some(samples::room()), EventBody::Message(Arc::new(samples::message(1, None))));
        let write = || {
            for connection in 0..1_000 {
                let (dialect, count) = (dialects[connection % 4], &encoded[connection % 4]);
                let bytes = event.encoded(dialect.slot(), |event| {
                    count.fetch_add(1, Ordering::Relaxed);
                    dialect.event(event)
                });
                assert_eq!(bytes, &dialect.event(&event));
            }
        };
        thread::scope(|threads| (0..2).for_each(|_| drop(threads.spawn(write))));
        assert_eq!(encoded.map(AtomicUsize::into_inner), [1, 1, 1, 1]);
    }

    /// A message that a thousand liked fits into a frame: they are all counted, and the first are named.
    #[test]
    fn a_crowd_is_counted_and_not_named() {
        let users: Vec<UserId> = (0..60).map(|number| samples::id(0x3000 + number)).collect();
        let reactions = vec![Reaction { emoji: "+1".into(), users: users.clone() }];
        let message = Message { reactions, ..samples::message(1, None) };
        let written = super::reactions(&message);
        assert_eq!((written[0].count, &written[0].user_ids[..]), (60, &users[..REACTORS_NAMED]));
    }
}
