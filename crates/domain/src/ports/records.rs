//! What is read that is no message.

use crate::message::{Seq, Summary};
use crate::room::{MemberRole, Participant, Room};
use crate::{AssistantId, ConversationId, MessageId, RoomId, Timestamp, UserId};

/// A conversation as its task needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRecord {
    /// What stands in lists.
    pub summary: Summary,
    /// What makes it a room, if it is one.
    pub room: Option<Room>,
    /// Who takes part, and who was removed.
    pub participants: Vec<Participant>,
}

/// A turn whose node gave no sign of life for its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrphanTurn {
    /// The turn.
    pub turn: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The message that it answers.
    pub in_reply_to: MessageId,
}

/// A room to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoom {
    /// The conversation that it will be.
    pub conversation: ConversationId,
    /// The room.
    pub room: Room,
    /// Its name.
    pub title: String,
    /// Its first member.
    pub owner: UserId,
    /// The assistant that answers in it where a message names nobody.
    pub assistant: Option<AssistantId>,
    /// When.
    pub at: Timestamp,
}

/// A room as it stands in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRecord {
    /// Its conversation's summary.
    pub summary: Summary,
    /// The room.
    pub room: Room,
    /// When it was made.
    pub created_at: Timestamp,
    /// What the one who asks is in it; none where they are no member.
    pub role: Option<MemberRole>,
    /// How many members it has.
    pub members: u64,
}

/// Which rooms a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomScope {
    /// Those that the user is a member of.
    Own,
    /// The shared ones, which every user may enter.
    Shared,
}

/// A member as they stand in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// Who.
    pub user: UserId,
    /// What they are called; nothing where the account is gone.
    pub username: Option<String>,
    /// What they may do.
    pub role: MemberRole,
    /// Since when.
    pub joined_at: Timestamp,
    /// Everything up to here has reached a client of theirs.
    pub delivered: Seq,
    /// They have read up to here.
    pub read: Seq,
}

/// A conversation of which a user has not got everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsynced {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its room id, if it is a room.
    pub room: Option<RoomId>,
    /// How far they have got.
    pub delivered: Seq,
    /// They see only entries with a higher seq.
    pub visible_after: Seq,
    /// Its newest entry.
    pub last_seq: Seq,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts.
    pub users: u64,
    /// Conversations that were not deleted, rooms among them.
    pub conversations: u64,
    /// Rooms.
    pub rooms: u64,
    /// Messages in those conversations.
    pub messages: u64,
}
