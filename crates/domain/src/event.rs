//! What is pushed to connections. One event is made once, shared by every outbox, and encoded once a dialect.

use crate::message::{Author, Message, Seq, Summary, TurnStatus};
use crate::{ConversationId, MessageId, Refusal};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    /// A message entered the log. To the connections that joined its conversation.
    Message(Arc<Message>),
    /// The same, to a participant's connections that have not joined.
    MessageElsewhere(Arc<Message>),
    /// A conversation's title, newest entry or message count changed. To all of its participants' connections.
    Updated(Summary),
    /// Somebody types, or no longer does. May be dropped.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        who: Author,
        /// Whether they type now.
        is_typing: bool,
    },
    /// A turn began, or is shown again from its beginning: what was shown of it counts no more.
    TurnStarted(TurnRef),
    /// A piece of a turn's text. Several may be merged into one.
    TurnDelta {
        /// The turn.
        turn: TurnRef,
        /// How many bytes of UTF-8 stand before this piece.
        offset: u64,
        /// The piece.
        text: String,
    },
    /// A turn ended and became a message. To the connections that saw it begin: they get its `TurnStarted` before, and
    /// all of its text if it has any. To those that come back meanwhile, it is a `Message`.
    TurnEnded {
        /// The message, whose `reply` tells how.
        message: Arc<Message>,
        /// Why, where it failed.
        refusal: Option<Refusal>,
    },
}

/// Names a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnRef {
    /// The assistant message that it will become.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The message that it answers.
    pub in_reply_to: MessageId,
}

/// Which of an event's memoized encodings is meant: every dialect has a number of its own, below
/// [`EncodingSlot::COUNT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingSlot(usize);

impl EncodingSlot {
    /// How many dialects one process can serve.
    pub const COUNT: usize = 8;

    /// Slot `number`. Evaluated in a `const`, a number that is too high does not compile.
    ///
    /// # Panics
    /// Where `number` is not below [`EncodingSlot::COUNT`].
    pub const fn new(number: usize) -> Self {
        assert!(number < Self::COUNT, "more dialects than encoding slots");
        Self(number)
    }
}

/// An event with its encodings.
#[derive(Debug)]
pub struct Event {
    body: EventBody,
    encodings: [OnceLock<Bytes>; EncodingSlot::COUNT],
}

/// What a frame costs beside its text, roughly: JSON around it and our own bookkeeping. Bytes.
const ENVELOPE: usize = 320;

impl Event {
    /// Wraps what happened.
    pub fn new(body: EventBody) -> Arc<Self> {
        Arc::new(Self { body, encodings: Default::default() })
    }

    /// What happened.
    pub fn body(&self) -> &EventBody {
        &self.body
    }

    /// The event's bytes in one dialect: made by `encode` at the first call, the same ones ever after. Who writes them
    /// keeps the event, and so needs no handle of its own to them.
    pub fn encoded(&self, slot: EncodingSlot, encode: impl FnOnce(&EventBody) -> Bytes) -> &Bytes {
        self.encodings[slot.0].get_or_init(|| encode(&self.body))
    }

    /// About how many bytes it holds in an outbox.
    pub fn weight(&self) -> usize {
        ENVELOPE
            + match &self.body {
                EventBody::Message(message) | EventBody::MessageElsewhere(message) => message.content.len(),
                EventBody::TurnDelta { text, .. } => text.len(),
                EventBody::Updated(_)
                | EventBody::Typing { .. }
                | EventBody::TurnStarted(_)
                | EventBody::TurnEnded { .. } => 0,
            }
    }

    /// Whether a slow reader may miss it.
    pub(crate) fn is_droppable(&self) -> bool {
        matches!(self.body, EventBody::Typing { who: Author::User(_), .. })
    }

    /// The log's entry that it announces, if it announces one.
    pub(crate) fn entry(&self) -> Option<&Arc<Message>> {
        match &self.body {
            EventBody::Message(message) | EventBody::TurnEnded { message, .. } => Some(message),
            _ => None,
        }
    }
}

/// The client's own names for a request, which its answer repeats. The domain never looks into them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correlation {
    /// Its id of the request.
    pub request_id: Option<Box<str>>,
    /// Its id of the message that it sent.
    pub client_id: Option<Box<str>>,
    /// Whether the request's id stood outside the request's data; the dialect may want to answer alike.
    pub outside: bool,
}

/// An answer to one command, for the connection that gave it.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The request's names.
    pub correlation: Correlation,
    /// The answer.
    pub body: ReplyBody,
}

/// What an answer says.
#[derive(Debug, Clone)]
pub enum ReplyBody {
    /// The connection gets the conversation's events from here on.
    Joined {
        /// The conversation.
        conversation: ConversationId,
        /// Its newest entry.
        last_seq: Seq,
        /// Its title.
        title: String,
    },
    /// It no longer does.
    Left {
        /// The conversation.
        conversation: ConversationId,
    },
    /// The message is in the log: the event that the others get ([`EventBody::Message`]).
    Sent {
        /// The event, so that its encoding can be shared.
        event: Arc<Event>,
        /// Whether it was there before.
        duplicate: bool,
    },
    /// The turn has ended, by this stop or before it. Neither is there where none was named and none was live.
    Stopped {
        /// The conversation.
        conversation: ConversationId,
        /// The turn.
        turn: Option<MessageId>,
        /// How it ended.
        status: Option<TurnStatus>,
    },
    /// A page of earlier messages, oldest first.
    History {
        /// The conversation.
        conversation: ConversationId,
        /// The messages.
        messages: Vec<Message>,
        /// Whether there are earlier ones.
        has_more: bool,
    },
    /// One message of those that a resuming client missed.
    Missed(Box<Message>),
    /// The end of what a resuming client missed.
    Resumed {
        /// The conversation.
        conversation: ConversationId,
        /// The position that it named.
        from_seq: Seq,
        /// The position that it has now.
        last_seq: Seq,
        /// False: it must load the history instead.
        recovered: bool,
        /// Which log this is.
        epoch: Arc<str>,
    },
    /// The newest seq of each conversation that this connection joined.
    Heads(Vec<(ConversationId, Seq)>),
    /// The command was not done.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The conversation that it named, if it did.
        conversation: Option<ConversationId>,
    },
}

impl Reply {
    pub(crate) fn weight(&self) -> usize {
        ENVELOPE
            + match &self.body {
                ReplyBody::Sent { event, .. } => event.weight(),
                ReplyBody::History { messages, .. } => {
                    messages.iter().map(|message| message.content.len() + ENVELOPE).sum()
                }
                ReplyBody::Missed(message) => message.content.len(),
                ReplyBody::Heads(heads) => heads.len() * 64,
                _ => 0,
            }
    }
}
