//! A document's passages and vectors: all of them in one transaction, in place of those that were there.

use super::documents::{made_delete, mine};
use super::{pgvector, vectors};
use crate::cipher::Place;
use crate::error::Result;
use crate::messages::signed;
use crate::pools::{Lite, Pools, change};
use crate::schema::{documents, passage_vectors, passages};
use crate::types::{At, Id, sql};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use parlor_domain::DocumentId;
use parlor_domain::ports::{Chunk, DocumentLease, DocumentState};
use uuid::Uuid;

/// How many vectors go to pgvector in one statement, and how many passages to PostgreSQL.
const BATCH: usize = 64;
const ROWS: usize = 512;

/// A passage to insert.
struct NewPassage {
    id: Id,
    number: i64,
    content: String,
    key: Option<String>,
}

/// A connection that takes many passages.
trait InsertPassages {
    async fn insert_passages(&mut self, document: Id, rows: &[NewPassage]) -> Result<()>;
}

impl InsertPassages for Lite {
    async fn insert_passages(&mut self, document: Id, rows: &[NewPassage]) -> Result<()> {
        for row in rows {
            let values = (
                passages::id.eq(row.id),
                passages::document_id.eq(document),
                passages::number.eq(row.number),
                passages::content.eq(&*row.content),
                passages::key_id.eq(row.key.as_deref()),
            );
            diesel::insert_into(passages::table).values(values).execute(self).await?;
        }
        Ok(())
    }
}

impl InsertPassages for AsyncPgConnection {
    /// Each round trip costs more than a row.
    async fn insert_passages(&mut self, document: Id, rows: &[NewPassage]) -> Result<()> {
        for rows in rows.chunks(ROWS) {
            let insert = diesel::sql_query(
                "INSERT INTO passages (id, document_id, number, content, key_id) \
                 SELECT new.id, $1, new.number, new.content, new.key_id \
                 FROM unnest($2, $3, $4, $5) AS new (id, number, content, key_id)",
            );
            insert
                .bind::<sql::Uid, _>(document)
                .bind::<Array<sql::Uid>, _>(rows.iter().map(|row| row.id).collect::<Vec<_>>())
                .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.number).collect::<Vec<_>>())
                .bind::<Array<Text>, _>(rows.iter().map(|row| &*row.content).collect::<Vec<_>>())
                .bind::<Array<Nullable<Text>>, _>(
                    rows.iter().map(|row| row.key.as_deref()).collect::<Vec<_>>(),
                )
                .execute(self)
                .await?;
        }
        Ok(())
    }
}

pub(crate) async fn store(
    pools: Pools,
    id: DocumentId,
    lease: DocumentLease,
    model: String,
    chunks: Vec<Chunk>,
) -> Result<bool> {
    let document = Id::from(id);
    let rows = sealed(&pools, document, &chunks)?;
    let dimensions = chunks.as_slice().first().map_or(0, |chunk| chunk.vector.len());
    let packed = vectors::pack(chunks.iter().map(|chunk| chunk.vector.as_slice()));
    let ready = (
        documents::state.eq(DocumentState::Ready.as_str()),
        documents::problem.eq(None::<&str>),
        documents::chunks.eq(signed(chunks.len())),
        documents::model.eq(&model),
        documents::tries.eq(0),
        documents::lease_node.eq(None::<Id>),
        documents::lease_until.eq(None::<At>),
        documents::updated_at.eq(At::from(lease.now)),
    );
    let kept = change!(&pools, |conn| {
        if diesel::update(mine!(id, lease)).set(ready).execute(conn).await? == 0 {
            return Ok(false);
        }
        made_delete!(conn, &pools, vec![document]);
        conn.insert_passages(document, &rows).await?;
        let values = (
            passage_vectors::document_id.eq(document),
            passage_vectors::dimensions.eq(signed(dimensions)),
            passage_vectors::vectors.eq(&packed),
        );
        diesel::insert_into(passage_vectors::table).values(values).execute(conn).await?;
        Ok(true)
    })?;
    if kept && pools.has_pgvector() {
        embeddings(&pools, document, dimensions, &chunks).await?;
    }
    Ok(kept)
}

/// The passages as they are kept.
fn sealed(pools: &Pools, document: Id, chunks: &[Chunk]) -> Result<Vec<NewPassage>> {
    let rows = chunks.iter().enumerate().map(|(number, chunk)| {
        let id = Id(Uuid::now_v7());
        let sealed = pools.cipher().seal(Place::Passage { document, passage: id }, &chunk.text)?;
        let key = sealed.as_ref().map(|sealed| sealed.key.to_owned());
        let content = sealed.map_or_else(|| chunk.text.clone(), |sealed| sealed.text);
        Ok(NewPassage { id, number: signed(number), content, key })
    });
    rows.collect()
}

/// Gives pgvector the vectors of a document. It is behind its transaction, since they are many: where this process dies in
/// between, the document is [outdated](super::documents::outdated) at the next start; until then it is found by its bytes.
async fn embeddings(pools: &Pools, document: Id, dimensions: usize, chunks: &[Chunk]) -> Result<()> {
    let Pools::Postgres { general, .. } = pools else { return Ok(()) };
    let mut connection = general.get().await?;
    for (batch, first) in chunks.chunks(BATCH).zip((0_i64..).step_by(BATCH)) {
        let numbers: Vec<i64> = (first..).take(batch.len()).collect();
        let texts: Vec<String> = batch.iter().map(|chunk| pgvector::text(&chunk.vector)).collect();
        diesel::sql_query(pgvector::INSERT)
            .bind::<sql::Uid, _>(document)
            .bind::<BigInt, _>(signed(dimensions))
            .bind::<Array<BigInt>, _>(numbers)
            .bind::<Array<Text>, _>(texts)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
