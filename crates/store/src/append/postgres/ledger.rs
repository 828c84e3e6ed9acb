//! The rules of the log on what was found: no database here. It answers each write, lets the later ones see what the
//! earlier ones did, and gathers the changes.

mod people;

use super::bulk;
use super::known::{Found, Head, Known, Turn};
use crate::append::files::{Carried, carried};
use crate::append::people::Part;
use crate::append::row::Row;
use crate::audit::AuditRow;
use crate::cipher::{Cipher, Kept};
use crate::conversations::NewConversation;
use crate::error::Result;
use crate::messages::{MessageRow, signed};
use crate::types::{At, Id};
use crate::writer::Outcome;
use diesel_async::AsyncPgConnection;
use parlor_domain::ErrorCode;
use parlor_domain::message::{Author, Message};
use parlor_domain::ports::{Checkpoint, MessageChange, NewMessage, NewTurn, TurnEnd, Write};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A message that is in the log, as far as this transaction sees it.
#[derive(Debug)]
enum Entry<'a> {
    Stored(Box<MessageRow>),
    /// Stored by an earlier write of this transaction.
    Fresh(&'a Message, i64),
    /// Changed by an earlier write of this transaction, or stored with a text that is not the write's own.
    Whole(Box<Message>),
}

impl Entry<'_> {
    fn conversation(&self) -> Id {
        match self {
            Self::Stored(row) => row.conversation_id,
            Self::Fresh(message, _) => message.conversation.into(),
            Self::Whole(message) => message.conversation.into(),
        }
    }

    /// Its seq, where a person wrote it.
    fn seq_of_users(&self) -> Option<i64> {
        match self {
            Self::Stored(row) => row.author_id.map(|_| row.seq),
            Self::Fresh(message, seq) => matches!(message.author, Author::User(_)).then_some(*seq),
            Self::Whole(message) => matches!(message.author, Author::User(_)).then_some(signed(message.seq)),
        }
    }

    fn message(&self, cipher: &Cipher) -> Result<Message> {
        match self {
            Self::Stored(row) => MessageRow::clone(row).into_message(cipher),
            Self::Fresh(message, seq) => {
                let seq = seq.unsigned_abs();
                Ok(Message { seq, changed_seq: seq, attached: None, ..(*message).clone() })
            }
            Self::Whole(message) => Ok(Message::clone(message)),
        }
    }

    fn duplicate(&self, cipher: &Cipher) -> Result<Outcome> {
        Ok(Outcome::Duplicate(Box::new(self.message(cipher)?)))
    }
}

/// The changes of one transaction.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    pub(super) conversations: Vec<NewConversation<'a>>,
    pub(super) messages: Vec<Row<'a>>,
    /// The places of the entries whose messages were changed.
    pub(super) edits: BTreeSet<usize>,
    /// The files of new messages, and those of deleted ones.
    pub(super) carried: Vec<Carried>,
    pub(super) dropped: Vec<Carried>,
    pub(super) turns: Vec<&'a NewTurn>,
    pub(super) checkpoints: HashMap<Id, (At, Option<&'a str>)>,
    pub(super) ends: Vec<&'a Message>,
    /// The conversations that end, and when.
    pub(super) deletions: Vec<(Id, At)>,
    /// What is written down of that.
    pub(super) audited: Vec<AuditRow>,
}

/// A part as it was and as it is now.
#[derive(Debug, Clone, Copy, Default)]
struct PartSlot {
    before: Option<Part>,
    now: Option<Part>,
    /// The newest entry of a conversation that is not locked.
    head: i64,
}

