//! The rules of the log, one write after the other.

use super::conversation::Conversation;
use crate::message::{Author, Fingerprint, Message, Seq};
use crate::ports::{
    Checkpoint, MembershipChange, MembershipStep, MessageChange, NewMessage, NewTurn, OrphanTurn, TurnEnd,
    User, Write, Written,
};
use crate::{ConversationId, ErrorCode, MessageId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// All that is stored.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) epoch: String,
    pub(super) users: HashMap<String, User>,
    /// Deleted ones too.
    pub(super) conversations: BTreeMap<ConversationId, Conversation>,
    pub(super) turns: BTreeMap<MessageId, Turn>,
    /// Where each message is.
    places: HashMap<MessageId, (ConversationId, Seq)>,
    /// The fingerprints of the first messages.
    firsts: BTreeSet<(Fingerprint, ConversationId)>,
}

#[derive(Debug)]
pub(super) struct Turn {
    pub(super) opened: NewTurn,
    pub(super) lease_until: Timestamp,
    content: String,
    pub(super) live: bool,
}

impl Turn {
    pub(super) fn orphan(&self) -> OrphanTurn {
        let NewTurn { id, conversation, in_reply_to, .. } = self.opened;
        OrphanTurn { turn: id, conversation, in_reply_to }
    }
}

impl Log {
    pub(super) fn new() -> Self {
        Self { epoch: Uuid::new_v4().to_string(), ..Self::default() }
    }

    /// The conversation, if there is one that was not deleted.
    pub(super) fn conversation(&self, id: ConversationId) -> Option<&Conversation> {
        self.conversations.get(&id).filter(|conversation| conversation.deleted_at.is_none())
    }

    pub(super) fn conversation_mut(&mut self, id: ConversationId) -> Result<&mut Conversation, ErrorCode> {
        let found = self.conversations.get_mut(&id).filter(|conversation| conversation.deleted_at.is_none());
        found.ok_or(ErrorCode::ConversationNotFound)
    }

    /// Removes a conversation with everything that belongs to it.
    pub(super) fn forget(&mut self, id: ConversationId) {
        self.conversations.remove(&id);
        self.turns.retain(|_, turn| turn.opened.conversation != id);
        self.places.retain(|_, (conversation, _)| *conversation != id);
        self.firsts.retain(|(_, conversation)| *conversation != id);
    }

    pub(super) fn message(&self, conversation: ConversationId, id: MessageId) -> Option<&Message> {
        self.message_anywhere(id).filter(|message| message.conversation == conversation)
    }

    /// A message of any conversation that was not deleted.
    pub(super) fn message_anywhere(&self, id: MessageId) -> Option<&Message> {
        let (place, seq) = self.places.get(&id)?;
        self.conversation(*place)?.at(*seq)
    }

    /// Whether this turn answers the message with this fingerprint.
    pub(super) fn is_question(&self, turn: &Turn, fingerprint: Fingerprint) -> bool {
        let NewTurn { conversation, in_reply_to, .. } = turn.opened;
        let conversation = self.conversations.get(&conversation);
        let question = conversation.and_then(|it| it.with_fingerprint(fingerprint));
        question.is_some_and(|question| question.id == in_reply_to)
    }

    /// The message with this fingerprint that made its conversation. Rooms are not made by messages.
    pub(super) fn first_with(&self, fingerprint: Fingerprint) -> Option<&Message> {
        let start = (fingerprint, ConversationId::from(Uuid::nil()));
        let firsts = self.firsts.range(start..).take_while(|(found, _)| *found == fingerprint);
        let mut living = firsts.filter_map(|(_, conversation)| self.conversation(*conversation));
        living.find(|conversation| conversation.room.is_none())?.at(1)
    }

    pub(super) fn apply(&mut self, write: Write) -> Written {
        let result = match write {
            Write::Message(new) => self.message_add(*new),
            Write::Change(change) => self.message_change(&change),
            Write::Membership(change) => self.membership(&change),
            Write::Receipt(receipt) => {
                self.conversation_mut(receipt.conversation).and_then(|place| place.receipt(receipt))
            }
            Write::TurnOpen(turn) => self.turn_open(turn),
            Write::TurnCheckpoint(checkpoint) => self.turn_checkpoint(checkpoint),
            Write::TurnEnd(end) => self.turn_end(*end),
        };
        result.unwrap_or_else(Written::Refused)
    }

