//! The rules of the log on what was found: no database here. It answers each write, lets the later ones see what the
//! earlier ones did, and gathers the changes.

use super::bulk;
use super::known::{Head, Known, Turn};
use crate::append::row::Row;
use crate::conversations::{NewConversation, NewParticipant, OWNER};
use crate::error::Result;
use crate::messages::MessageRow;
use crate::types::{At, Id};
use crate::writer::Outcome;
use diesel_async::AsyncPgConnection;
use parlor_domain::ErrorCode;
use parlor_domain::message::{Author, Message};
use parlor_domain::ports::{Checkpoint, NewMessage, NewTurn, TurnEnd, Write};
use std::borrow::Cow;
use std::collections::HashMap;

/// A message that is in the log, as far as this transaction sees it.
#[derive(Debug)]
enum Entry<'a> {
    Stored(Box<MessageRow>),
    /// Stored by an earlier write of this transaction.
    Fresh(&'a Message, i64),
}

impl Entry<'_> {
    fn conversation(&self) -> Id {
        match self {
            Self::Stored(row) => row.conversation_id,
            Self::Fresh(message, _) => message.conversation.into(),
        }
    }

    /// Its seq, where a person wrote it.
    fn seq_of_users(&self) -> Option<i64> {
        match self {
            Self::Stored(row) => row.author_id.map(|_| row.seq),
            Self::Fresh(message, seq) => matches!(message.author, Author::User(_)).then_some(*seq),
        }
    }

    fn duplicate(&self) -> Result<Outcome> {
        let message = match self {
            Self::Stored(row) => MessageRow::clone(row).into_message()?,
            Self::Fresh(message, seq) => Message { seq: seq.unsigned_abs(), ..(*message).clone() },
        };
        Ok(Outcome::Duplicate(Box::new(message)))
    }
}

/// The changes of one transaction.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    pub(super) conversations: Vec<NewConversation<'a>>,
    pub(super) owners: Vec<NewParticipant>,
    pub(super) messages: Vec<Row<'a>>,
    pub(super) turns: Vec<&'a NewTurn>,
    pub(super) checkpoints: HashMap<Id, (At, Option<&'a str>)>,
    pub(super) ends: Vec<&'a Message>,
}

