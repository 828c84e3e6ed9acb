//! The append on SQLite: write by write.
//!
//! A conversation's head (its last seq and count) is read once and written once a transaction, however many messages
//! it gets. A message is one execution of one prepared statement, which finds out by itself whether the message is a
//! resend.
//!
//! What a unique key finds is read with `get_result`, not with `first`: that would bind a `LIMIT`, with which SQLite
//! prepares the statement anew at every execution.

mod files;
mod people;

use super::insert::InsertMessage;
use super::move_head::MoveHead;
use super::row::{ReplyColumns, Row};
use crate::cipher::{Cipher, Kept, Place};
use crate::conversations::NewConversation;
use crate::error::Result;
use crate::members::NewParticipant;
use crate::messages::{MessageRow, signed};
use crate::reactions;
use crate::schema::{conversations, messages, participants, turns};
use crate::types::{At, Id};
use crate::writer::{Call, Outcome};
use diesel::prelude::*;
use parlor_domain::ErrorCode;
use parlor_domain::message::{Author, Message, Seq};
use parlor_domain::ports::{Checkpoint, MessageChange, NewMessage, NewTurn, TurnEnd, Write};
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Does the writes of all calls in their order. Gives one outcome a write.
pub(crate) fn apply(
    connection: &mut SqliteConnection,
    cipher: &Cipher,
    calls: &[Call],
) -> Result<Vec<Outcome>> {
    let mut log = Log { connection, cipher, heads: HashMap::new() };
    let writes = calls.iter().flat_map(|call| &call.writes);
    let outcomes = writes.map(|write| log.write(write)).collect::<Result<Vec<_>>>()?;
    log.heads_update()?;
    Ok(outcomes)
}

/// The end of a conversation's log.
struct Head {
    last_seq: i64,
    message_count: i64,
    updated_at: At,
    /// Nobody finds it any more.
    deleted: bool,
    changed: bool,
}

/// What became of a row.
enum Inserted {
    At {
        seq: Seq,
        message_count: u64,
    },
    /// A unique index refused it.
    Known,
    /// There is no such conversation.
    Nowhere,
}

struct Log<'a> {
    connection: &'a mut SqliteConnection,
    cipher: &'a Cipher,
    /// The conversations that were asked for; none where there is no such.
    heads: HashMap<Id, Option<Head>>,
}

impl<'a> Log<'a> {
    fn write(&mut self, write: &Write) -> Result<Outcome> {
        match write {
            Write::Message(new) => self.message(new),
            Write::Change(change) => self.change(change),
            Write::Membership(change) => self.membership(change),
            Write::Receipt(receipt) => self.receipt(receipt),
            Write::TurnOpen(turn) => self.turn_open(turn),
            Write::TurnCheckpoint(checkpoint) => self.turn_checkpoint(checkpoint),
            Write::TurnEnd(end) => self.turn_end(end),
        }
    }

    fn message(&mut self, new: &NewMessage) -> Result<Outcome> {
        let fingerprint = new.fingerprint.map(|plain| self.cipher.fingerprint(plain));
        if let Some(title) = &new.creates
            && let Some(outcome) = self.conversation_create(new, title, fingerprint)?
        {
            return Ok(outcome);
        }
        if let Some(first) = self.stored_plain(&new.message, fingerprint)? {
            return self.duplicate_of(first);
        }
        let row = Row::of(&new.message, fingerprint, 0);
        let stored = match self.insert(row)? {
            Inserted::At { seq, message_count } => Outcome::Stored { seq, message_count, content: None },
            Inserted::Known => return self.duplicate(new, fingerprint),
            Inserted::Nowhere => return Ok(Outcome::Refused(ErrorCode::ConversationNotFound)),
        };
        self.files_carried(&new.message)?;
        if let Some(turn) = &new.turn {
            self.turn_insert(turn)?;
        }
        Ok(stored)
    }

