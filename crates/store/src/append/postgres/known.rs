//! What is in the database of all that a group of writes depends on, locked where it may change.

use super::wanted::Wanted;
use crate::error::Result;
use crate::messages::MessageRow;
use crate::schema::{conversations, turns};
use crate::types::{At, Id, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashMap;

/// The end of a conversation's log.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) last_seq: i64,
    pub(super) message_count: i64,
    pub(super) updated_at: At,
    pub(super) changed: bool,
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
    /// Messages, each with its fingerprint. One may be here twice.
    pub(super) messages: Vec<(Option<Id>, MessageRow)>,
}

impl Known {
    pub(super) async fn load(connection: &mut AsyncPgConnection, wanted: Wanted) -> Result<Self> {
        let Wanted {
            creations,
            conversations,
            turns,
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
        if !turns.is_empty() {
            known.turns = turns_of(connection, turns, checkpoints).await?;
        }
        if !messages.is_empty() {
            let query = FindMessages { messages, fingerprints, fingerprints_in, firsts };
            known.messages = query.load(connection).await?;
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
        ))
        .for_no_key_update();
    let rows: Vec<(Id, i64, i64, At)> = query.load(connection).await?;
    let head = |(id, last_seq, message_count, updated_at)| {
        (id, Head { last_seq, message_count, updated_at, changed: false })
    };
    Ok(rows.into_iter().map(head).collect())
}

async fn turns_of(
    connection: &mut AsyncPgConnection,
    wanted: impl IntoIterator<Item = Id>,
    checkpoints: Vec<Id>,
) -> Result<HashMap<Id, Turn>> {
    let wanted: Vec<Id> = wanted.into_iter().collect();
    // The texts of live turns are long and rarely asked for.
    let content = diesel::dsl::case_when(turns::id.eq_any(checkpoints), turns::content).otherwise("");
    let query = turns::table
        .filter(turns::id.eq_any(wanted))
        .order(turns::id)
        .select((turns::id, turns::conversation_id, turns::status.is_null(), content))
        .for_no_key_update();
    let rows: Vec<(Id, Id, bool, String)> = query.load(connection).await?;
    let turn = |(id, conversation, live, content)| (id, Turn { conversation, live, content });
    Ok(rows.into_iter().map(turn).collect())
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
        "m.fingerprint, m.conversation_id, m.seq, m.id, m.author_id, m.kind, m.content, m.client_id, m.in_reply_to, \
         m.status, m.model, m.prompt_tokens, m.completion_tokens, m.usage_estimated, m.created_at"
    };
}

impl QueryId for FindMessages {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for FindMessages {
    type SqlType = (Nullable<sql::Uid>, diesel::dsl::SqlTypeOf<diesel::dsl::AsSelect<MessageRow, Pg>>);
}

impl QueryFragment<Pg> for FindMessages {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(concat!("SELECT ", columns!(), " FROM messages AS m WHERE m.id = ANY ("));
        out.push_bind_param::<Array<sql::Uid>, _>(&self.messages)?;
        out.push_sql(concat!(") UNION ALL SELECT ", columns!(), " FROM unnest("));
        out.push_bind_param::<Array<sql::Uid>, _>(&self.fingerprints)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<sql::Uid>, _>(&self.fingerprints_in)?;
        out.push_sql(concat!(
            ") AS resend (fingerprint, conversation_id) JOIN messages AS m ON m.fingerprint IS NOT NULL \
             AND m.fingerprint = resend.fingerprint AND m.conversation_id = resend.conversation_id \
             UNION ALL SELECT ",
            columns!(),
            " FROM messages AS m WHERE m.fingerprint = ANY ("
        ));
        out.push_bind_param::<Array<sql::Uid>, _>(&self.firsts)?;
        out.push_sql(") AND m.seq = 1");
        Ok(())
    }
}