pub(super) struct Ledger<'a> {
    heads: HashMap<Id, Head>,
    turns: HashMap<Id, Turn>,
    entries: Vec<Entry<'a>>,
    /// Places in `entries`.
    by_id: HashMap<Id, usize>,
    by_fingerprint: HashMap<(Id, Id), usize>,
    /// By the fingerprint of a conversation's first message.
    firsts: HashMap<Id, usize>,
    changes: Changes<'a>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(known: Known) -> Self {
        let Known { heads, turns, messages } = known;
        let mut ledger = Self {
            heads,
            turns,
            entries: Vec::new(),
            by_id: HashMap::new(),
            by_fingerprint: HashMap::new(),
            firsts: HashMap::new(),
            changes: Changes::default(),
        };
        for (fingerprint, row) in messages {
            let (id, seq) = (row.id, row.seq);
            ledger.enter(Entry::Stored(Box::new(row)), id, fingerprint, seq);
        }
        ledger
    }

    fn enter(&mut self, entry: Entry<'a>, id: Id, fingerprint: Option<Id>, seq: i64) {
        let place = self.entries.len();
        self.by_id.insert(id, place);
        if let Some(fingerprint) = fingerprint {
            let conversation = entry.conversation();
            self.by_fingerprint.insert((fingerprint, conversation), place);
            if seq == 1 {
                // Of several the one in the oldest conversation, as everywhere.
                let known = self.firsts.get(&fingerprint).map(|place| self.entries[*place].conversation());
                if known.is_none_or(|known| conversation < known) {
                    self.firsts.insert(fingerprint, place);
                }
            }
        }
        self.entries.push(entry);
    }

    pub(super) fn write(&mut self, write: &'a Write) -> Result<Outcome> {
        match write {
            Write::Message(new) => self.message(new),
            Write::TurnOpen(turn) => Ok(self.turn_open(turn).unwrap_or_else(Outcome::Refused)),
            Write::TurnCheckpoint(checkpoint) => Ok(self.turn_checkpoint(checkpoint)),
            Write::TurnEnd(end) => Ok(self.turn_end(end).unwrap_or_else(Outcome::Refused)),
        }
    }

    fn message(&mut self, new: &'a NewMessage) -> Result<Outcome> {
        let message = &new.message;
        let conversation = Id::from(message.conversation);
        if new.creates.is_none() && !self.heads.contains_key(&conversation) {
            return Ok(Outcome::Refused(ErrorCode::ConversationNotFound));
        }
        let fingerprint = new.fingerprint.map(Id::from);
        let resend = fingerprint.and_then(|fingerprint| match new.creates {
            Some(_) => self.firsts.get(&fingerprint),
            None => self.by_fingerprint.get(&(fingerprint, conversation)),
        });
        if let Some(place) = resend {
            return self.entries[*place].duplicate();
        }
        // A caller that tries again gets the message.
        if let Some(place) = self.by_id.get(&message.id.into()) {
            let known = &self.entries[*place];
            let same = known.conversation() == conversation;
            return if same { known.duplicate() } else { Ok(Outcome::Refused(ErrorCode::Conflict)) };
        }
        if let Some(title) = &new.creates
            && !self.conversation_create(message, title)
        {
            return Ok(Outcome::Refused(ErrorCode::Conflict));
        }
        let row = Row::of(message, new.fingerprint, 0);
        let stored = self.append(row, message, fingerprint, None);
        if let Some(turn) = &new.turn {
            self.turn_insert(turn);
        }
        Ok(stored.unwrap_or_else(Outcome::Refused))
    }

    /// Makes the conversation of a first message. False where there is one, or nobody to own it.
    fn conversation_create(&mut self, message: &Message, title: &'a str) -> bool {
        let (id, now) = (message.conversation.into(), message.created_at.into());
        let Author::User(owner) = message.author else { return false };
        if self.heads.contains_key(&id) {
            return false;
        }
        self.heads.insert(id, Head { last_seq: 0, message_count: 0, updated_at: now, changed: false });
        self.changes.conversations.push(NewConversation::new(id, title, now));
        let owner =
            NewParticipant { conversation_id: id, user_id: owner.into(), role: OWNER, joined_at: now };
        self.changes.owners.push(owner);
        true
    }

    /// Puts `row`, which is `message`, at the end of its conversation.
    fn append(
        &mut self,
        mut row: Row<'a>,
        message: &'a Message,
        fingerprint: Option<Id>,
        content: Option<String>,
    ) -> Result<Outcome, ErrorCode> {
        let head = self.heads.get_mut(&row.conversation).ok_or(ErrorCode::ConversationNotFound)?;
        head.last_seq += 1;
        head.message_count += 1;
        head.updated_at = row.created_at;
        head.changed = true;
        row.seq = head.last_seq;
        let (seq, message_count) = (head.last_seq.unsigned_abs(), head.message_count.unsigned_abs());
        self.enter(Entry::Fresh(message, row.seq), row.id, fingerprint, row.seq);
        self.changes.messages.push(row);
        Ok(Outcome::Stored { seq, message_count, content })
    }

    fn turn_insert(&mut self, turn: &'a NewTurn) {
        let opened = || Turn { conversation: turn.conversation.into(), live: true, content: String::new() };
        if let std::collections::hash_map::Entry::Vacant(slot) = self.turns.entry(turn.id.into()) {
            slot.insert(opened());
            self.changes.turns.push(turn);
        }
    }

    fn turn_open(&mut self, turn: &'a NewTurn) -> Result<Outcome, ErrorCode> {
        let conversation = Id::from(turn.conversation);
        if !self.heads.contains_key(&conversation) {
            return Err(ErrorCode::ConversationNotFound);
        }
        let asked = self.by_id.get(&turn.in_reply_to.into()).map(|place| &self.entries[*place]);
        let asked = asked.filter(|entry| entry.conversation() == conversation);
        let seq = asked.and_then(Entry::seq_of_users).ok_or(ErrorCode::MessageNotFound)?;
        self.turn_insert(turn);
        self.live(turn.id.into(), conversation)?;
        Ok(Outcome::TurnOpened(seq.unsigned_abs()))
    }

    fn live(&mut self, turn: Id, conversation: Id) -> Result<&mut Turn, ErrorCode> {
        let found = self.turns.get_mut(&turn).filter(|turn| turn.live && turn.conversation == conversation);
        found.ok_or(ErrorCode::Conflict)
    }

    fn turn_checkpoint(&mut self, checkpoint: &'a Checkpoint) -> Outcome {
        let id = Id::from(checkpoint.turn);
        let Some(turn) = self.turns.get_mut(&id).filter(|turn| turn.live) else {
            return Outcome::Refused(ErrorCode::Conflict);
        };
        let lease = At::from(checkpoint.lease_until);
        let change = self.changes.checkpoints.entry(id).or_insert((lease, None));
        change.0 = lease;
        if let Some(content) = &checkpoint.content {
            turn.content.clone_from(content);
            change.1 = Some(content);
        }
        Outcome::Done
    }

    fn turn_end(&mut self, end: &'a TurnEnd) -> Result<Outcome, ErrorCode> {
        let message = &end.message;
        let (id, conversation) = (message.id.into(), message.conversation.into());
        if !self.heads.contains_key(&conversation) {
            return Err(ErrorCode::ConversationNotFound);
        }
        if message.reply.is_none() || self.by_id.contains_key(&id) {
            return Err(ErrorCode::Conflict);
        }
        let turn = self.live(id, conversation)?;
        turn.live = false;
        let checkpoint = std::mem::take(&mut turn.content);
        let content = end.from_checkpoint.then_some(checkpoint);
        let mut row = Row::of(message, None, 0);
        if let Some(content) = &content {
            row.content = Cow::Owned(content.clone());
        }
        let stored = self.append(row, message, None, content)?;
        self.changes.ends.push(message);
        Ok(stored)
    }

    /// Makes the changes, in an order in which each finds what it refers to.
    pub(super) async fn flush(self, connection: &mut AsyncPgConnection) -> Result<()> {
        let heads = self.heads.iter().filter(|(_, head)| head.changed);
        bulk::conversations_insert(connection, &self.changes.conversations).await?;
        bulk::participants_insert(connection, &self.changes.owners).await?;
        bulk::messages_insert(connection, &self.changes.messages).await?;
        bulk::turns_insert(connection, &self.changes.turns).await?;
        bulk::turns_checkpoint(connection, &self.changes.checkpoints).await?;
        bulk::turns_end(connection, &self.changes.ends).await?;
        bulk::heads_update(connection, heads).await
    }
}