    /// Makes the conversation of a first message; gives an outcome where it must not be made.
    fn conversation_create(
        &mut self,
        new: &NewMessage,
        title: &str,
        fingerprint: Option<Kept>,
    ) -> Result<Option<Outcome>> {
        let (id, now) = (Id::from(new.message.conversation), new.message.created_at.into());
        if head_even_deleted(self.connection, &mut self.heads, id)?.is_some_and(|head| head.deleted) {
            return Ok(Some(Outcome::Refused(ErrorCode::ConversationNotFound)));
        }
        if let Some(fingerprint) = fingerprint {
            let query = messages::table
                .inner_join(conversations::table)
                .filter(messages::fingerprint.eq_any(fingerprint.forms()))
                .filter(messages::seq.eq(1))
                .filter(conversations::deleted_at.is_null())
                .filter(conversations::room_id.is_null())
                .order(messages::conversation_id)
                .select(MessageRow::as_select());
            if let Some(first) = query.first(self.connection).optional()? {
                return self.duplicate_of(first).map(Some);
            }
        }
        if let Some(known) = self.by_id(&new.message)? {
            return Ok(Some(known));
        }
        let Author::User(owner) = new.message.author else {
            return Ok(Some(Outcome::Refused(ErrorCode::Conflict)));
        };
        let made = diesel::insert_into(conversations::table)
            .values(&NewConversation::new(self.cipher, id, title, now)?)
            .on_conflict_do_nothing()
            .execute(self.connection)?;
        if made == 0 {
            return Ok(Some(Outcome::Refused(ErrorCode::Conflict)));
        }
        let owner = NewParticipant::owner(id, owner.into(), now);
        diesel::insert_into(participants::table).values(&owner).execute(self.connection)?;
        let head = Head { last_seq: 0, message_count: 0, updated_at: now, deleted: false, changed: false };
        self.heads.insert(id, Some(head));
        Ok(None)
    }

