//! What a connection asks.

use crate::event::Correlation;
use crate::message::{Edit, Seq};
use crate::ports::Extra;
use crate::room::{AiMode, MemberRole, RoomKind};
use crate::uploads::UploadAction;
use crate::{ConversationId, FileId, MessageId, RoomId, UserId};

/// One request, with the client's names for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// What to do.
    pub action: Action,
    /// What the answer repeats.
    pub correlation: Correlation,
}

/// A conversation by one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// By its own id.
    Conversation(ConversationId),
    /// By its room's.
    Room(RoomId),
}

impl From<ConversationId> for Place {
    fn from(id: ConversationId) -> Self {
        Self::Conversation(id)
    }
}

impl From<RoomId> for Place {
    fn from(id: RoomId) -> Self {
        Self::Room(id)
    }
}

/// What to do. Everything that a dialect can ask is one of these; none of them depends on the dialect.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Get a conversation's events. Answer: `Joined`, then the turns that are live, from their beginnings.
    Join(Place),
    /// Stop getting them, and stay a participant. Answer: `Left`.
    Leave(Place),
    /// Something about a room and its members.
    Room(RoomAction),
    /// Store a message; a `user` message may start a turn. Joins the conversation. Answer: `Sent`.
    Send(Draft),
    /// Store a message and have it answered, whatever its kind, without joining. Of the conversation the connection gets
    /// only the turn's beginning, its text where `pieces` says so, and the answer: `Answered`, once the turn has ended.
    /// The same again is answered with the same reply.
    Ask {
        /// The message.
        draft: Draft,
        /// Whether the text is wanted as it comes, too.
        pieces: bool,
    },
    /// Change a message. Answer: `Changed`.
    Change {
        /// The message.
        message: MessageId,
        /// How.
        edit: Edit,
    },
    /// Follow the turn that answers `message` from its beginning; where it has ended, start another. Joins the
    /// conversation. Answer: the stream itself.
    Stream {
        /// The conversation.
        place: Place,
        /// The user's message.
        message: MessageId,
        /// Who should answer, and how.
        options: TurnOptions,
    },
    /// Make another reply. Joins the conversation. Answer: the stream itself.
    Regenerate {
        /// The conversation.
        place: Place,
        /// The reply, or the message that it answers; none means the newest reply.
        message: Option<MessageId>,
        /// Who should answer, and how.
        options: TurnOptions,
    },
    /// End a turn, keeping what it produced. Answer: `Stopped`, once it has ended.
    Stop {
        /// The conversation.
        place: Place,
        /// The turn; none means the one that is about to begin or, where none is, the live one that began last.
        turn: Option<MessageId>,
    },
    /// End the newest turn that is live, or about to begin, of those that this user asked for: in the conversation in
    /// which this connection asked last, or, where it has not asked yet, in any. What it produced is kept. Answer:
    /// `Stopped`, once it has ended; `NothingToStop`.
    StopOwn,
    /// Get the turns that this user asked for and that are live, from their beginnings, on whatever connection and by
    /// whatever dialect they were asked for. For connections that follow their user's own turns
    /// ([`Hub::connect_to_own_turns`](crate::Hub::connect_to_own_turns)); they get those to come in any case. Answer:
    /// `Answered`, for each, once it has ended.
    FollowOwn,
    /// Tell the others that this user types, or no longer does. Not answered.
    Typing {
        /// The conversation.
        place: Place,
        /// Whether they type now.
        is_typing: bool,
    },
    /// Say that everything up to a seq was read. Not answered; the author of the newest message that it newly covers
    /// gets `Read`.
    Read {
        /// The conversation.
        place: Place,
        /// The seq.
        seq: Seq,
    },
    /// Get what was missed of each conversation, and join it. Answer, for each: the messages, then `Resumed`.
    Resume(Vec<Position>),
    /// Get nothing of conversations that are not joined until the next command, which should be a `Resume`: nothing
    /// that comes meanwhile outruns it. Not answered.
    Hold,
    /// Get all that this user's clients have not got while none was there, of all conversations. Answer: the messages
    /// as `Replayed`, then `Synced`.
    Sync,
    /// Get earlier messages. Answer: `History`.
    History {
        /// The conversation.
        place: Place,
        /// Only those with a lower seq; none starts at the newest.
        before: Option<Seq>,
        /// How many at most, 1 to [`HISTORY_MAX`]; fewer come where they are long.
        limit: usize,
    },
    /// Upload a file. Answer: `Upload`.
    Upload(UploadAction),
    /// Get the heads of the joined conversations. Answer: `Heads`.
    Heads,
}

