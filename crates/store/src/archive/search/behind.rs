//! How the index catches up with the log: a few hundred entries a transaction, read and cut into words before it. An entry
//! is a new message, or one that was changed: its words take the place of those that it had.
//!
//! A conversation says how far it is indexed. A transaction moves that from where its reader found it, or does nothing:
//! so two who catch up at once do no harm, and one that dies leaves its work to the next.

use super::{indexed, postgres, sqlite};
use crate::error::Result;
use crate::members::REMOVED;
use crate::messages::signed;
use crate::pools::{Pools, read};
use crate::schema::{conversations, messages, participants};
use crate::types::Id;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use parlor_domain::UserId;
use std::collections::HashMap;

/// How many entries go into one transaction.
const ENTRIES: usize = 256;
/// How many bytes of words, about.
const BYTES: usize = 1024 * 1024;

/// A conversation whose index is behind its log.
#[derive(Debug)]
struct Behind {
    id: Id,
    title: String,
    /// Up to here it is indexed; -1: not even its title.
    indexed: i64,
    /// Its newest entry when the search began.
    last: i64,
}

/// What is to be indexed of one conversation.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) conversation: Id,
    /// How far it must be indexed already.
    pub(super) from: i64,
    /// How far it is with this piece.
    pub(super) through: i64,
    pub(super) documents: Vec<Document>,
}

/// The words of one message, or of the title.
#[derive(Debug)]
pub(super) struct Document {
    /// 0: the title.
    pub(super) seq: i64,
    /// In the form that the database wants; empty where there are none.
    pub(super) words: String,
}

/// Has all that `user` can find indexed that was committed before the call.
pub(super) async fn catch_up(pools: &Pools, user: UserId) -> Result<()> {
    let mut behind = conversations_behind(pools, user).await?;
    while !behind.is_empty() {
        let pieces = pieces(pools, &behind).await?;
        let tried = pieces.len();
        let now = match pools {
            Pools::Sqlite { write, .. } => sqlite::enter(write, pieces).await?,
            Pools::Postgres { general, .. } => postgres::enter(general, pieces).await?,
        };
        advance(&mut behind, tried, &now);
    }
    Ok(())
}

/// Takes out what has caught up, or is gone; of the first `tried` ones `now` says how far they are indexed.
fn advance(behind: &mut Vec<Behind>, tried: usize, now: &HashMap<Id, i64>) {
    let mut place = 0;
    behind.retain_mut(|one| {
        place += 1;
        if place > tried {
            return true;
        }
        let Some(indexed) = now.get(&one.id) else { return false };
        one.indexed = *indexed;
        one.indexed < one.last
    });
}

async fn conversations_behind(pools: &Pools, user: UserId) -> Result<Vec<Behind>> {
    let rows: Vec<(Id, String, i64, i64)> = read!(pools, |conn| {
        participants::table
            .inner_join(conversations::table)
            .filter(participants::user_id.eq(Id::from(user)))
            .filter(participants::role.ne(REMOVED))
            .filter(conversations::room_id.is_null())
            .filter(conversations::deleted_at.is_null())
            .filter(conversations::indexed_seq.lt(conversations::last_seq))
            .order(conversations::id)
            .select((
                conversations::id,
                conversations::title,
                conversations::indexed_seq,
                conversations::last_seq,
            ))
            .load(conn)
            .await?
    });
    Ok(rows.into_iter().map(|(id, title, indexed, last)| Behind { id, title, indexed, last }).collect())
}

/// One piece of each of the first conversations, as many as go into one transaction.
async fn pieces(pools: &Pools, behind: &[Behind]) -> Result<Vec<Piece>> {
    let form = match pools {
        Pools::Sqlite { .. } => sqlite::document,
        Pools::Postgres { .. } => postgres::document,
    };
    let mut writing = Writing { form, entries: ENTRIES, bytes: BYTES };
    let mut pieces = Vec::new();
    for one in behind {
        if writing.is_full() {
            break;
        }
        let entries = entries(pools, one, writing.entries).await?;
        pieces.push(writing.piece(one, entries));
    }
    Ok(pieces)
}

/// A message at its place in what is read: its seq, the place, its text.
type Entry = (i64, i64, String);

/// The next entries of a conversation, in their order, at most `limit`.
async fn entries(pools: &Pools, one: &Behind, limit: usize) -> Result<Vec<Entry>> {
    // The title stands before the first entry.
    let (from, to) = (one.indexed.max(0), one.last);
    let log = || messages::table.filter(messages::conversation_id.eq(one.id));
    let new = log().filter(messages::seq.gt(from)).filter(messages::seq.le(to));
    let changed = log()
        .filter(messages::changed_seq.ne(messages::seq))
        .filter(messages::seq.le(from))
        .filter(messages::changed_seq.gt(from))
        .filter(messages::changed_seq.le(to));
    let mut entries: Vec<Entry> = read!(pools, |conn| {
        let mut entries: Vec<Entry> = new
            .order(messages::seq)
            .limit(signed(limit))
            .select((messages::seq, messages::seq, messages::content))
            .load(conn)
            .await?;
        if from > 0 {
            let changed: Vec<Entry> = changed
                .order(messages::changed_seq)
                .limit(signed(limit))
                .select((messages::seq, messages::changed_seq, messages::content))
                .load(conn)
                .await?;
            entries.extend(changed);
        }
        entries
    });
    entries.sort_by_key(|(_, place, _)| *place);
    entries.truncate(limit);
    Ok(entries)
}

/// What still goes into a transaction.
struct Writing {
    form: fn(&mut dyn Iterator<Item = String>) -> String,
    entries: usize,
    bytes: usize,
}

impl Writing {
    const fn is_full(&self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    fn document(&mut self, seq: i64, text: &str) -> Document {
        let words = (self.form)(&mut indexed(text));
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(words.len());
        Document { seq, words }
    }

    /// Of a conversation whose next entries are `entries`, all of them or as many as still go in, but one in any case.
    fn piece(&mut self, one: &Behind, entries: Vec<Entry>) -> Piece {
        let limit = self.entries;
        let all = entries.len() < limit;
        let count = entries.len();
        let mut documents = Vec::with_capacity(count + 1);
        let mut through = one.indexed;
        for (seq, place, text) in entries {
            if through > one.indexed && self.is_full() {
                break;
            }
            documents.push(self.document(seq, &text));
            through = place;
        }
        if all && documents.len() == count {
            through = one.last;
        }
        if one.indexed < 0 {
            documents.push(self.document(0, &one.title));
        }
        // A conversation without anything to index is work too.
        self.entries = self.entries.saturating_sub(1);
        Piece { conversation: one.id, from: one.indexed, through, documents }
    }
}
