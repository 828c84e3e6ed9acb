//! The passages nearest to a vector, of the documents that may be looked at and of no others: these are found first, and
//! nothing else is looked at.

use super::pgvector;
use super::vectors::{Best, Hit, Question};
use crate::cipher::Place;
use crate::error::Result;
use crate::pools::{Pools, read};
use crate::schema::{documents, passage_vectors, passages};
use crate::types::Id;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use parlor_domain::ports::{DocumentScope, Passage};
use std::collections::HashMap;
use std::sync::Arc;

/// How many documents may be looked at: three scopes of as many as one has unless set otherwise, and more.
const DOCUMENTS: i64 = 10_000;
/// How many documents' vectors are in memory at once, and how many bytes they may have together, about.
const AT_ONCE: usize = 64;
const BYTES_AT_ONCE: usize = 16 * 1024 * 1024;
/// From how many passages on an index is asked, where there is one. Fewer are looked at in milliseconds, and all of them.
const MANY: usize = 10_000;

/// A document that may be looked at.
#[derive(Debug, Queryable)]
struct Visible {
    id: Id,
    title: String,
    title_key: Option<String>,
    chunks: i64,
}

/// `visible!(scopes, model)`: what is ready of these scopes by this model.
macro_rules! visible {
    ($scopes:expr, $model:expr) => {{
        let ids = |kind: &str| -> Vec<Id> {
            $scopes.iter().filter(|scope| scope.kind() == kind).map(|scope| Id(scope.id())).collect()
        };
        let of = documents::scope_kind.eq("user").and(documents::scope_id.eq_any(ids("user")));
        let of_rooms = documents::scope_kind.eq("room").and(documents::scope_id.eq_any(ids("room")));
        let of_assistants =
            documents::scope_kind.eq("assistant").and(documents::scope_id.eq_any(ids("assistant")));
        documents::table
            .filter(of.or(of_rooms).or(of_assistants))
            .filter(documents::state.eq("ready"))
            .filter(documents::model.eq($model))
    }};
}

pub(crate) async fn any(pools: Pools, scopes: Vec<DocumentScope>, model: String) -> Result<bool> {
    Ok(read!(&pools, |conn| diesel::select(exists(visible!(scopes, &model))).get_result(conn).await?))
}

pub(crate) async fn near(
    pools: Pools,
    scopes: Vec<DocumentScope>,
    model: String,
    vector: Vec<f32>,
    limit: usize,
) -> Result<Vec<Passage>> {
    let found: Vec<Visible> = read!(&pools, |conn| {
        let columns = (documents::id, documents::title, documents::title_key, documents::chunks);
        visible!(scopes, &model).order(documents::id).limit(DOCUMENTS).select(columns).load(conn).await?
    });
    if found.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let hits = match indexed(&pools, &found, &vector, limit).await? {
        Some(hits) => hits,
        None => looked_at(&pools, &found, &vector, limit).await?,
    };
    texts(&pools, found, hits).await
}

/// By an index; none where there is none, where looking is as good, or where the index has not found enough.
async fn indexed(
    pools: &Pools,
    found: &[Visible],
    vector: &[f32],
    limit: usize,
) -> Result<Option<Vec<Hit<Id>>>> {
    let all: usize = found.iter().map(|it| usize::try_from(it.chunks).unwrap_or_default()).sum();
    let Pools::Postgres { general, pgvector: Some(pgvector), .. } = pools else { return Ok(None) };
    if all < MANY {
        return Ok(None);
    }
    if !pgvector.is_indexed(general, vector.len()).await? {
        return Ok(None);
    }
    let connection = &mut *general.get().await?;
    let ids: Vec<Id> = found.iter().map(|it| it.id).collect();
    let rows = pgvector::near(connection, &ids, vector, limit).await?;
    if rows.len() < limit.min(all) {
        return Ok(None);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a cosine")]
    let hit = |row: pgvector::Found| Hit {
        document: row.document_id,
        number: usize::try_from(row.number).unwrap_or(usize::MAX),
        score: row.score as f32,
    };
    let mut hits: Vec<_> = rows.into_iter().map(hit).collect();
    // The index may give them nearly in their order.
    hits.sort_by(|one, other| other.score.total_cmp(&one.score));
    Ok(Some(hits))
}

/// By looking at every vector, some documents at a time.
async fn looked_at(pools: &Pools, found: &[Visible], vector: &[f32], limit: usize) -> Result<Vec<Hit<Id>>> {
    let question = Arc::new(Question::new(vector));
    let mut best = Best::new(limit);
    for batch in batches(found, vector.len()) {
        let rows: Vec<(Id, Vec<u8>)> = read!(pools, |conn| {
            passage_vectors::table
                .filter(passage_vectors::document_id.eq_any(batch))
                .filter(passage_vectors::dimensions.eq(crate::messages::signed(question.dimensions())))
                .select((passage_vectors::document_id, passage_vectors::vectors))
                .load(conn)
                .await?
        });
        let question = Arc::clone(&question);
        // Some milliseconds of work: others go on meanwhile.
        best = tokio::task::spawn_blocking(move || {
            rows.iter().for_each(|(document, packed)| best.take(*document, &question, packed));
            best
        })
        .await?;
    }
    Ok(best.hits())
}

/// The documents in runs whose vectors fit into memory together.
fn batches(found: &[Visible], dimensions: usize) -> Vec<Vec<Id>> {
    let (mut batches, mut bytes) = (vec![Vec::new()], 0);
    for Visible { id, chunks, .. } in found {
        let size = usize::try_from(*chunks).unwrap_or_default().saturating_mul(dimensions);
        let last = batches.last().map_or(0, Vec::len);
        if last >= AT_ONCE || (last > 0 && bytes + size > BYTES_AT_ONCE) {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        batches.last_mut().into_iter().for_each(|batch| batch.push(*id));
    }
    batches
}

/// A passage's id, its document and number, its text and the key of that.
type PassageRow = (Id, Id, i64, String, Option<String>);

/// The texts of what was found. What was removed meanwhile is left out.
async fn texts(pools: &Pools, found: Vec<Visible>, hits: Vec<Hit<Id>>) -> Result<Vec<Passage>> {
    let ids: Vec<Id> = hits.iter().map(|hit| hit.document).collect();
    let numbers: Vec<i64> = hits.iter().map(|hit| crate::messages::signed(hit.number)).collect();
    let rows: Vec<PassageRow> = read!(pools, |conn| {
        let columns =
            (passages::id, passages::document_id, passages::number, passages::content, passages::key_id);
        passages::table
            .filter(passages::document_id.eq_any(ids))
            .filter(passages::number.eq_any(numbers))
            .select(columns)
            .load(conn)
            .await?
    });
    let mut texts = HashMap::with_capacity(rows.len());
    for (id, document, number, content, key) in rows {
        texts.insert((document, number), (id, content, key));
    }
    let titles: HashMap<Id, Visible> = found.into_iter().map(|it| (it.id, it)).collect();
    let mut passages = Vec::with_capacity(hits.len());
    for Hit { document, number, score } in hits {
        let text = texts.remove(&(document, crate::messages::signed(number)));
        let (Some((id, content, key)), Some(about)) = (text, titles.get(&document)) else { continue };
        let cipher = pools.cipher();
        let title =
            cipher.open(Place::DocumentTitle(document), about.title_key.as_deref(), about.title.clone())?;
        let text = cipher.open(Place::Passage { document, passage: id }, key.as_deref(), content)?;
        let chunk = u32::try_from(number).unwrap_or(u32::MAX);
        passages.push(Passage { document: document.into(), title, chunk, text, score });
    }
    Ok(passages)
}
