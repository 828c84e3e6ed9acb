//! What a connection asks.

use crate::event::Correlation;
use crate::message::Seq;
use crate::{ConversationId, MessageId};

/// One request, with the client's names for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub action: Action,
    /// What the answer repeats.
    pub correlation: Correlation,
}

/// What to do. Everything that a dialect can ask is one of these; none of them depends on the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Get a conversation's events. Answer: `Joined`, then the turns that are live, from their beginnings.
    Join(ConversationId),
    /// Stop getting them. Answer: `Left`.
    Leave(ConversationId),
    /// Store a message; a `user` message starts a turn. Joins the conversation. Answer: `Sent`.
    Send(Draft),
    /// Follow the turn that answers `message` from its beginning; where it has ended, start another. Joins the
    /// conversation. Answer: the stream itself.
    Stream {
        /// The conversation.
        conversation: ConversationId,
        /// The user's message.
        message: MessageId,
        /// The model that should answer; none leaves it to the router.
        model: Option<String>,
    },
    /// End a turn, keeping what it produced. Answer: `Stopped`, once it has ended.
    Stop {
        /// The conversation.
        conversation: ConversationId,
        /// The turn; none means the one that is about to begin or, where none is, the live one that began last.
        turn: Option<MessageId>,
    },
    /// Tell the others that this user types, or no longer does. Not answered.
    Typing {
        /// The conversation.
        conversation: ConversationId,
        /// Whether they type now.
        is_typing: bool,
    },
    /// Get what was missed of each conversation, and join it. Answer, for each: the messages, then `Resumed`.
    Resume(Vec<Position>),
    /// Get earlier messages. Answer: `History`.
    History {
        /// The conversation.
        conversation: ConversationId,
        /// Only those with a lower seq; none starts at the newest.
        before: Option<Seq>,
        /// How many at most, 1 to [`HISTORY_MAX`]; fewer come where they are long.
        limit: usize,
    },
    /// Get the heads of the joined conversations. Answer: `Heads`.
    Heads,
}

/// The most messages that one `History` asks for.
pub const HISTORY_MAX: usize = 200;
/// The most conversations that one `Resume` names.
pub const RESUME_MAX_POSITIONS: usize = 1_000;

/// A message that a client wants to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where to; none makes a new conversation.
    pub conversation: Option<ConversationId>,
    /// The text.
    pub content: String,
    /// What kind of message it is; `user` starts a turn.
    pub kind: String,
    /// The client's own id of it, by which a resend is known.
    pub client_id: Option<String>,
    /// The model that should answer; none leaves it to the router.
    pub model: Option<String>,
}

/// How far a client has read a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The conversation.
    pub conversation: ConversationId,
    /// The highest seq that it has; 0 for none.
    pub seq: Seq,
    /// The log that the seq belongs to; none is taken for ours.
    pub epoch: Option<String>,
}
