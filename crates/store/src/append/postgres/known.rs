//! What is in the database of all that a group of writes depends on, locked where it may change.

use super::wanted::Wanted;
use crate::append::people::{Columns, Part};
use crate::cipher::{Cipher, Place};
use crate::error::Result;
use crate::members::REMOVED;
use crate::messages::MessageRow;
use crate::schema::{conversations, participants, turns};
use crate::types::{At, Id, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::{BTreeSet, HashMap};

/// The end of a conversation's log.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) last_seq: i64,
    pub(super) message_count: i64,
    pub(super) updated_at: At,
    /// Nobody finds it any more.
    pub(super) deleted: bool,
    /// It is a room: no message has made it.
    pub(super) room: bool,
    pub(super) changed: bool,
}

/// A message, and how it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) fingerprint: Option<Id>,
    /// Whether it is the one that made its conversation.
    pub(super) first: bool,
    pub(super) row: MessageRow,
}

/// A turn, live or ended.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) conversation: Id,
    pub(super) live: bool,
    /// Its last checkpoint, where that was asked for.
    pub(super) content: String,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) heads: HashMap<Id, Head>,
    pub(super) turns: HashMap<Id, Turn>,
    /// Parts by conversation and user, each with the conversation's newest entry; none of deleted conversations.
    pub(super) parts: HashMap<(Id, Id), (Part, i64)>,
    /// How many members there are in each conversation where that counts.
    pub(super) members: HashMap<Id, usize>,
    /// One may be here twice.
    pub(super) messages: Vec<Found>,
}

impl Known {
    pub(super) async fn load(
        connection: &mut AsyncPgConnection,
        cipher: &Cipher,
        wanted: Wanted,
    ) -> Result<Self> {
        let Wanted {
            creations,
            conversations,
            deletions,
            mut turns,
            parts,
            limited,
            checkpoints,
            messages,
            fingerprints,
            fingerprints_in,
            firsts,
        } = wanted;
        if !creations.is_empty() {
            LockCreations(creations.into_iter().collect()).execute(connection).await?;
        }
        let mut known = Self::default();
        if !conversations.is_empty() {
            known.heads = heads(connection, conversations).await?;
        }
        if !deletions.is_empty() {
            // They get no new ones, since they are locked.
            turns.extend(live_turns(connection, deletions).await?);
        }
        if !turns.is_empty() {
            known.turns = turns_of(connection, cipher, turns, checkpoints).await?;
        }
        if !parts.is_empty() {
            known.parts = parts_of(connection, parts).await?;
        }
        if !limited.is_empty() {
            known.members = members(connection, limited).await?;
        }
        if !messages.is_empty() {
            let query = FindMessages { messages, fingerprints, fingerprints_in, firsts };
            let rows: Vec<(Option<Id>, bool, MessageRow)> = query.load(connection).await?;
            let found = |(fingerprint, first, row)| Found { fingerprint, first, row };
            known.messages = rows.into_iter().map(found).collect();
        }
        Ok(known)
    }
}

async fn heads(
    connection: &mut AsyncPgConnection,
    wanted: impl IntoIterator<Item = Id>,
) -> Result<HashMap<Id, Head>> {
    let wanted: Vec<Id> = wanted.into_iter().collect();
    let query = conversations::table
        .filter(conversations::id.eq_any(wanted))
        .order(conversations::id)
        .select((
            conversations::id,
            conversations::last_seq,
            conversations::message_count,
            conversations::updated_at,
            conversations::deleted_at.is_not_null(),
            conversations::room_id.is_not_null(),
        ))
        .for_no_key_update();
    let rows: Vec<(Id, i64, i64, At, bool, bool)> = query.load(connection).await?;
    let head = |(id, last_seq, message_count, updated_at, deleted, room)| {
        (id, Head { last_seq, message_count, updated_at, deleted, room, changed: false })
    };
    Ok(rows.into_iter().map(head).collect())
}

async fn turns_of(
    connection: &mut AsyncPgConnection,
    cipher: &Cipher,
    wanted: impl IntoIterator<Item = Id>,
    checkpoints: Vec<Id>,
) -> Result<HashMap<Id, Turn>> {
    let wanted: Vec<Id> = wanted.into_iter().collect();
    // The texts of live turns are long and rarely asked for.
    let content = diesel::dsl::case_when(turns::id.eq_any(checkpoints), turns::content).otherwise("");
    let query = turns::table
        .filter(turns::id.eq_any(wanted))
        .order(turns::id)
        .select((turns::id, turns::conversation_id, turns::status.is_null(), content, turns::key_id))
        .for_no_key_update();
    let rows: Vec<(Id, Id, bool, String, Option<String>)> = query.load(connection).await?;
    let turn = |(id, conversation, live, content, key): (Id, Id, bool, String, Option<String>)| {
        // No text: none was asked for.
        let key = key.filter(|_| !content.is_empty());
        let content = cipher.open(Place::Checkpoint(id), key.as_deref(), content)?;
        Ok((id, Turn { conversation, live, content }))
    };
    rows.into_iter().map(turn).collect()
}

