//! The index on PostgreSQL: one table with a `tsvector`, which we make ourselves, so that no parser and no dictionary
//! has another idea of what a word is.

use super::behind::Piece;
use super::{HITS, Hit};
use crate::bulk::bulk;
use crate::error::Result;
use crate::schema::{conversations, search_entries};
use crate::types::{Id, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use parlor_domain::UserId;
use std::collections::HashMap;
use std::fmt::Write;

/// A word as `tsvector` and `tsquery` read it, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\\', "\\\\").replace('\'', "''"))
}

/// The words with their places, from 1.
pub(super) fn document(words: &mut dyn Iterator<Item = String>) -> String {
    let mut text = String::new();
    for (word, place) in words.zip(1_u32..) {
        // Writing to a string does not fail.
        let _ = write!(text, "{}:{place} ", quoted(&word));
    }
    text
}

/// What asks for every one of the words as the beginning of one.
fn question(words: &[String]) -> String {
    words.iter().map(|word| format!("{}:*", quoted(word))).collect::<Vec<_>>().join(" & ")
}

/// The rank is divided by the logarithm of the length, as a word weighs less in a long text.
const SEARCH: &str = "\
    SELECT hit.conversation_id, m.id AS message_id FROM (\
        SELECT e.conversation_id, e.seq, ts_rank(e.words, $2::tsquery, 1) AS score, c.updated_at \
        FROM search_entries AS e JOIN conversations AS c ON c.id = e.conversation_id \
        JOIN participants AS p ON p.conversation_id = e.conversation_id AND p.user_id = $1 \
        WHERE e.words @@ $2::tsquery AND c.deleted_at IS NULL AND c.room_id IS NULL AND p.role <> 'removed' \
        AND (e.seq > p.visible_after OR e.seq = 0) \
        ORDER BY score DESC, c.updated_at DESC, e.conversation_id DESC, e.seq DESC LIMIT $3\
    ) AS hit LEFT JOIN messages AS m ON m.conversation_id = hit.conversation_id AND m.seq = hit.seq \
    ORDER BY hit.score DESC, hit.updated_at DESC, hit.conversation_id DESC, hit.seq DESC";

/// What fits and `user` sees, the best first.
pub(super) async fn hits(pool: &Pool<AsyncPgConnection>, user: UserId, words: &[String]) -> Result<Vec<Hit>> {
    let query = diesel::sql_query(SEARCH)
        .bind::<sql::Uid, _>(Id::from(user))
        .bind::<Text, _>(question(words))
        .bind::<BigInt, _>(HITS);
    Ok(query.load(&mut *pool.get().await?).await?)
}

bulk! {
    SetWords
    "INSERT INTO search_entries (conversation_id, seq, words) \
     SELECT conversation_id, seq, words::tsvector FROM unnest("
    {
        conversation: sql::Uid = Id,
        seq: BigInt = i64,
        words: Text = &'a str,
    }
    ") AS new (conversation_id, seq, words) \
     ON CONFLICT (conversation_id, seq) DO UPDATE SET words = excluded.words"
}

bulk! {
    DeleteWords
    "DELETE FROM search_entries USING unnest("
    {
        conversation: sql::Uid = Id,
        seq: BigInt = i64,
    }
    ") AS old (conversation_id, seq) \
     WHERE search_entries.conversation_id = old.conversation_id AND search_entries.seq = old.seq"
}

bulk! {
    MoveIndexed
    "UPDATE conversations SET indexed_seq = new.indexed_seq FROM unnest("
    {
        conversation: sql::Uid = Id,
        indexed: BigInt = i64,
    }
    ") AS new (id, indexed_seq) WHERE conversations.id = new.id"
}

/// Enters what is still to be entered. Gives how far each conversation is indexed then, without those that are gone.
///
/// It holds the conversations, in the order of their ids as every transaction does, so that an append to one waits for it.
pub(super) async fn enter(pool: &Pool<AsyncPgConnection>, pieces: Vec<Piece>) -> Result<HashMap<Id, i64>> {
    let mut connection = pool.get().await?;
    connection
        .transaction(async |connection| -> Result<HashMap<Id, i64>> {
            let ids: Vec<Id> = pieces.iter().map(|piece| piece.conversation).collect();
            let query = conversations::table
                .filter(conversations::id.eq_any(ids))
                .order(conversations::id)
                .select((conversations::id, conversations::indexed_seq))
                .for_no_key_update();
            let rows: Vec<(Id, i64)> = query.load(connection).await?;
            let mut now: HashMap<Id, i64> = rows.into_iter().collect();
            let due = |piece: &&Piece| now.get(&piece.conversation) == Some(&piece.from);
            let due: Vec<&Piece> = pieces.iter().filter(due).collect();
            words_set(connection, &due).await?;
            indexed_move(connection, &due).await?;
            now.extend(due.iter().map(|piece| (piece.conversation, piece.through)));
            Ok(now)
        })
        .await
}

async fn words_set(connection: &mut AsyncPgConnection, pieces: &[&Piece]) -> Result<()> {
    let (mut set, mut delete) = (SetWords::default(), DeleteWords::default());
    for piece in pieces {
        for document in &piece.documents {
            if document.words.is_empty() {
                delete.conversation.push(piece.conversation);
                delete.seq.push(document.seq);
            } else {
                set.conversation.push(piece.conversation);
                set.seq.push(document.seq);
                set.words.push(&document.words);
            }
        }
    }
    if !set.seq.is_empty() {
        set.execute(connection).await?;
    }
    if !delete.seq.is_empty() {
        delete.execute(connection).await?;
    }
    Ok(())
}

async fn indexed_move(connection: &mut AsyncPgConnection, pieces: &[&Piece]) -> Result<()> {
    let mut update = MoveIndexed::default();
    for piece in pieces {
        update.conversation.push(piece.conversation);
        update.indexed.push(piece.through);
    }
    if !update.conversation.is_empty() {
        update.execute(connection).await?;
    }
    Ok(())
}

/// Removes the words of a conversation below `seq`.
pub(in crate::archive) async fn forget(
    connection: &mut AsyncPgConnection,
    conversation: Id,
    seq: i64,
) -> Result<()> {
    let own = search_entries::table.filter(search_entries::conversation_id.eq(conversation));
    diesel::delete(own.filter(search_entries::seq.lt(seq))).execute(connection).await?;
    Ok(())
}
