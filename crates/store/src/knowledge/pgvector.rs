//! PostgreSQL's extension for vectors, where it is there: an index by which the nearest of very many are found without
//! looking at all of them. What it finds is nearly what looking would; few documents are looked through all the same.
//!
//! Its table is made when the database is opened and not by a migration, since a server may get the extension later. The
//! vectors are written and asked for as text, which every version of the extension reads.

use crate::error::Result;
use crate::types::{Id, sql};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Text};
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// The longest vectors that the index takes (pgvector, HNSW: `halfvec`).
const INDEXED_MAX: usize = 4_000;
/// How many candidates a search looks at: the more, the nearer to what looking at all would find.
const CANDIDATES: usize = 500;

/// The advisory locks of who makes the table, and of who makes an index: "PARL" and a number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1346458188, 2)";
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(1346458188, 3)";

/// No column of it is indexed but by the document and, for each length of vectors, by their direction. Half precision
/// differs in the fourth digit of a cosine, and has twice as many vectors in a page.
const TABLE: &str = "\
    CREATE TABLE IF NOT EXISTS passage_embeddings (\
        document_id uuid NOT NULL, number bigint NOT NULL, dimensions bigint NOT NULL, embedding halfvec NOT NULL, \
        PRIMARY KEY (document_id, number))";

pub(super) const INSERT: &str = "\
    INSERT INTO passage_embeddings (document_id, number, dimensions, embedding) \
    SELECT $1, new.number, $2, new.embedding::halfvec FROM unnest($3, $4) AS new (number, embedding) \
    WHERE EXISTS (SELECT 1 FROM documents WHERE id = $1) ON CONFLICT DO NOTHING";
pub(super) const DELETE: &str = "DELETE FROM passage_embeddings WHERE document_id = $1";

/// Documents of which the extension has not all passages.
pub(super) const OUTDATED: &str = "\
    UPDATE documents SET state = 'pending', tries = 0, lease_node = NULL, lease_until = NULL \
    WHERE state = 'ready' AND chunks > (SELECT count(*) FROM passage_embeddings WHERE document_id = documents.id)";

/// The extension of a database that has it.
#[derive(Default)]
pub(crate) struct Pgvector {
    /// The lengths of vectors whose index this process makes, or could not make.
    begun: Mutex<HashSet<usize>>,
}

impl Pgvector {
    /// The extension, made ready if it is there and knows vectors of half precision (from its version 0.7 on).
    pub(crate) async fn prepare(connection: &mut AsyncPgConnection) -> Option<Arc<Self>> {
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
            Ok(()) => Some(Arc::default()),
            Err(error) => {
                tracing::info!(%error, "without pgvector 0.7 or later, documents are found by looking at all of their passages");
                None
            }
        }
    }

    /// Whether there is an index for vectors of this length. It is made on first asking, behind the searches that do
    /// without it meanwhile: as long as nobody has so many documents nobody pays for it.
    pub(super) async fn is_indexed(
        self: &Arc<Self>,
        pool: &Pool<AsyncPgConnection>,
        dimensions: usize,
    ) -> Result<bool> {
        if !(1..=INDEXED_MAX).contains(&dimensions) {
            return Ok(false);
        }
        if valid(&mut *pool.get().await?, dimensions).await? == Some(true) {
            return Ok(true);
        }
        if self.begun.lock().insert(dimensions) {
            let (this, pool) = (Arc::clone(self), pool.clone());
            // One a length of vectors. Nobody waits for it, also not at the end: the database finishes what it was told, or
            // what is unfinished is made anew.
            tokio::spawn(async move { this.index(&pool, dimensions).await });
        }
        Ok(false)
    }

    async fn index(&self, pool: &Pool<AsyncPgConnection>, dimensions: usize) {
        let began = Instant::now();
        match try_index(pool, dimensions).await {
            Ok(true) => {
                let seconds = began.elapsed().as_secs();
                tracing::info!(dimensions, seconds, "an index of vectors was made");
            }
            // Another node makes it, and may not come to its end.
            Ok(false) => {
                self.begun.lock().remove(&dimensions);
            }
            Err(error) => {
                tracing::warn!(%error, dimensions, "an index of vectors could not be made before the next start");
            }
        }
    }
}

/// False: another node makes one. The lock goes with the connection, which is none of the pool's.
async fn try_index(pool: &Pool<AsyncPgConnection>, dimensions: usize) -> Result<bool> {
    let connection = &mut pool.dedicated_connection().await.map_err(bb8::RunError::User)?;
    if !diesel::sql_query(TRY_LOCK).get_result::<Locked>(connection).await?.pg_try_advisory_lock {
        return Ok(false);
    }
    match valid(connection, dimensions).await? {
        Some(true) => return Ok(true),
        // What a process left that died in the middle.
        Some(false) => connection.batch_execute(&format!("DROP INDEX {}", name(dimensions))).await?,
        None => {}
    }
    let index = format!(
        "CREATE INDEX CONCURRENTLY {} ON passage_embeddings \
         USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) WHERE dimensions = {dimensions}",
        name(dimensions)
    );
    connection.batch_execute(&index).await?;
    Ok(true)
}

fn name(dimensions: usize) -> String {
    format!("passage_embeddings_{dimensions}")
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Locked {
    #[diesel(sql_type = Bool)]
    pg_try_advisory_lock: bool,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Valid {
    #[diesel(sql_type = Bool)]
    indisvalid: bool,
}

/// Whether the index of this length is whole; none where it is not there.
async fn valid(connection: &mut AsyncPgConnection, dimensions: usize) -> Result<Option<bool>> {
    let query = diesel::sql_query("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)");
    let found = query.bind::<Text, _>(name(dimensions)).get_result::<Valid>(connection).await.optional()?;
    Ok(found.map(|it| it.indisvalid))
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

/// The nearest passages of these documents by the index. There may be fewer than there are: those that the index came
/// upon, of these documents.
pub(super) async fn near(
    connection: &mut AsyncPgConnection,
    documents: &[Id],
    vector: &[f32],
    limit: usize,
) -> Result<Vec<Found>> {
    let dimensions = vector.len();
    // Later versions go on looking until enough of these documents are found; earlier ones do not know the setting.
    let settings = format!(
        "SELECT set_config('hnsw.ef_search', '{CANDIDATES}', true); \
         SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true) \
         FROM pg_settings WHERE name = 'hnsw.iterative_scan'; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
    );
    let query = format!(
        "SELECT document_id, number, 1 - (embedding::halfvec({dimensions}) <=> $1::halfvec({dimensions})) AS score \
         FROM passage_embeddings WHERE dimensions = {dimensions} AND document_id = ANY ($2) \
         ORDER BY embedding::halfvec({dimensions}) <=> $1::halfvec({dimensions}) LIMIT {limit}"
    );
    connection
        .transaction(async |connection| -> Result<Vec<Found>> {
            connection.batch_execute(&settings).await?;
            let query = diesel::sql_query(query);
            let query = query.bind::<Text, _>(text(vector)).bind::<Array<sql::Uid>, _>(documents);
            Ok(query.load(connection).await?)
        })
        .await
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
