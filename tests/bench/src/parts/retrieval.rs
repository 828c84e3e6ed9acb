//! Do the passages that are found stand among the nearest, and how long does it take to find them among 100,000?
//!
//! The store is measured in this process: what a server adds to a search is a question's vector. The reference is a comparison
//! with every vector as it was made, in memory.

use crate::Result;
use crate::bench::{Bench, rows};
use crate::figures::percentile;
use crate::report::{Figures, Measure, Row};
use parlor_ai::embeddings::HashedNgrams;
use parlor_domain::ports::{
    Chunk, Clock, DocumentLease, DocumentRecord, DocumentScope, DocumentState, DocumentStore, Embedder,
    SystemClock,
};
use parlor_domain::{DocumentId, UserId};
use parlor_store::{Database, Options};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How many passages are found for a question.
const FOUND: usize = 10;
/// How many words are everybody's, and how many a passage and a question have.
const WORDS: u64 = 20_000;
const PASSAGE: usize = 60;
const QUESTION: usize = 6;
/// How many subjects a document has, and how many words are a subject's own: half of what is said of it.
const SUBJECTS: u64 = 20;
const OWN_WORDS: u64 = 40;
/// From how many passages on `PostgreSQL` has an index.
const INDEXED: usize = 10_000;

const RECALL: Measure = Measure::new("recall@10 against exact", "%");
const MEDIAN: Measure = Measure::new("time of a search, p50", "ms");
const SLOW: Measure = Measure::new("time of a search, p99", "ms");

/// Runs it on an `SQLite` file and, where one is given, on a `PostgreSQL` that may have pgvector.
pub(crate) async fn run(bench: &Bench, postgres: Option<&str>) -> Result<Vec<Row>> {
    let (documents, each, asked) = (bench.size(100, 4), bench.size(1_000, 50), bench.size(400, 20));
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite://{}", folder.path().join("parlor.db").display());
    let databases = [("SQLite", Some(file)), ("PostgreSQL", postgres.map(str::to_owned))];
    let case = |(name, url): (&str, Option<String>)| {
        let case = format!("retrieval: {} passages, {name}", documents * each);
        url.filter(|_| bench.wants(&case)).map(|url| (case, url))
    };
    let cases: Vec<_> = databases.into_iter().filter_map(case).collect();
    // The store needs threads, which the generator of load has not.
    let measured = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        runtime.block_on(measure(cases, documents, each, asked)).map_err(|error| error.to_string())
    });
    Ok(measured.await??)
}

async fn measure(
    cases: Vec<(String, String)>,
    documents: usize,
    each: usize,
    asked: usize,
) -> Result<Vec<Row>> {
    let collection = Collection::new(documents, each, asked).await?;
    let reference = collection.exact();
    let mut all = Vec::new();
    for (case, url) in cases {
        eprintln!("{case}");
        all.extend(rows(&case, &collection.measured(&url, &reference.nearest).await?, &reference.figures));
    }
    Ok(all)
}

/// Numbers that look random and are the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A word that is everybody's; a few are in many passages, as in any language.
    fn word(&mut self) -> u64 {
        let most = 1 + self.next() % WORDS;
        self.next() % most
    }

    /// Words about this subject.
    fn text(&mut self, subject: u64, words: usize) -> String {
        let mut word = || match self.next() % 2 {
            0 => self.word(),
            _ => WORDS + subject * OWN_WORDS + self.next() % OWN_WORDS,
        };
        (0..words).map(|_| spelled(word())).collect::<Vec<_>>().join(" ")
    }
}

fn spelled(number: u64) -> String {
    let letter = |number: u64| char::from(b'a' + u8::try_from(number % 26).unwrap_or_default());
    (0..7).map(|place| letter(number.wrapping_mul(2_654_435_761) >> (place * 4))).collect()
}

/// What a passage is about: one of the subjects of its document.
fn subject(document: usize, number: usize) -> u64 {
    document as u64 * SUBJECTS + number as u64 % SUBJECTS
}

struct Collection {
    owner: UserId,
    documents: Vec<Vec<Chunk>>,
    questions: Vec<Vec<f32>>,
}

/// What comparing with everything gives.
struct Exact {
    nearest: Vec<Vec<(usize, u32)>>,
    figures: Figures,
}

