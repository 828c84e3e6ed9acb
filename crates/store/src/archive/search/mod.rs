//! Search in titles and messages. What words are is the domain's business ([`words`]); each database keeps them in the
//! way in which it finds beginnings of words best.
//!
//! No append enters words: that would cost every message what few searches need. Whoever searches first has the index
//! catch up (`behind`), with their own conversations alone. Where messages are sealed there is no index and no search.

mod behind;
pub(super) mod postgres;
pub(super) mod sqlite;

use super::entries;
use crate::error::Result;
use crate::pools::{Pools, read};
use crate::schema::messages;
use crate::types::{Id, sql};
use diesel::prelude::*;
use diesel::sql_types::Nullable;
use diesel_async::RunQueryDsl;
use parlor_domain::UserId;
use parlor_domain::message::Seq;
use parlor_domain::ports::{Found, FoundMessage, Page, Paged};
use parlor_domain::search::words;
use std::collections::HashMap;

/// How many of the messages that fit are looked at: the best ones.
const HITS: i64 = 1_000;

/// The longest word that is in the index, in bytes; words have at most 64 characters.
const WORD_MAX: usize = 64 * 4;

/// As many bytes of one text's words are in the index. PostgreSQL keeps no more than 1 MiB in a `tsvector`.
const TEXT_MAX: usize = 512 * 1024;

/// A message that fits, or none: the title does.
#[derive(Debug, QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Hit {
    #[diesel(sql_type = sql::Uid)]
    conversation_id: Id,
    #[diesel(sql_type = Nullable<sql::Uid>)]
    message_id: Option<Id>,
}

pub(crate) async fn search(
    pools: Pools,
    user: UserId,
    words: Vec<String>,
    page: Page,
) -> Result<Paged<Found>> {
    // Nothing in the index begins with such a word, and not every database would let us ask.
    let findable = |word: &String| !word.is_empty() && word.len() <= WORD_MAX && !word.contains('\0');
    if words.is_empty() || !words.iter().all(findable) {
        return Ok(Paged { items: Vec::new(), total: 0 });
    }
    behind::catch_up(&pools, user).await?;
    let hits = match &pools {
        Pools::Sqlite { read, .. } => sqlite::hits(read, user, &words).await?,
        Pools::Postgres { general, .. } => postgres::hits(general, user, &words).await?,
    };
    let fits = by_conversation(hits);
    let total = fits.len() as u64;
    let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let shown = fits.into_iter().skip(offset).take(page.limit).collect();
    Ok(Paged { items: found(&pools, user, shown).await?, total })
}

/// A conversation, and those of its messages that fit best.
type Fit = (Id, Vec<Id>);

/// The hits by conversation, in the order of the best hit of each.
fn by_conversation(hits: Vec<Hit>) -> Vec<Fit> {
    let mut fits: Vec<Fit> = Vec::new();
    let mut places: HashMap<Id, usize> = HashMap::new();
    for Hit { conversation_id, message_id } in hits {
        let place = *places.entry(conversation_id).or_insert(fits.len());
        if place == fits.len() {
            fits.push((conversation_id, Vec::new()));
        }
        let messages = &mut fits[place].1;
        messages.extend(message_id.filter(|_| messages.len() < Found::MESSAGES));
    }
    fits
}

/// What there is to say of each. What was deleted meanwhile is left out.
async fn found(pools: &Pools, user: UserId, fits: Vec<Fit>) -> Result<Vec<Found>> {
    let ids: Vec<Id> = fits.iter().map(|(id, _)| *id).collect();
    let entries = entries::some(pools, user, &ids).await?;
    let mut entries: HashMap<Id, _> = entries.into_iter().map(|it| (Id::from(it.summary.id), it)).collect();
    let mut texts = texts(pools, fits.iter().flat_map(|(_, messages)| messages.clone()).collect()).await?;
    let found = |(id, messages): Fit| {
        let messages = messages.into_iter().filter_map(|message| texts.remove(&message)).collect();
        Some(Found { entry: entries.remove(&id)?, messages })
    };
    Ok(fits.into_iter().filter_map(found).collect())
}

/// The texts of messages as they are now, without those that were deleted.
async fn texts(pools: &Pools, ids: Vec<Id>) -> Result<HashMap<Id, FoundMessage>> {
    let rows: Vec<(Id, i64, String)> = read!(pools, |conn| {
        messages::table
            .filter(messages::id.eq_any(ids))
            .filter(messages::deleted_at.is_null())
            .select((messages::id, messages::seq, messages::content))
            .load(conn)
            .await?
    });
    let message = |(id, seq, content): (Id, i64, String)| {
        let seq: Seq = seq.unsigned_abs();
        (id, FoundMessage { id: id.into(), seq, content })
    };
    Ok(rows.into_iter().map(message).collect())
}

/// The words of a text that go into the index.
fn indexed(text: &str) -> impl Iterator<Item = String> {
    let mut room = TEXT_MAX;
    words(text).take_while(move |word| {
        // What a place of a word takes in a `tsvector` is less than 16 bytes.
        let fits = room.checked_sub(word.len() + 16);
        room = fits.unwrap_or(0);
        fits.is_some()
    })
}
