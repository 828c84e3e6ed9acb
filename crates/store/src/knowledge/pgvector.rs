//! PostgreSQL's extension for vectors, where it is there: an index by which the nearest of very many are found without
//! looking at all of them. What it finds is nearly what looking would; few documents are looked through all the same.
//!
//! Its table is made when the database is opened and not by a migration, since a server may get the extension later. The
//! vectors are written and asked for as text, which every version of the extension reads.

use crate::error::Result;
use crate::pools::Pools;
use crate::types::{Id, sql};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use std::fmt::Write as _;

/// The longest vectors that the index takes (pgvector, Indexing).
const INDEXED_MAX: usize = 2_000;
/// How many candidates a search looks at: the more, the nearer to what looking at all would find.
const CANDIDATES: usize = 200;

/// The advisory lock of who makes the table or an index: "PARL", 2.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1346458188, 2)";

/// No column of it is indexed but by the document and, for each length of vectors, by their direction.
const TABLE: &str = "\
    CREATE TABLE IF NOT EXISTS passage_embeddings (\
        document_id uuid NOT NULL, number bigint NOT NULL, dimensions bigint NOT NULL, embedding vector NOT NULL, \
        PRIMARY KEY (document_id, number))";

pub(super) const INSERT: &str = "\
    INSERT INTO passage_embeddings (document_id, number, dimensions, embedding) \
    SELECT $1, new.number, $2, new.embedding::vector FROM unnest($3, $4) AS new (number, embedding) \
    WHERE EXISTS (SELECT 1 FROM documents WHERE id = $1) ON CONFLICT DO NOTHING";
pub(super) const DELETE: &str = "DELETE FROM passage_embeddings WHERE document_id = $1";

/// Documents of which the extension has not all passages.
pub(super) const OUTDATED: &str = "\
    UPDATE documents SET state = 'pending', tries = 0, lease_node = NULL, lease_until = NULL \
    WHERE state = 'ready' AND chunks > (SELECT count(*) FROM passage_embeddings WHERE document_id = documents.id)";

/// Whether the extension is there, made ready if it can be.
pub(crate) async fn prepare(connection: &mut AsyncPgConnection) -> bool {
    let made = connection.batch_execute("CREATE EXTENSION IF NOT EXISTS vector").await;
    let table = match made {
        Ok(()) => {
            connection
                .transaction(async |connection| {
                    connection.batch_execute(LOCK).await?;
                    connection.batch_execute(TABLE).await
                })
                .await
        }
        Err(error) => Err(error),
    };
    match table {
        Ok(()) => true,
        Err(error) => {
            tracing::info!(%error, "without pgvector, documents are found by looking at all of their passages");
            false
        }
    }
}

/// Makes the index for vectors of this length, unless it is there or there can be none.
pub(super) async fn index(pools: &Pools, dimensions: usize) -> Result<()> {
    let Pools::Postgres { general, .. } = pools else { return Ok(()) };
    if !(1..=INDEXED_MAX).contains(&dimensions) {
        return Ok(());
    }
    let index = format!(
        "CREATE INDEX IF NOT EXISTS passage_embeddings_{dimensions} ON passage_embeddings \
         USING hnsw ((embedding::vector({dimensions})) vector_cosine_ops) WHERE dimensions = {dimensions}"
    );
    let mut connection = general.get().await?;
    connection
        .transaction(async |connection| -> Result<()> {
            connection.batch_execute(LOCK).await?;
            connection.batch_execute(&index).await?;
            Ok(())
        })
        .await
}

/// A passage that was found.
#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub(super) struct Found {
    #[diesel(sql_type = sql::Uid)]
    pub(super) document_id: Id,
    #[diesel(sql_type = BigInt)]
    pub(super) number: i64,
    #[diesel(sql_type = Double)]
    pub(super) score: f64,
}

/// The nearest passages of these documents by the index; none where there is no index for vectors of this length. There may
/// be fewer than there are: those that the index came upon, of these documents.
pub(super) async fn near(
    connection: &mut AsyncPgConnection,
    documents: &[Id],
    vector: &[f32],
    limit: usize,
) -> Result<Option<Vec<Found>>> {
    let dimensions = vector.len();
    if !(1..=INDEXED_MAX).contains(&dimensions) {
        return Ok(None);
    }
    // Later versions go on looking until enough of these documents are found; earlier ones do not know the setting.
    let settings = format!(
        "SELECT set_config('hnsw.ef_search', '{CANDIDATES}', true); \
         SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true) \
         FROM pg_settings WHERE name = 'hnsw.iterative_scan'; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
    );
    let query = format!(
        "SELECT document_id, number, 1 - (embedding::vector({dimensions}) <=> $1::vector({dimensions})) AS score \
         FROM passage_embeddings WHERE dimensions = {dimensions} AND document_id = ANY ($2) \
         ORDER BY embedding::vector({dimensions}) <=> $1::vector({dimensions}) LIMIT {limit}"
    );
    let found = connection
        .transaction(async |connection| -> Result<Vec<Found>> {
            connection.batch_execute(&settings).await?;
            let query = diesel::sql_query(query);
            let query = query.bind::<Text, _>(text(vector)).bind::<Array<sql::Uid>, _>(documents);
            Ok(query.load(connection).await?)
        })
        .await?;
    Ok(Some(found))
}

/// A vector as the extension reads it.
pub(super) fn text(vector: &[f32]) -> String {
    let mut text = String::with_capacity(vector.len() * 12);
    for (number, part) in vector.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{part}", if number == 0 { '[' } else { ',' });
    }
    text.push(']');
    text
}
