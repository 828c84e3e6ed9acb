//! What is pushed to connections. One event is made once, shared by every outbox, and encoded once a dialect.

mod reply;

pub use reply::{Correlation, Reply, ReplyBody, RoomJoined};

use crate::jobs::JobNews;
use crate::message::{Author, Message, Seq, Summary};
use crate::ports::{FileRecord, ToolCall};
use crate::room::MemberRole;
use crate::{ConversationId, MessageId, Refusal, RoomId, Timestamp, UserId};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    /// A message entered the log. To the connections that joined its conversation.
    Message(Arc<Message>),
    /// The same, to a participant's connections that have not joined.
    MessageElsewhere(Arc<Message>),
    /// A message was changed; its `changed_seq` is the entry. To all connections of those who can see it.
    Changed(Arc<Message>),
    /// A conversation's title, newest entry or message count changed. To all of its participants' connections.
    Updated(Summary),
    /// A conversation was deleted. To all of its participants' connections.
    Deleted(Summary),
    /// Somebody became a member or is none any more by another's doing. To the connections that joined, and to all
    /// of that member's.
    Members {
        /// The conversation.
        conversation: ConversationId,
        /// Whose part changed.
        user: UserId,
        /// What they are now; none: they were removed.
        role: Option<MemberRole>,
        /// Who did it.
        by: UserId,
    },
    /// Members came or went, since the last such event. To the connections that joined. May be dropped.
    Presence {
        /// The conversation.
        conversation: ConversationId,
        /// Who, and whether they are there now. Never empty.
        changes: Vec<Presence>,
    },
    /// A file can be read. To all connections of those who can, but for the one that is answered.
    File(Arc<FileRecord>),
    /// Somebody types, or no longer does. May be dropped.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        who: Author,
        /// What they are called.
        name: Option<Arc<str>>,
        /// Whether they type now.
        is_typing: bool,
    },
    /// Somebody has read up to a seq. To the connections of the author of the newest message that this newly covers.
    Read {
        /// The author's message.
        message: Arc<Message>,
        /// Who has read it.
        reader: UserId,
        /// Up to where they have read.
        seq: Seq,
        /// When.
        at: Timestamp,
    },
    /// The user has read up to a seq by another of their connections. To the others of them.
    ReadElsewhere {
        /// Of which conversation.
        conversation: ConversationId,
        /// Up to where.
        seq: Seq,
    },
    /// A job of the user's has gone on, or has come to its end. To all of their connections; the first may be dropped.
    Job(Box<JobNews>),
    /// A turn began, or is shown again from its beginning: what was shown of it counts no more.
    TurnStarted(TurnRef),
    /// The turn's backend failed, and another one begins anew: what was shown of its text, its thoughts and its calls
    /// counts no more, and offsets begin at 0.
    TurnRestarted {
        /// The turn.
        turn: TurnRef,
        /// Which attempt begins, from 2.
        attempt: u32,
    },
    /// A piece of a call of a tool that the model wants. Not in the log.
    TurnToolCall {
        /// The turn.
        turn: TurnRef,
        /// The piece.
        call: ToolCall,
    },
    /// A piece of a turn's text, or of its thoughts. Several may be merged into one.
    TurnDelta {
        /// The turn.
        turn: TurnRef,
        /// What it is a piece of.
        part: TurnPart,
        /// How many bytes of UTF-8 of this part stand before this piece.
        offset: u64,
        /// The piece.
        text: String,
        /// When it came.
        at: Timestamp,
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

/// Whether somebody is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub user: UserId,
    /// What they are called.
    pub name: Arc<str>,
    /// Whether a connection of theirs has joined.
    pub online: bool,
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

/// What a live turn streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnPart {
    /// The reply's text: what becomes the message.
    Text,
    /// What the model thinks aloud. Not in the log, and not shown again to who comes later.
    Reasoning,
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
    /// The room in which it happened, if it was one.
    room: Option<RoomId>,
    body: EventBody,
    /// What every outbox asks of it, found once: a thousand of them need not look into the message for it.
    weight: usize,
    position: Option<(ConversationId, Seq)>,
    encodings: [OnceLock<Bytes>; EncodingSlot::COUNT],
}

/// What a frame costs beside its text, roughly: JSON around it and our own bookkeeping. Bytes.
const ENVELOPE: usize = 320;

impl Event {
    /// Wraps what happened in a room, or in a conversation that is none.
    pub fn new(room: Option<RoomId>, body: EventBody) -> Arc<Self> {
        let (weight, position) = (body.weight(), body.position());
        Arc::new(Self { room, body, weight, position, encodings: Default::default() })
    }

    /// The room in which it happened, if it was one.
    pub fn room(&self) -> Option<&RoomId> {
        self.room.as_ref()
    }

    /// What happened.
    pub fn body(&self) -> &EventBody {
        &self.body
    }

    /// The event's bytes in one dialect: made by `encode` at the first call, the same ones ever after. Who writes them
    /// keeps the event, and so needs no handle of its own to them.
    pub fn encoded(&self, slot: EncodingSlot, encode: impl FnOnce(&Self) -> Bytes) -> &Bytes {
        self.encodings[slot.0].get_or_init(|| encode(self))
    }

    /// About how many bytes it holds in an outbox.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Whether a slow reader may miss it.
    pub(crate) fn is_droppable(&self) -> bool {
        match &self.body {
            EventBody::Typing { who: Author::User(_), .. } | EventBody::Presence { .. } => true,
            EventBody::Job(news) => !news.job.state.is_end(),
            _ => false,
        }
    }

    /// The log's entry that it announces, if it announces one.
    pub(crate) fn entry(&self) -> Option<&Arc<Message>> {
        self.body.entry()
    }

    /// The conversation and the seq of the log's entry that it announces, if it announces one.
    pub(crate) fn position(&self) -> Option<(ConversationId, Seq)> {
        self.position
    }
}

impl EventBody {
    fn weight(&self) -> usize {
        ENVELOPE
            + match self {
                Self::Message(message) | Self::MessageElsewhere(message) | Self::Changed(message) => {
                    message.weight()
                }
                Self::TurnDelta { text, .. } => text.len(),
                Self::TurnToolCall { call, .. } => call.arguments.len(),
                Self::Presence { changes, .. } => changes.len() * ENVELOPE / 2,
                Self::Job(news) => news.weight(),
                Self::Updated(_)
                | Self::Deleted(_)
                | Self::Members { .. }
                | Self::File(_)
                | Self::Typing { .. }
                | Self::Read { .. }
                | Self::ReadElsewhere { .. }
                | Self::TurnStarted(_)
                | Self::TurnRestarted { .. }
                | Self::TurnEnded { .. } => 0,
            }
    }

    /// The turn of which it is a piece.
    pub(crate) fn turn(&self) -> Option<MessageId> {
        match self {
            Self::TurnDelta { turn, .. }
            | Self::TurnToolCall { turn, .. }
            | Self::TurnRestarted { turn, .. } => Some(turn.id),
            _ => None,
        }
    }

    fn entry(&self) -> Option<&Arc<Message>> {
        match self {
            Self::Message(message)
            | Self::MessageElsewhere(message)
            | Self::Changed(message)
            | Self::TurnEnded { message, .. } => Some(message),
            _ => None,
        }
    }

    fn position(&self) -> Option<(ConversationId, Seq)> {
        // What is not a change announces a message that is new, whatever was done to it since.
        let is_change = matches!(self, Self::Changed(_));
        let seq = |message: &Message| if is_change { message.changed_seq } else { message.seq };
        self.entry().map(|message| (message.conversation, seq(message)))
    }
}
