//! The rules of the log, one write after the other.

use crate::message::{Author, Fingerprint, Message, Seq, Summary};
use crate::ports::{
    Checkpoint, ConversationRecord, NewMessage, NewTurn, OrphanTurn, TurnEnd, User, Write, Written,
};
use crate::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// All that is stored.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) epoch: String,
    pub(super) users: HashMap<String, User>,
    pub(super) conversations: BTreeMap<ConversationId, Conversation>,
    pub(super) turns: BTreeMap<MessageId, Turn>,
    /// Where each message is.
    places: HashMap<MessageId, (ConversationId, Seq)>,
    /// The fingerprints of the first messages.
    firsts: BTreeSet<(Fingerprint, ConversationId)>,
}

#[derive(Debug)]
pub(super) struct Conversation {
    title: String,
    updated_at: Timestamp,
    pub(super) participants: Vec<UserId>,
    /// The message with seq `n` is at `n - 1`.
    messages: Vec<Message>,
    seqs: HashMap<Fingerprint, Seq>,
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

impl Conversation {
    pub(super) fn new(owner: UserId, title: String, now: Timestamp) -> Self {
        let (messages, seqs) = (Vec::new(), HashMap::new());
        Self { title, updated_at: now, participants: vec![owner], messages, seqs }
    }

    pub(super) fn record(&self, id: ConversationId) -> ConversationRecord {
        let length = self.messages.len() as u64;
        let summary = Summary {
            id,
            title: self.title.clone(),
            updated_at: self.updated_at,
            message_count: length,
            last_seq: length,
        };
        ConversationRecord { summary, participants: self.participants.clone() }
    }
}

impl Log {
    pub(super) fn new() -> Self {
        Self { epoch: Uuid::new_v4().to_string(), ..Self::default() }
    }

    pub(super) fn messages(&self, conversation: ConversationId) -> &[Message] {
        self.conversations.get(&conversation).map_or(&[], |found| &found.messages)
    }

    pub(super) fn message(&self, conversation: ConversationId, id: MessageId) -> Option<&Message> {
        let (place, seq) = self.places.get(&id)?;
        if *place == conversation { self.at(conversation, *seq) } else { None }
    }

    fn at(&self, conversation: ConversationId, seq: Seq) -> Option<&Message> {
        self.messages(conversation).get(usize::try_from(seq).ok()?.checked_sub(1)?)
    }

    pub(super) fn first_with(&self, fingerprint: Fingerprint) -> Option<&Message> {
        let start = (fingerprint, ConversationId::from(Uuid::nil()));
        let (found, conversation) = self.firsts.range(start..).next()?;
        if *found == fingerprint { self.at(*conversation, 1) } else { None }
    }

    pub(super) fn apply(&mut self, write: Write) -> Written {
        let result = match write {
            Write::Message(new) => self.message_add(*new),
            Write::TurnOpen(turn) => self.turn_open(turn),
            Write::TurnCheckpoint(checkpoint) => self.turn_checkpoint(checkpoint),
            Write::TurnEnd(end) => self.turn_end(*end),
        };
        result.unwrap_or_else(Written::Refused)
    }

    fn message_add(&mut self, new: NewMessage) -> Result<Written, ErrorCode> {
        let NewMessage { message, fingerprint, creates, turn } = new;
        if creates.is_none() && !self.conversations.contains_key(&message.conversation) {
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
            let made = Conversation::new(owner, title, message.created_at);
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
            let seq = self.conversations.get(&message.conversation)?.seqs.get(&fingerprint)?;
            self.at(message.conversation, *seq)
        });
        by_fingerprint.or_else(|| self.message(message.conversation, message.id))
    }

    fn append(
        &mut self,
        mut message: Message,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Written, ErrorCode> {
        let id = message.conversation;
        let conversation = self.conversations.get_mut(&id).ok_or(ErrorCode::ConversationNotFound)?;
        message.seq = conversation.messages.len() as Seq + 1;
        conversation.updated_at = message.created_at;
        self.places.insert(message.id, (id, message.seq));
        if let Some(fingerprint) = fingerprint {
            conversation.seqs.insert(fingerprint, message.seq);
            if message.seq == 1 {
                self.firsts.insert((fingerprint, id));
            }
        }
        conversation.messages.push(message.clone());
        Ok(Written::Stored { message_count: message.seq, message: Box::new(message) })
    }

    fn turn_insert(&mut self, turn: NewTurn) {
        let (id, lease_until) = (turn.id, turn.lease_until);
        let made = || Turn { opened: turn, lease_until, content: String::new(), live: true };
        self.turns.entry(id).or_insert_with(made);
    }

    fn turn_open(&mut self, turn: NewTurn) -> Result<Written, ErrorCode> {
        if !self.conversations.contains_key(&turn.conversation) {
            return Err(ErrorCode::ConversationNotFound);
        }
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
        if !self.conversations.contains_key(&message.conversation) {
            return Err(ErrorCode::ConversationNotFound);
        }
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