    /// Puts `row` at the end of its conversation, whose head gives it its seq.
    fn insert<'r>(&mut self, mut row: Row<'r>) -> Result<Inserted>
    where
        'a: 'r,
    {
        let Some(head) = head(self.connection, &mut self.heads, row.conversation)? else {
            return Ok(Inserted::Nowhere);
        };
        let created_at = row.created_at;
        row.seq = head.last_seq + 1;
        row.seal(self.cipher)?;
        if InsertMessage(row).execute(self.connection)? == 0 {
            return Ok(Inserted::Known);
        }
        head.last_seq += 1;
        head.message_count += 1;
        head.updated_at = created_at;
        head.changed = true;
        let (seq, message_count) = (head.last_seq.unsigned_abs(), head.message_count.unsigned_abs());
        Ok(Inserted::At { seq, message_count })
    }

    /// What to answer to a message that the unique indexes refused.
    fn duplicate(&mut self, new: &NewMessage, fingerprint: Option<Kept>) -> Result<Outcome> {
        if let Some(Kept { id, .. }) = fingerprint
            && let Some(first) = self.by_fingerprint(&new.message, id)?
        {
            return self.duplicate_of(first);
        }
        let known = self.by_id(&new.message)?;
        Ok(known.unwrap_or(Outcome::Refused(ErrorCode::Conflict)))
    }

    /// The message of which this is a resend, where it was stored before there was a key: no unique index finds that out.
    fn stored_plain(&mut self, message: &Message, fingerprint: Option<Kept>) -> Result<Option<MessageRow>> {
        let Some(plain) = fingerprint.and_then(|kept| kept.plain) else { return Ok(None) };
        // Nobody finds the messages of a conversation that was deleted.
        if head(self.connection, &mut self.heads, message.conversation.into())?.is_none() {
            return Ok(None);
        }
        self.by_fingerprint(message, plain)
    }

    /// The message with this fingerprint in the conversation of `message`.
    fn by_fingerprint(&mut self, message: &Message, fingerprint: Id) -> Result<Option<MessageRow>> {
        let query = messages::table
            .filter(messages::fingerprint.eq(fingerprint))
            .filter(messages::conversation_id.eq(Id::from(message.conversation)))
            .select(MessageRow::as_select());
        Ok(query.get_result(self.connection).optional()?)
    }

    /// What to answer to a message whose id is taken: a caller that tries again gets the message.
    fn by_id(&mut self, message: &Message) -> Result<Option<Outcome>> {
        let query =
            messages::table.filter(messages::id.eq(Id::from(message.id))).select(MessageRow::as_select());
        let Some(known) = query.get_result(self.connection).optional()? else { return Ok(None) };
        if known.conversation_id == message.conversation.into() {
            return self.duplicate_of(known).map(Some);
        }
        Ok(Some(Outcome::Refused(ErrorCode::Conflict)))
    }

    fn duplicate_of(&self, first: MessageRow) -> Result<Outcome> {
        Ok(Outcome::Duplicate(Box::new(first.into_message(self.cipher)?)))
    }

    fn change(&mut self, change: &MessageChange) -> Result<Outcome> {
        let Some(head) = head(self.connection, &mut self.heads, change.conversation.into())? else {
            return Ok(Outcome::Refused(ErrorCode::ConversationNotFound));
        };
        let query =
            messages::table.filter(messages::id.eq(Id::from(change.message))).select(MessageRow::as_select());
        let Some(known) = query.get_result(self.connection).optional()? else {
            return Ok(Outcome::Refused(ErrorCode::MessageNotFound));
        };
        let message = known.into_message(self.cipher)?;
        let mut changed = match change.apply(&message) {
            Ok(Some(changed)) => changed,
            Ok(None) => return Ok(Outcome::Unchanged(Box::new(message))),
            Err(code) => return Ok(Outcome::Refused(code)),
        };
        head.last_seq += 1;
        head.updated_at = change.at.into();
        head.changed = true;
        changed.changed_seq = head.last_seq.unsigned_abs();
        self.replace(&changed)?;
        if changed.deleted_at.is_some() {
            self.files_dropped(&message)?;
        }
        Ok(Outcome::Changed(Box::new(changed)))
    }

    fn replace(&mut self, message: &Message) -> Result<()> {
        let row = messages::table.find((Id::from(message.conversation), signed(message.seq)));
        let place = Place::Content { conversation: message.conversation.into(), message: message.id.into() };
        let sealed = self.cipher.seal(place, &message.content)?;
        let values = (
            messages::changed_seq.eq(signed(message.changed_seq)),
            messages::content.eq(sealed.as_ref().map_or(&*message.content, |sealed| &sealed.text)),
            messages::key_id.eq(sealed.as_ref().map(|sealed| sealed.key)),
            messages::edited_at.eq(message.edited_at.map(At::from)),
            messages::deleted_at.eq(message.deleted_at.map(At::from)),
            messages::reactions.eq(reactions::to_column(&message.reactions)?),
            // Of what was deleted nothing stays, nor what a backend said to it word for word.
            message.deleted_at.map(|_| {
                let attached = (messages::attached.eq(None::<&str>), messages::attached_key.eq(None::<&str>));
                (attached, (messages::metadata.eq(None::<&str>), messages::metadata_key.eq(None::<&str>)))
            }),
        );
        diesel::update(row).set(values).execute(self.connection)?;
        Ok(())
    }

    fn turn_insert(&mut self, turn: &NewTurn) -> Result<usize> {
        let values = (
            turns::id.eq(Id::from(turn.id)),
            turns::conversation_id.eq(Id::from(turn.conversation)),
            turns::in_reply_to.eq(Id::from(turn.in_reply_to)),
            turns::node.eq(Id(turn.node)),
            turns::lease_until.eq(At::from(turn.lease_until)),
        );
        let insert = diesel::insert_into(turns::table).values(values).on_conflict_do_nothing();
        Ok(insert.execute(self.connection)?)
    }

    fn turn_open(&mut self, turn: &NewTurn) -> Result<Outcome> {
        let conversation = Id::from(turn.conversation);
        if head(self.connection, &mut self.heads, conversation)?.is_none() {
            return Ok(Outcome::Refused(ErrorCode::ConversationNotFound));
        }
        let seq: Option<i64> = messages::table
            .filter(messages::id.eq(Id::from(turn.in_reply_to)))
            .filter(messages::conversation_id.eq(conversation))
            .filter(messages::author_id.is_not_null())
            .select(messages::seq)
            .get_result(self.connection)
            .optional()?;
        let Some(seq) = seq else { return Ok(Outcome::Refused(ErrorCode::MessageNotFound)) };
        if self.turn_insert(turn)? == 0 && self.live_content(turn.id.into(), conversation)?.is_none() {
            return Ok(Outcome::Refused(ErrorCode::Conflict));
        }
        Ok(Outcome::TurnOpened(seq.unsigned_abs()))
    }

    /// The last checkpoint of a live turn; none where it is not a live turn of this conversation.
    fn live_content(&mut self, turn: Id, conversation: Id) -> Result<Option<String>> {
        let query = turns::table
            .find(turn)
            .filter(turns::conversation_id.eq(conversation))
            .filter(turns::status.is_null())
            .select((turns::content, turns::key_id));
        let found: Option<(String, Option<String>)> = query.get_result(self.connection).optional()?;
        let place = Place::Checkpoint(turn);
        found.map(|(content, key)| self.cipher.open(place, key.as_deref(), content)).transpose()
    }

    fn turn_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<Outcome> {
        let turn = Id::from(checkpoint.turn);
        let live = turns::table.find(turn).filter(turns::status.is_null());
        let lease = turns::lease_until.eq(At::from(checkpoint.lease_until));
        let changed = match &checkpoint.content {
            Some(content) => {
                let sealed = self.cipher.seal(Place::Checkpoint(turn), content)?;
                let text = sealed.as_ref().map_or(&**content, |sealed| &sealed.text);
                let key = sealed.as_ref().map(|sealed| sealed.key);
                let values = (lease, turns::content.eq(text), turns::key_id.eq(key));
                diesel::update(live).set(values).execute(self.connection)?
            }
            None => diesel::update(live).set(lease).execute(self.connection)?,
        };
        Ok(if changed == 0 { Outcome::Refused(ErrorCode::Conflict) } else { Outcome::Done })
    }

    fn turn_end(&mut self, end: &TurnEnd) -> Result<Outcome> {
        let message = &end.message;
        let conversation = Id::from(message.conversation);
        if head(self.connection, &mut self.heads, conversation)?.is_none() {
            return Ok(Outcome::Refused(ErrorCode::ConversationNotFound));
        }
        let live = self.live_content(message.id.into(), conversation)?;
        let Some(checkpoint) = live.filter(|_| message.reply.is_some()) else {
            return Ok(Outcome::Refused(ErrorCode::Conflict));
        };
        let content = end.from_checkpoint.then_some(checkpoint);
        let mut row = Row::of(message, None, 0);
        if let Some(content) = &content {
            row.content = Cow::Borrowed(content);
        }
        let Inserted::At { seq, message_count } = self.insert(row)? else {
            return Ok(Outcome::Refused(ErrorCode::Conflict));
        };
        self.turn_close(message)?;
        Ok(Outcome::Stored { seq, message_count, content })
    }

    fn turn_close(&mut self, message: &Message) -> Result<()> {
        let reply = ReplyColumns::of(message);
        let ended = (
            turns::content.eq(""),
            turns::key_id.eq(None::<&str>),
            turns::status.eq(reply.status),
            turns::model.eq(reply.model),
            turns::prompt_tokens.eq(reply.prompt_tokens),
            turns::completion_tokens.eq(reply.completion_tokens),
            turns::usage_estimated.eq(reply.usage_estimated),
            turns::ended_at.eq(At::from(message.created_at)),
        );
        diesel::update(turns::table.find(Id::from(message.id))).set(ended).execute(self.connection)?;
        Ok(())
    }

    fn heads_update(&mut self) -> Result<()> {
        for (id, head) in &self.heads {
            let Some(head) = head.as_ref().filter(|head| head.changed) else { continue };
            let Head { last_seq, message_count, updated_at, .. } = *head;
            MoveHead { id: *id, last_seq, message_count, updated_at }.execute(self.connection)?;
        }
        Ok(())
    }
}