/// What can be done with a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomAction {
    /// Become a member of the room, which is made if there is none, and get its events. Answer: `RoomJoined`, then the
    /// turns that are live.
    Enter(RoomDraft),
    /// Be no member any more. Answer: `RoomLeft`.
    Exit(RoomId),
    /// End the room (its owner). Answer: `RoomDeleted`, which every member gets.
    Delete(RoomId),
    /// Make somebody a member, or give a member another role (its owner, and of plain members a moderator). Answer:
    /// `Members`, which the members and the one who comes get.
    AddMember {
        /// The room.
        room: RoomId,
        /// Who.
        user: UserId,
        /// As what: a member or a moderator. None is a member, or what they are.
        role: Option<MemberRole>,
    },
    /// End somebody's membership; they cannot come back by themselves. Answer: `Members`, which the members and
    /// the one who goes get.
    RemoveMember {
        /// The room.
        room: RoomId,
        /// Who.
        user: UserId,
    },
}

/// A room as a client wants it to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomDraft {
    /// Its id.
    pub id: RoomId,
    /// Its name; none is its id.
    pub name: Option<String>,
    /// Who may enter. None is [`RoomKind::Private`] for a new room, and any kind for one that is there.
    pub kind: Option<RoomKind>,
    /// When the AI answers; none is what the kind brings.
    pub ai_mode: Option<AiMode>,
    /// Who answers in a new room where a message names nobody: an assistant's name or id.
    pub assistant: Option<String>,
}

/// The most messages that one `History` asks for.
pub const HISTORY_MAX: usize = 200;
/// The most conversations that one `Resume` names.
pub const RESUME_MAX_POSITIONS: usize = 1_000;

/// The longest [`TurnOptions::context`], in bytes.
pub const REQUEST_CONTEXT_MAX: usize = 16 * 1024;

/// The longest `content_type` of a message, in bytes.
pub const CONTENT_TYPE_MAX: usize = 64;

/// The most files that one message carries.
pub const ATTACHMENTS_MAX: usize = 10;

/// A message that a client wants to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Where to; none makes a new conversation.
    pub place: Option<Place>,
    /// The text.
    pub content: String,
    /// What kind of message it is; `user` may start a turn.
    pub kind: String,
    /// What the text is, in the client's word, at most [`CONTENT_TYPE_MAX`] bytes; none is plain text.
    pub content_type: Option<String>,
    /// The client's own id of it, by which a resend is known.
    pub client_id: Option<String>,
    /// The files that it carries, at most [`ATTACHMENTS_MAX`]: the sender's own, or files of the place that it goes to.
    pub attachments: Vec<FileId>,
    /// Who should answer, and how.
    pub options: TurnOptions,
}

/// Who should answer, and how. What is not said is left to the server and the backend.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TurnOptions {
    /// The model.
    pub model: Option<String>,
    /// Instructions in the place of the server's.
    pub system_prompt: Option<String>,
    /// How freely the model chooses its words, 0 to 2.
    pub temperature: Option<f64>,
    /// How many tokens the reply may have; the server's own maximum still holds.
    pub max_tokens: Option<u32>,
    /// Where a backend fails in the middle of its reply: whether another one may begin anew, in the place of what was
    /// shown, instead of the turn being interrupted.
    pub restarts: bool,
    /// What the client says of its request: one JSON object, at most [`REQUEST_CONTEXT_MAX`] bytes, which the backend is
    /// told.
    pub context: Option<Extra>,
    /// Whether what the backend sends is kept as it sends it.
    pub raw_events: bool,
}

/// How far a client has read a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The conversation.
    pub place: Place,
    /// The highest seq that it has; 0 for none.
    pub seq: Seq,
    /// The log that the seq belongs to; none is taken for ours.
    pub epoch: Option<String>,
}