    fn message_add(&mut self, new: NewMessage) -> Result<Written, ErrorCode> {
        let NewMessage { message, fingerprint, creates, turn } = new;
        let known = self.conversations.get(&message.conversation);
        if known.map_or(creates.is_none(), |conversation| conversation.deleted_at.is_some()) {
            return Err(ErrorCode::ConversationNotFound);
        }
        if let Some(first) = self.duplicate_of(&message, fingerprint, creates.is_some()) {
            return Ok(Written::Duplicate(Box::new(first.clone())));
        }
        if self.places.contains_key(&message.id) {
            return Err(ErrorCode::Conflict);
        }
        if let Some(title) = creates {
            let Author::User(owner) = message.author else { return Err(ErrorCode::Conflict) };
            if self.conversations.contains_key(&message.conversation) {
                return Err(ErrorCode::Conflict);
            }
            let made = Conversation::new(message.conversation, owner, title, message.created_at);
            self.conversations.insert(message.conversation, made);
        }
        let stored = self.append(message, fingerprint)?;
        if let Some(turn) = turn {
            self.turn_insert(turn);
        }
        Ok(stored)
    }

    /// The message that was there before: the same fingerprint, or the same id where a caller tries again.
    fn duplicate_of(
        &self,
        message: &Message,
        fingerprint: Option<Fingerprint>,
        creates: bool,
    ) -> Option<&Message> {
        let by_fingerprint = fingerprint.and_then(|fingerprint| {
            if creates {
                return self.first_with(fingerprint);
            }
            self.conversation(message.conversation)?.with_fingerprint(fingerprint)
        });
        by_fingerprint.or_else(|| self.message(message.conversation, message.id))
    }

    fn append(&mut self, message: Message, fingerprint: Option<Fingerprint>) -> Result<Written, ErrorCode> {
        let conversation = self.conversation_mut(message.conversation)?;
        let message = conversation.append(message, fingerprint);
        let message_count = conversation.summary().message_count;
        self.places.insert(message.id, (message.conversation, message.seq));
        if let Some(fingerprint) = fingerprint.filter(|_| message.seq == 1) {
            self.firsts.insert((fingerprint, message.conversation));
        }
        Ok(Written::Stored { message_count, message: Box::new(message) })
    }

    fn message_change(&mut self, change: &MessageChange) -> Result<Written, ErrorCode> {
        self.conversation_mut(change.conversation)?;
        let found = self.message(change.conversation, change.message).ok_or(ErrorCode::MessageNotFound)?;
        let Some(changed) = change.apply(found)? else {
            return Ok(Written::Unchanged(Box::new(found.clone())));
        };
        let conversation = self.conversation_mut(change.conversation)?;
        Ok(Written::Changed(Box::new(conversation.replace(changed, change.at))))
    }

    fn membership(&mut self, change: &MembershipChange) -> Result<Written, ErrorCode> {
        let written = self.conversation_mut(change.conversation)?.membership(change)?;
        if change.step == MembershipStep::Delete {
            let own = self.turns.values_mut().filter(|turn| turn.opened.conversation == change.conversation);
            own.for_each(|turn| turn.live = false);
        }
        Ok(written)
    }

    fn turn_insert(&mut self, turn: NewTurn) {
        let (id, lease_until) = (turn.id, turn.lease_until);
        let made = || Turn { opened: turn, lease_until, content: String::new(), live: true };
        self.turns.entry(id).or_insert_with(made);
    }

    fn turn_open(&mut self, turn: NewTurn) -> Result<Written, ErrorCode> {
        self.conversation_mut(turn.conversation)?;
        let asked = self.message(turn.conversation, turn.in_reply_to);
        let asked = asked.filter(|message| matches!(message.author, Author::User(_)));
        let seq = asked.ok_or(ErrorCode::MessageNotFound)?.seq;
        let same = |known: &Turn| known.live && known.opened.conversation == turn.conversation;
        if !self.turns.get(&turn.id).is_none_or(same) {
            return Err(ErrorCode::Conflict);
        }
        self.turn_insert(turn);
        Ok(Written::TurnOpened(seq))
    }

    fn turn_checkpoint(&mut self, checkpoint: Checkpoint) -> Result<Written, ErrorCode> {
        let turn = self.turns.get_mut(&checkpoint.turn).filter(|turn| turn.live);
        let turn = turn.ok_or(ErrorCode::Conflict)?;
        turn.lease_until = checkpoint.lease_until;
        if let Some(content) = checkpoint.content {
            turn.content = content;
        }
        Ok(Written::Done)
    }

    fn turn_end(&mut self, end: TurnEnd) -> Result<Written, ErrorCode> {
        let mut message = end.message;
        self.conversation_mut(message.conversation)?;
        if self.places.contains_key(&message.id) {
            return Err(ErrorCode::Conflict);
        }
        let turn = self.turns.get_mut(&message.id).filter(|turn| turn.live);
        let turn = turn.filter(|turn| turn.opened.conversation == message.conversation);
        let turn = turn.filter(|_| message.reply.is_some()).ok_or(ErrorCode::Conflict)?;
        turn.live = false;
        if end.from_checkpoint {
            message.content.clone_from(&turn.content);
        }
        self.append(message, None)
    }
}
