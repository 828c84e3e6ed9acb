//! The index on SQLite: an FTS5 table that keeps words and no texts, beside a table that says whose they are.

use super::behind::Piece;
use super::{HITS, Hit};
use crate::error::Result;
use crate::pools::Lite;
use crate::schema::{conversations, search_entries};
use crate::types::{Id, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::pooled_connection::bb8::Pool;
use parlor_domain::UserId;
use std::collections::HashMap;

/// The words as the tokenizer `ascii` takes them apart again.
pub(super) fn document(words: &mut dyn Iterator<Item = String>) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word);
    }
    text
}

/// What asks for every one of the words as the beginning of one.
fn question(words: &[String]) -> String {
    let beginnings: Vec<_> = words.iter().map(|word| format!("\"{}\"*", word.replace('"', "\"\""))).collect();
    beginnings.join(" AND ")
}

/// `CROSS JOIN` is the order in which SQLite looks: first for the words, once, then for whose they are.
const SEARCH: &str = "\
    SELECT hit.conversation_id, m.id AS message_id FROM (\
        SELECT e.conversation_id, e.seq, search_words.rank AS score, c.updated_at FROM search_words \
        CROSS JOIN search_entries AS e ON e.id = search_words.rowid \
        CROSS JOIN conversations AS c ON c.id = e.conversation_id \
        CROSS JOIN participants AS p ON p.conversation_id = e.conversation_id AND p.user_id = ? \
        WHERE search_words MATCH ? AND c.deleted_at IS NULL AND c.room_id IS NULL AND p.role <> 'removed' \
        AND (e.seq > p.visible_after OR e.seq = 0) \
        ORDER BY score, c.updated_at DESC, e.conversation_id DESC, e.seq DESC LIMIT ?\
    ) AS hit LEFT JOIN messages AS m ON m.conversation_id = hit.conversation_id AND m.seq = hit.seq \
    ORDER BY hit.score, hit.updated_at DESC, hit.conversation_id DESC, hit.seq DESC";

/// What fits and `user` sees, the best first.
pub(super) async fn hits(pool: &Pool<Lite>, user: UserId, words: &[String]) -> Result<Vec<Hit>> {
    let query = diesel::sql_query(SEARCH)
        .bind::<sql::Uid, _>(Id::from(user))
        .bind::<Text, _>(question(words))
        .bind::<BigInt, _>(HITS);
    let mut connection = pool.get().await?;
    Ok(diesel_async::RunQueryDsl::load(query, &mut *connection).await?)
}

/// Enters what is still to be entered. Gives how far each conversation is indexed then, without those that are gone.
pub(super) async fn enter(pool: &Pool<Lite>, pieces: Vec<Piece>) -> Result<HashMap<Id, i64>> {
    let enter = move |connection: &mut SqliteConnection| -> Result<HashMap<Id, i64>> {
        let mut now = HashMap::with_capacity(pieces.len());
        for piece in &pieces {
            now.extend(piece_enter(connection, piece)?.map(|indexed| (piece.conversation, indexed)));
        }
        Ok(now)
    };
    let mut connection = pool.get().await?;
    connection.spawn_blocking(move |connection| Ok(connection.immediate_transaction(enter))).await?
}

fn piece_enter(connection: &mut SqliteConnection, piece: &Piece) -> Result<Option<i64>> {
    let row = conversations::table.find(piece.conversation);
    let indexed = row.select(conversations::indexed_seq).get_result(connection).optional()?;
    if indexed != Some(piece.from) {
        return Ok(indexed);
    }
    for document in &piece.documents {
        let known = entry_of(connection, piece.conversation, document.seq)?;
        if let Some(id) = known {
            words_delete(connection, id)?;
        }
        match (known, document.words.is_empty()) {
            (None, true) => {}
            (Some(id), true) => {
                let entry = search_entries::table.filter(search_entries::id.eq(id));
                diesel::delete(entry).execute(connection)?;
            }
            (Some(id), false) => words_insert(connection, id, &document.words)?,
            (None, false) => {
                let id = entry_insert(connection, piece.conversation, document.seq)?;
                words_insert(connection, id, &document.words)?;
            }
        }
    }
    diesel::update(row).set(conversations::indexed_seq.eq(piece.through)).execute(connection)?;
    Ok(Some(piece.through))
}

fn entry_of(connection: &mut SqliteConnection, conversation: Id, seq: i64) -> Result<Option<i64>> {
    let entry = search_entries::table.find((conversation, seq)).select(search_entries::id);
    Ok(entry.get_result(connection).optional()?)
}

fn entry_insert(connection: &mut SqliteConnection, conversation: Id, seq: i64) -> Result<i64> {
    let values = (search_entries::conversation_id.eq(conversation), search_entries::seq.eq(seq));
    let insert = diesel::insert_into(search_entries::table).values(values).returning(search_entries::id);
    Ok(insert.get_result(connection)?)
}

fn words_insert(connection: &mut SqliteConnection, id: i64, words: &str) -> Result<()> {
    let insert = diesel::sql_query("INSERT INTO search_words (rowid, words) VALUES (?, ?)");
    insert.bind::<BigInt, _>(id).bind::<Text, _>(words).execute(connection)?;
    Ok(())
}

fn words_delete(connection: &mut SqliteConnection, id: i64) -> Result<()> {
    diesel::sql_query("DELETE FROM search_words WHERE rowid = ?")
        .bind::<BigInt, _>(id)
        .execute(connection)?;
    Ok(())
}

/// Removes the words of a conversation below `seq`.
pub(in crate::archive) async fn forget(connection: &mut Lite, conversation: Id, seq: i64) -> Result<()> {
    const FORGET: [&str; 2] = [
        "DELETE FROM search_words WHERE rowid IN \
         (SELECT id FROM search_entries WHERE conversation_id = ? AND seq < ?)",
        "DELETE FROM search_entries WHERE conversation_id = ? AND seq < ?",
    ];
    for statement in FORGET {
        let delete = diesel::sql_query(statement).bind::<sql::Uid, _>(conversation).bind::<BigInt, _>(seq);
        diesel_async::RunQueryDsl::execute(delete, connection).await?;
    }
    Ok(())
}
