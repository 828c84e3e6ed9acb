//! What a connection is answered.

use super::{ENVELOPE, Event};
use crate::message::{Message, Seq, TurnStatus};
use crate::room::{MemberRole, Room};
use crate::uploads::UploadReply;
use crate::{ConversationId, MessageId, Refusal, RoomId, Timestamp, UserId};
use std::sync::Arc;

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
    /// The room that it is about, if it is about one.
    pub room: Option<RoomId>,
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
    /// The connection's user is a member, and it gets the room's events from here on.
    RoomJoined(Box<RoomJoined>),
    /// The user is no member any more.
    RoomLeft {
        /// The conversation.
        conversation: ConversationId,
    },
    /// The room is gone.
    RoomDeleted {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Somebody's part in a room is now this.
    Member {
        /// The conversation.
        conversation: ConversationId,
        /// Whose.
        user: UserId,
        /// What they are; none: no member.
        role: Option<MemberRole>,
    },
    /// The message was changed: the event that the others get ([`EventBody::Changed`](super::EventBody::Changed)).
    Changed {
        /// The event, so that its encoding can be shared.
        event: Arc<Event>,
        /// False: the message was like that already, and nobody else was told.
        changed: bool,
    },
    /// The message is in the log: the event that the others get ([`EventBody::Message`](super::EventBody::Message)).
    Sent {
        /// The event, so that its encoding can be shared.
        event: Arc<Event>,
        /// Whether it was there before.
        duplicate: bool,
    },
    /// The turn that answers the message has ended ([`Action::Ask`](crate::Action::Ask)).
    Answered {
        /// The reply, with what is [attached](Message::attached).
        message: Arc<Message>,
        /// Who asked.
        user: UserId,
        /// The kind of the message that it answers.
        kind: Box<str>,
        /// Why it failed, where it did.
        refusal: Option<Refusal>,
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
    /// None of the user's own turns is live.
    NothingToStop,
    /// A page of earlier messages, oldest first.
    History {
        /// The conversation.
        conversation: ConversationId,
        /// The messages.
        messages: Vec<Message>,
        /// Whether there are earlier ones.
        has_more: bool,
    },
    /// One entry of those that a resuming client missed.
    Missed {
        /// The message, as it is now.
        message: Box<Message>,
        /// Whether the client had it before, and it was changed since.
        is_change: bool,
    },
    /// One entry of those that came while no client of this user was there.
    Replayed {
        /// The message, as it is now.
        message: Box<Message>,
        /// Whether a client had it before, and it was changed since.
        is_change: bool,
    },
    /// The end of what came while no client of this user was there.
    Synced {
        /// Conversations of which too much was missed: the client loads their history.
        incomplete: Vec<ConversationId>,
    },
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
    /// How an upload stands.
    Upload(UploadReply),
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

/// A room as who joins it finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomJoined {
    /// The conversation.
    pub conversation: ConversationId,
    /// The room.
    pub room: Room,
    /// Its name.
    pub title: String,
    /// What the one who joins is in it.
    pub role: MemberRole,
    /// Since when they are a member.
    pub joined_at: Timestamp,
    /// Its newest entry.
    pub last_seq: Seq,
    /// Its members, at most [`RoomJoined::LISTED`].
    pub participants: Vec<UserId>,
    /// How many members it has.
    pub participant_count: usize,
    /// The members that are there, at most [`RoomJoined::LISTED`].
    pub online: Vec<UserId>,
}

impl RoomJoined {
    /// How many members are named at most; all of them are in the room's list over HTTP.
    pub const LISTED: usize = 1_000;
}

impl Reply {
    /// The conversation and the seq of the log's entry that it brings, if it brings one.
    pub(crate) fn position(&self) -> Option<(ConversationId, Seq)> {
        match &self.body {
            ReplyBody::Sent { event, duplicate: false } | ReplyBody::Changed { event, changed: true } => {
                event.position()
            }
            ReplyBody::Missed { message, is_change } | ReplyBody::Replayed { message, is_change } => {
                let seq = if *is_change { message.changed_seq } else { message.seq };
                Some((message.conversation, seq))
            }
            _ => None,
        }
    }

    pub(crate) fn weight(&self) -> usize {
        ENVELOPE
            + match &self.body {
                ReplyBody::Sent { event, .. } | ReplyBody::Changed { event, .. } => event.weight(),
                ReplyBody::RoomJoined(joined) => (joined.participants.len() + joined.online.len()) * 40,
                ReplyBody::History { messages, .. } => {
                    messages.iter().map(|message| message.weight() + ENVELOPE).sum()
                }
                ReplyBody::Missed { message, .. } | ReplyBody::Replayed { message, .. } => message.weight(),
                ReplyBody::Answered { message, .. } => message.weight(),
                ReplyBody::Heads(heads) => heads.len() * 64,
                _ => 0,
            }
    }
}
