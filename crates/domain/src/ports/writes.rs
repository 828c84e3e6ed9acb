//! What is written: the changes that a conversation's task makes, and what became of them.

use super::AuditEntry;
use crate::message::{Author, Edit, Fingerprint, Message, Seq};
use crate::room::{MemberRole, Participant};
use crate::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use uuid::Uuid;

/// One change of a conversation. Its task makes them, but for receipts, which are their user's own; the store commits
/// those of many tasks together.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A user's message.
    Message(Box<NewMessage>),
    /// A change to a message.
    Change(Box<MessageChange>),
    /// A change of who takes part, or the end of the conversation.
    Membership(MembershipChange),
    /// How far a participant has got and read.
    Receipt(Receipt),
    /// Another answer to a message that is already in the log.
    TurnOpen(NewTurn),
    /// What a live turn has produced so far, and that its node lives.
    TurnCheckpoint(Checkpoint),
    /// A turn's end: it becomes a message.
    TurnEnd(Box<TurnEnd>),
}

/// A user's message on its way into the log.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// The message, with seq 0.
    pub message: Message,
    /// Recognises a resend; none where the sender gave no id.
    pub fingerprint: Option<Fingerprint>,
    /// Where the message makes its conversation: the title; the author becomes its owner. A resend is then
    /// looked for among the sender's messages that made a conversation.
    pub creates: Option<String>,
    /// The turn that answers it, opened in the same transaction.
    pub turn: Option<NewTurn>,
}

/// A change to a message, on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageChange {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub message: MessageId,
    /// Who wants it.
    pub by: UserId,
    /// Whether they may change what others wrote.
    pub moderates: bool,
    /// They see only messages with a higher seq.
    pub visible_after: Seq,
    /// When.
    pub at: Timestamp,
    /// What is to be changed.
    pub edit: Edit,
}

impl MessageChange {
    /// The message as it is after the change; none where nothing changes. The rules of changes, for every store; the
    /// store gives the new message its `changed_seq`.
    ///
    /// Errors: [`ErrorCode::MessageNotFound`] (also where `by` cannot see it), [`ErrorCode::Forbidden`], and those
    /// of [`Message::edited`].
    pub fn apply(&self, message: &Message) -> Result<Option<Message>, ErrorCode> {
        if message.conversation != self.conversation || message.seq <= self.visible_after {
            return Err(ErrorCode::MessageNotFound);
        }
        let anybody = matches!(self.edit, Edit::React { .. });
        if !anybody && !self.moderates && message.author != Author::User(self.by) {
            return Err(ErrorCode::Forbidden);
        }
        message.edited(&self.edit, self.by, self.at)
    }
}

/// A change of who takes part in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipChange {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whose part changes; for [`MembershipStep::Delete`], who deletes it.
    pub user: UserId,
    /// When.
    pub at: Timestamp,
    /// How.
    pub step: MembershipStep,
    /// What is written down in the same transaction, where the change is made.
    pub entry: Option<Box<AuditEntry>>,
}

/// How a part in a conversation changes. Whether the user may do that has been decided before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipStep {
    /// They become a participant, with both watermarks at the head. Harmless where they are: nothing changes.
    Enter {
        /// As what.
        role: MemberRole,
        /// Refused with [`ErrorCode::RoomFull`] where so many, or more, are in it.
        most: Option<usize>,
        /// They see only what comes from now on.
        from_now: bool,
        /// Whether one who was removed may come back; else [`ErrorCode::RoomAccessDenied`].
        readmit: bool,
    },
    /// Another role. Refused with [`ErrorCode::NotFound`] where they are no participant.
    SetRole(MemberRole),
    /// They are no participant any more. Harmless where they are none.
    Leave {
        /// Who becomes owner in their place.
        heir: Option<UserId>,
    },
    /// The same, and they may not come back by themselves. Harmless where they are none: then they are barred.
    Remove,
    /// The conversation ends: nobody finds it any more, and its room id is free. Its live turns are ended
    /// as interrupted. The log stays in the database.
    Delete,
}

/// How far a participant has got: watermarks, which only rise, and not above the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whose.
    pub user: UserId,
    /// Everything up to here has reached a client of theirs; 0 says nothing.
    pub delivered: Seq,
    /// They have read up to here; 0 says nothing. What is read is delivered.
    pub read: Seq,
}

/// A turn that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTurn {
    /// The assistant message that it will become.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The message that it answers.
    pub in_reply_to: MessageId,
    /// The node that runs it.
    pub node: Uuid,
    /// Until when that node surely lives.
    pub lease_until: Timestamp,
}

/// The state of a live turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The turn.
    pub turn: MessageId,
    /// All its text so far; none where only the lease is renewed.
    pub content: Option<String>,
    /// Until when its node surely lives.
    pub lease_until: Timestamp,
}

/// A turn that ends.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnEnd {
    /// The message that it becomes, with seq 0; its `id` is the turn's and its `reply` is there.
    pub message: Message,
    /// Whether the text is the last checkpoint's (the turn of a dead node) instead of the message's.
    pub from_checkpoint: bool,
}

/// What became of a [`Write`].
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// It is in the log, with its seq. `message_count` counts it.
    Stored {
        /// The message, with the seq that it got.
        message: Box<Message>,
        /// How many messages the conversation has now.
        message_count: u64,
    },
    /// It was there already; nothing was changed. The first one may stand in another conversation.
    Duplicate(Box<Message>),
    /// The message was changed; its `changed_seq` is the entry.
    Changed(Box<Message>),
    /// The change would change nothing: the message as it is. No entry was made.
    Unchanged(Box<Message>),
    /// The user has this part now ([`MembershipStep::Enter`], [`MembershipStep::SetRole`]).
    Member(Participant),
    /// The read watermark went from the one to the other; the same, where it did not move.
    Marked {
        /// Before.
        read_from: Seq,
        /// Now.
        read_to: Seq,
    },
    /// The turn is open. With the seq of the message that it answers.
    TurnOpened(Seq),
    /// Noted.
    Done,
    /// Nothing was changed: the conversation is gone or a receipt's user takes no part in it
    /// ([`ErrorCode::ConversationNotFound`]), the message that a turn should answer is not a user's in this
    /// conversation ([`ErrorCode::MessageNotFound`]), the turn has ended before ([`ErrorCode::Conflict`]), or what
    /// [`MessageChange::apply`] and [`MembershipStep`] say.
    Refused(ErrorCode),
}