async fn live_turns(connection: &mut AsyncPgConnection, conversations: Vec<Id>) -> Result<Vec<Id>> {
    let query = turns::table
        .filter(turns::conversation_id.eq_any(conversations))
        .filter(turns::status.is_null())
        .select(turns::id);
    Ok(query.load(connection).await?)
}

async fn parts_of(
    connection: &mut AsyncPgConnection,
    wanted: BTreeSet<(Id, Id)>,
) -> Result<HashMap<(Id, Id), (Part, i64)>> {
    let (conversations, users) = wanted.into_iter().unzip();
    let rows: Vec<((Id, Id), Columns, i64)> = LockParts { conversations, users }.load(connection).await?;
    rows.into_iter().map(|(key, columns, head)| Ok((key, (Part::of(columns)?, head)))).collect()
}

async fn members(connection: &mut AsyncPgConnection, wanted: Vec<Id>) -> Result<HashMap<Id, usize>> {
    let mut members: HashMap<Id, usize> = wanted.iter().map(|id| (*id, 0)).collect();
    let query = participants::table
        .filter(participants::conversation_id.eq_any(wanted))
        .filter(participants::role.ne(REMOVED))
        .group_by(participants::conversation_id)
        .select((participants::conversation_id, diesel::dsl::count_star()));
    let rows: Vec<(Id, i64)> = query.load(connection).await?;
    members.extend(rows.into_iter().map(|(id, count)| (id, usize::try_from(count).unwrap_or(usize::MAX))));
    Ok(members)
}

/// Finds and locks participants, in the order of their keys.
struct LockParts {
    conversations: Vec<Id>,
    users: Vec<Id>,
}

impl QueryId for LockParts {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for LockParts {
    type SqlType = ((sql::Uid, sql::Uid), (Text, sql::Instant, BigInt, BigInt, BigInt), BigInt);
}

impl QueryFragment<Pg> for LockParts {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT p.conversation_id, p.user_id, p.role, p.joined_at, p.visible_after, p.delivered_seq, p.read_seq, \
             c.last_seq FROM unnest(",
        );
        out.push_bind_param::<Array<sql::Uid>, _>(&self.conversations)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<sql::Uid>, _>(&self.users)?;
        out.push_sql(
            ") AS wanted (conversation_id, user_id) JOIN participants AS p \
             ON p.conversation_id = wanted.conversation_id AND p.user_id = wanted.user_id \
             JOIN conversations AS c ON c.id = p.conversation_id AND c.deleted_at IS NULL \
             ORDER BY p.conversation_id, p.user_id FOR NO KEY UPDATE OF p",
        );
        Ok(())
    }
}

/// Locks fingerprints until the transaction ends, in the order given.
struct LockCreations(Vec<i64>);

impl QueryId for LockCreations {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for LockCreations {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT pg_advisory_xact_lock(fingerprint) FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.0)?;
        out.push_sql(") AS creation (fingerprint)");
        Ok(())
    }
}

/// Finds messages by id, by fingerprint in one conversation, and by fingerprint at the beginning of any, in one
/// round trip.
struct FindMessages {
    messages: Vec<Id>,
    fingerprints: Vec<Id>,
    fingerprints_in: Vec<Id>,
    firsts: Vec<Id>,
}

/// The columns of a [`MessageRow`], in its order.
macro_rules! columns {
    () => {
        "m.conversation_id, m.seq, m.changed_seq, m.id, m.author_id, m.author_name, m.kind, m.content, m.client_id, \
         m.in_reply_to, m.status, m.model, m.prompt_tokens, m.completion_tokens, m.usage_estimated, m.cost_nano, \
         m.elapsed_ms, m.created_at, m.edited_at, m.deleted_at, m.reactions, m.content_type, \
         m.backend, m.confidence, m.key_id, m.metadata, m.metadata_key"
    };
}

impl QueryId for FindMessages {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for FindMessages {
    type SqlType = (Nullable<sql::Uid>, Bool, diesel::dsl::SqlTypeOf<diesel::dsl::AsSelect<MessageRow, Pg>>);
}

impl QueryFragment<Pg> for FindMessages {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(concat!(
            "SELECT m.fingerprint, false, ",
            columns!(),
            " FROM messages AS m WHERE m.id = ANY ("
        ));
        out.push_bind_param::<Array<sql::Uid>, _>(&self.messages)?;
        out.push_sql(concat!(") UNION ALL SELECT m.fingerprint, false, ", columns!(), " FROM unnest("));
        out.push_bind_param::<Array<sql::Uid>, _>(&self.fingerprints)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<sql::Uid>, _>(&self.fingerprints_in)?;
        out.push_sql(concat!(
            ") AS resend (fingerprint, conversation_id) JOIN messages AS m ON m.fingerprint IS NOT NULL \
             AND m.fingerprint = resend.fingerprint AND m.conversation_id = resend.conversation_id \
             UNION ALL SELECT m.fingerprint, true, ",
            columns!(),
            " FROM messages AS m JOIN conversations AS c ON c.id = m.conversation_id AND c.deleted_at IS NULL \
             AND c.room_id IS NULL WHERE m.fingerprint = ANY ("
        ));
        out.push_bind_param::<Array<sql::Uid>, _>(&self.firsts)?;
        out.push_sql(") AND m.seq = 1");
        Ok(())
    }
}