impl Collection {
    /// Each question has words of one passage, and others of its subject.
    async fn new(documents: usize, each: usize, asked: usize) -> Result<Self> {
        let mut chance = Chance(7);
        let (mut made, mut questions) = (Vec::<Vec<Chunk>>::new(), Vec::new());
        for document in 0..documents {
            let text = |number| chance.text(subject(document, number), PASSAGE);
            let texts: Vec<String> = (0..each).map(text).collect();
            let embedded = HashedNgrams.embed(&texts, HashedNgrams::MODEL).await?;
            made.push(
                texts
                    .into_iter()
                    .zip(embedded.vectors)
                    .map(|(text, vector)| Chunk { text, vector })
                    .collect(),
            );
        }
        for question in 0..asked {
            let (document, number) = (question % documents, (question * 31) % each);
            let passage = &made[document][number];
            let words: Vec<&str> = passage.text.split(' ').take(QUESTION - 2).collect();
            let others = chance.text(subject(document, number), 2);
            questions.push(format!("{} {others}", words.join(" ")));
        }
        let questions = HashedNgrams.embed(&questions, HashedNgrams::MODEL).await?.vectors;
        Ok(Self { owner: UserId::new(), documents: made, questions })
    }

    fn exact(&self) -> Exact {
        let (mut nearest, mut times) = (Vec::new(), Vec::new());
        for question in &self.questions {
            let began = Instant::now();
            let mut scores: Vec<(f32, (usize, u32))> = Vec::new();
            for (document, chunks) in self.documents.iter().enumerate() {
                for (number, chunk) in (0_u32..).zip(chunks) {
                    scores.push((product(&chunk.vector, question), (document, number)));
                }
            }
            scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
            times.push(began.elapsed().as_micros() as u64);
            nearest.push(scores.into_iter().take(FOUND).map(|(_, place)| place).collect());
        }
        Exact { nearest, figures: figures(100.0, &mut times) }
    }

    async fn measured(&self, url: &str, nearest: &[Vec<(usize, u32)>]) -> Result<Figures> {
        let database = Database::open(url, &Options::default()).await?;
        let began = Instant::now();
        let mut ids = Vec::new();
        for chunks in &self.documents {
            ids.push(self.store(&database, chunks).await?);
        }
        eprintln!("stored in {:.1} s", began.elapsed().as_secs_f64());
        let (mut hits, mut times) = (0, Vec::new());
        let scopes = [DocumentScope::User(self.owner)];
        // A first search among many has the index made.
        database.passages_near(&scopes, HashedNgrams::MODEL, &self.questions[0], FOUND).await?;
        if url.starts_with("postgres") && self.documents.iter().map(Vec::len).sum::<usize>() >= INDEXED {
            until_indexed(url).await?;
        }
        for (question, nearest) in self.questions.iter().zip(nearest) {
            let began = Instant::now();
            let found = database.passages_near(&scopes, HashedNgrams::MODEL, question, FOUND).await?;
            times.push(began.elapsed().as_micros() as u64);
            let is_nearest = |(document, number): &&(usize, u32)| {
                found.iter().any(|it| it.document == ids[*document] && it.chunk == *number)
            };
            hits += nearest.iter().filter(is_nearest).count();
        }
        database.close().await;
        Ok(figures(hits as f64 * 100.0 / (self.questions.len() * FOUND) as f64, &mut times))
    }

    async fn store(&self, database: &Database, chunks: &[Chunk]) -> Result<DocumentId> {
        let (id, now) = (DocumentId::new(), SystemClock.now());
        let record = DocumentRecord {
            id,
            owner: self.owner,
            scope: DocumentScope::User(self.owner),
            title: "A document".to_owned(),
            content_type: "text/plain".to_owned(),
            size: 0,
            state: DocumentState::Pending,
            problem: None,
            chunks: 0,
            created_at: now,
            updated_at: now,
        };
        database.document_add(record, "text".to_owned(), u64::MAX).await?;
        let lease = DocumentLease { node: Uuid::new_v4(), now, until: now.plus(Duration::from_hours(1)) };
        database.document_claim(lease).await?;
        database.document_index(id, lease, HashedNgrams::MODEL, chunks.to_vec()).await?;
        Ok(id)
    }
}

/// In lanes, which compilers make vector instructions of.
fn product(one: &[f32], other: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for (one, other) in one.chunks_exact(16).zip(other.chunks_exact(16)) {
        lanes.iter_mut().zip(one.iter().zip(other)).for_each(|(lane, (one, other))| *lane += one * other);
    }
    lanes.iter().sum()
}

/// Waits until the index is made, where there is pgvector.
async fn until_indexed(url: &str) -> Result<()> {
    let began = Instant::now();
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    if client
        .query_one("SELECT to_regclass('passage_embeddings')::text", &[])
        .await?
        .get::<_, Option<&str>>(0)
        .is_none()
    {
        eprintln!("without pgvector");
        return Ok(());
    }
    let query = "SELECT indisvalid FROM pg_index WHERE indisvalid AND indexrelid = to_regclass('passage_embeddings_1024')";
    while client.query_opt(query, &[]).await?.is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eprintln!("indexed in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn figures(recall: f64, micros: &mut [u64]) -> Figures {
    vec![(RECALL, recall), (MEDIAN, percentile(micros, 0.5) / 1e3), (SLOW, percentile(micros, 0.99) / 1e3)]
}