pub(super) struct Ledger<'a> {
    cipher: &'a Cipher,
    heads: HashMap<Id, Head>,
    turns: HashMap<Id, Turn>,
    entries: Vec<Entry<'a>>,
    /// Places in `entries`.
    by_id: HashMap<Id, usize>,
    by_fingerprint: HashMap<(Id, Id), usize>,
    /// By the fingerprint of the message that made a conversation, and the conversation.
    firsts: BTreeMap<(Id, Id), usize>,
    /// By conversation and user.
    parts: BTreeMap<(Id, Id), PartSlot>,
    /// How many members there are in each conversation where that counts.
    members: HashMap<Id, usize>,
    changes: Changes<'a>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(cipher: &'a Cipher, known: Known) -> Self {
        let Known { heads, turns, parts, members, messages } = known;
        let slot = |(part, head)| PartSlot { before: Some(part), now: Some(part), head };
        let mut ledger = Self {
            cipher,
            heads,
            turns,
            entries: Vec::new(),
            by_id: HashMap::new(),
            by_fingerprint: HashMap::new(),
            firsts: BTreeMap::new(),
            parts: parts.into_iter().map(|(key, part)| (key, slot(part))).collect(),
            members,
            changes: Changes::default(),
        };
        for Found { fingerprint, first, row } in messages {
            let id = row.id;
            ledger.enter(Entry::Stored(Box::new(row)), id, fingerprint, first);
        }
        ledger
    }

    /// Notes a message. Where it was found twice it has one entry, so that a change of it is seen in every way.
    fn enter(&mut self, entry: Entry<'a>, id: Id, fingerprint: Option<Id>, first: bool) {
        let conversation = entry.conversation();
        let place = *self.by_id.entry(id).or_insert(self.entries.len());
        if place == self.entries.len() {
            self.entries.push(entry);
        }
        if let Some(fingerprint) = fingerprint {
            self.by_fingerprint.insert((fingerprint, conversation), place);
            if first {
                self.firsts.insert((fingerprint, conversation), place);
            }
        }
    }

    /// The message with this fingerprint that made its conversation; of several the one in the oldest, as everywhere.
    fn first_with(&self, fingerprint: Kept) -> Option<usize> {
        let (least, most) = (Id(uuid::Uuid::nil()), Id(uuid::Uuid::max()));
        let firsts = fingerprint.forms().flat_map(|form| self.firsts.range((form, least)..=(form, most)));
        let deleted = |conversation| self.heads.get(conversation).is_some_and(|head| head.deleted);
        let living = firsts.filter(|((_, conversation), _)| !deleted(conversation));
        living.min_by_key(|((_, conversation), _)| *conversation).map(|(_, place)| *place)
    }

    /// The message with this fingerprint in a conversation.
    fn in_conversation_with(&self, fingerprint: Kept, conversation: Id) -> Option<usize> {
        let mut found = fingerprint.forms().filter_map(|form| self.by_fingerprint.get(&(form, conversation)));
        found.next().copied()
    }

    /// The head of a conversation that was not deleted.
    fn head(&mut self, conversation: Id) -> Result<&mut Head, ErrorCode> {
        let found = self.heads.get_mut(&conversation).filter(|head| !head.deleted);
        found.ok_or(ErrorCode::ConversationNotFound)
    }

    pub(super) fn write(&mut self, write: &'a Write) -> Result<Outcome> {
        match write {
            Write::Message(new) => self.message(new),
            Write::Change(change) => self.change(change),
            Write::Membership(change) => Ok(self.membership(change).unwrap_or_else(Outcome::Refused)),
            Write::Receipt(receipt) => Ok(self.receipt(receipt).unwrap_or_else(Outcome::Refused)),
            Write::TurnOpen(turn) => Ok(self.turn_open(turn).unwrap_or_else(Outcome::Refused)),
            Write::TurnCheckpoint(checkpoint) => Ok(self.turn_checkpoint(checkpoint)),
            Write::TurnEnd(end) => Ok(self.turn_end(end).unwrap_or_else(Outcome::Refused)),
        }
    }

    fn message(&mut self, new: &'a NewMessage) -> Result<Outcome> {
        let message = &new.message;
        let conversation = Id::from(message.conversation);
        if self.heads.get(&conversation).map_or(new.creates.is_none(), |head| head.deleted) {
            return Ok(Outcome::Refused(ErrorCode::ConversationNotFound));
        }
        let fingerprint = new.fingerprint.map(|plain| self.cipher.fingerprint(plain));
        let resend = fingerprint.and_then(|fingerprint| match new.creates {
            Some(_) => self.first_with(fingerprint),
            None => self.in_conversation_with(fingerprint, conversation),
        });
        if let Some(place) = resend {
            return self.entries[place].duplicate(self.cipher);
        }
        // A caller that tries again gets the message.
        if let Some(place) = self.by_id.get(&message.id.into()) {
            let known = &self.entries[*place];
            if known.conversation() != conversation {
                return Ok(Outcome::Refused(ErrorCode::Conflict));
            }
            return known.duplicate(self.cipher);
        }
        if let Some(title) = &new.creates
            && !self.conversation_create(message, title)?
        {
            return Ok(Outcome::Refused(ErrorCode::Conflict));
        }
        let row = Row::of(message, fingerprint, 0);
        let stored = self.append(row, message, None);
        if stored.is_ok() {
            self.changes.carried.extend(carried(message));
        }
        if let Some(turn) = &new.turn {
            self.turn_insert(turn);
        }
        Ok(stored.unwrap_or_else(Outcome::Refused))
    }

    /// Makes the conversation of a first message. False where there is one, or nobody to own it.
    fn conversation_create(&mut self, message: &Message, title: &'a str) -> Result<bool> {
        let (id, now) = (message.conversation.into(), message.created_at.into());
        let Author::User(owner) = message.author else { return Ok(false) };
        if self.heads.contains_key(&id) {
            return Ok(false);
        }
        let head = Head {
            last_seq: 0,
            message_count: 0,
            updated_at: now,
            deleted: false,
            room: false,
            changed: false,
        };
        self.heads.insert(id, head);
        self.changes.conversations.push(NewConversation::new(self.cipher, id, title, now)?);
        self.part_set((id, owner.into()), Some(Part::owner(now)));
        Ok(true)
    }

    /// Puts `row`, which is `message`, at the end of its conversation.
    fn append(
        &mut self,
        mut row: Row<'a>,
        message: &'a Message,
        content: Option<String>,
    ) -> Result<Outcome, ErrorCode> {
        let head = self.head(row.conversation)?;
        head.last_seq += 1;
        head.message_count += 1;
        head.updated_at = row.created_at;
        head.changed = true;
        row.seq = head.last_seq;
        let (seq, message_count) = (head.last_seq.unsigned_abs(), head.message_count.unsigned_abs());
        let first = seq == 1 && !head.room;
        let entry = match &content {
            None => Entry::Fresh(message, row.seq),
            Some(content) => {
                let content = content.clone();
                let message = Message { seq, changed_seq: seq, content, attached: None, ..message.clone() };
                Entry::Whole(Box::new(message))
            }
        };
        self.enter(entry, row.id, row.fingerprint, first);
        self.changes.messages.push(row);
        Ok(Outcome::Stored { seq, message_count, content })
    }

    fn change(&mut self, change: &MessageChange) -> Result<Outcome> {
        let refused = |code| Ok(Outcome::Refused(code));
        if let Err(code) = self.head(change.conversation.into()) {
            return refused(code);
        }
        let Some(place) = self.by_id.get(&change.message.into()).copied() else {
            return refused(ErrorCode::MessageNotFound);
        };
        let message = self.entries[place].message(self.cipher)?;
        let mut changed = match change.apply(&message) {
            Ok(Some(changed)) => Box::new(changed),
            Ok(None) => return Ok(Outcome::Unchanged(Box::new(message))),
            Err(code) => return refused(code),
        };
        let head = match self.head(change.conversation.into()) {
            Ok(head) => head,
            Err(code) => return refused(code),
        };
        head.last_seq += 1;
        head.updated_at = change.at.into();
        head.changed = true;
        changed.changed_seq = head.last_seq.unsigned_abs();
        if changed.deleted_at.is_some() {
            self.changes.dropped.extend(carried(&message));
        }
        self.entries[place] = Entry::Whole(changed.clone());
        self.changes.edits.insert(place);
        Ok(Outcome::Changed(changed))
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
        self.head(conversation)?;
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
        self.head(conversation)?;
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
        let stored = self.append(row, message, content)?;
        self.changes.ends.push(message);
        Ok(stored)
    }

    /// Makes the changes, in an order in which each finds what it refers to.
    pub(super) async fn flush(mut self, connection: &mut AsyncPgConnection) -> Result<()> {
        let cipher = self.cipher;
        self.changes.messages.iter_mut().try_for_each(|row| row.seal(cipher))?;
        let heads = self.heads.iter().filter(|(_, head)| head.changed);
        let edited = self.changes.edits.iter().filter_map(|place| match &self.entries[*place] {
            Entry::Whole(message) => Some(&**message),
            Entry::Stored(_) | Entry::Fresh(..) => None,
        });
        let parts = self.parts.iter().filter(|(_, slot)| slot.now != slot.before);
        let kept = parts.clone().filter_map(|(key, slot)| Some((key, slot.now?)));
        let gone = parts.filter(|(_, slot)| slot.now.is_none()).map(|(key, _)| key);
        bulk::conversations_insert(connection, &self.changes.conversations).await?;
        bulk::parts_set(connection, kept).await?;
        bulk::parts_delete(connection, gone).await?;
        bulk::messages_insert(connection, &self.changes.messages).await?;
        bulk::messages_change(connection, cipher, edited).await?;
        bulk::files_move(connection, &self.changes.carried, &self.changes.dropped).await?;
        bulk::turns_insert(connection, &self.changes.turns).await?;
        bulk::turns_checkpoint(connection, cipher, &self.changes.checkpoints).await?;
        bulk::turns_end(connection, &self.changes.ends).await?;
        bulk::conversations_delete(connection, &self.changes.deletions).await?;
        bulk::audit_append(connection, &self.changes.audited).await?;
        bulk::heads_update(connection, heads).await
    }
}