/// The head of a conversation. None where there is no such conversation, or it was deleted.
fn head<'a>(
    connection: &mut SqliteConnection,
    heads: &'a mut HashMap<Id, Option<Head>>,
    conversation: Id,
) -> Result<Option<&'a mut Head>> {
    Ok(head_even_deleted(connection, heads, conversation)?.filter(|head| !head.deleted))
}

/// The head of a conversation, read at its first use. None where there is no such conversation.
fn head_even_deleted<'a>(
    connection: &mut SqliteConnection,
    heads: &'a mut HashMap<Id, Option<Head>>,
    conversation: Id,
) -> Result<Option<&'a mut Head>> {
    let slot = match heads.entry(conversation) {
        Entry::Occupied(slot) => slot.into_mut(),
        Entry::Vacant(slot) => {
            let columns = (
                conversations::last_seq,
                conversations::message_count,
                conversations::updated_at,
                conversations::deleted_at.is_not_null(),
            );
            let query = conversations::table.find(conversation).select(columns);
            let found: Option<(i64, i64, At, bool)> = query.get_result(connection).optional()?;
            slot.insert(found.map(|(last_seq, message_count, updated_at, deleted)| Head {
                last_seq,
                message_count,
                updated_at,
                deleted,
                changed: false,
            }))
        }
    };
    Ok(slot.as_mut())
}
