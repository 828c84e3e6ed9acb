//! How fast messages reach the disk: `cargo bench -p parlor-store`.
//!
//! For both databases and groups of several sizes: messages a second, and this process's CPU time a message, through
//! `Store::write` and, beside it, by bare inserts of the same rows into the same tables with prepared statements and
//! one commit a group: what any server must spend. (PostgreSQL's own CPU time is not in it.)
//!
//! `DIRECTORY=/path` puts the databases there instead of into the temporary folder: fsync is what it is on that disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops where it fails"
)]
#![allow(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names, not code")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../tests/conformance/postgres.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use more of it")]
mod postgres;

#[path = "append/bare.rs"]
mod bare;

use futures_util::future::join_all;
use parlor_domain::message::{Author, Fingerprint, KIND_USER, Message};
use parlor_domain::ports::{NewMessage, Store, Write, Written};
use parlor_domain::{ConversationId, MessageId, Timestamp, UserId};
use parlor_store::{Database, Options};
use std::time::{Duration, Instant};

/// How long each line is measured.
const TIME: Duration = Duration::from_secs(4);
/// The most messages of a line.
const MESSAGES: usize = 150_000;
/// Conversations that the messages are spread over.
const CONVERSATIONS: usize = 50;
const SIZES: [usize; 5] = [1, 16, 64, 256, 512];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wants = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    println!("{:<44} {:>12} {:>15} {:>10}", "", "messages/s", "CPU µs/message", "a commit");
    runtime.block_on(async {
        if wants("sqlite") {
            sqlite().await;
        }
        if wants("postgres") {
            postgres().await;
        }
    });
}

async fn sqlite() {
    for size in SIZES {
        let folder = temporary_folder();
        let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let database = Database::open(&url("store.db"), &Options::default()).await.unwrap();
        through_the_store("SQLite, Store::write", &database, size).await;
        database.close().await;
        drop(database);
        Database::migrate(&url("bare.db")).await.unwrap();
        let path = folder.path().join("bare.db");
        tokio::task::spawn_blocking(move || bare::sqlite(&path, size, &Rows::new())).await.unwrap();
    }
}

async fn postgres() {
    let server = postgres::Server::start("-c synchronous_commit=on");
    for size in SIZES {
        let name = server.fresh_database().await;
        let database = Database::open(&server.url(&name), &Options::default()).await.unwrap();
        through_the_store("PostgreSQL, Store::write", &database, size).await;
        database.close().await;
        drop(database);
        let name = server.fresh_database().await;
        Database::migrate(&server.url(&name)).await.unwrap();
        bare::postgres(server.connect(&name).await, size, &Rows::new()).await;
    }
}

fn temporary_folder() -> tempfile::TempDir {
    match std::env::var_os("DIRECTORY") {
        Some(directory) => tempfile::tempdir_in(directory).unwrap(),
        None => tempfile::tempdir().unwrap(),
    }
}

/// Callers that each send the next message when the last is stored, as many as make groups of `size`.
async fn through_the_store(name: &str, database: &Database, size: usize) {
    let rows = Rows::new();
    for conversation in &rows.conversations {
        database.conversation_create(*conversation, rows.user, "Bench", now()).await.unwrap();
    }
    let callers = if size == 1 { 1 } else { size * 2 };
    // What is built beforehand is not measured.
    let mut stocks: Vec<Vec<Write>> = (0..callers).map(|_| Vec::new()).collect();
    let rounds = MESSAGES / callers;
    for round in 0..rounds {
        for (caller, stock) in stocks.iter_mut().enumerate() {
            stock.push(Write::Message(Box::new(rows.message(caller + round * callers))));
        }
    }
    let before = database.figures();
    let measure = Measure::start();
    let senders = stocks.into_iter().map(|stock| {
        let database = database.clone();
        tokio::spawn(async move {
            for write in stock {
                let written = database.write(vec![write]).await.unwrap();
                assert!(matches!(written[0], Written::Stored { .. }));
                if measure.elapsed() > TIME {
                    break;
                }
            }
        })
    });
    for sender in join_all(senders).await {
        sender.unwrap();
    }
    let after = database.figures();
    let messages = after.writes - before.writes;
    let group = messages as f64 / (after.transactions - before.transactions) as f64;
    measure.report(&format!("{name}, {callers} callers"), messages, group);
}

/// The rows to store.
struct Rows {
    user: UserId,
    conversations: Vec<ConversationId>,
    content: String,
}

impl Rows {
    fn new() -> Self {
        let conversations = (0..CONVERSATIONS).map(|_| ConversationId::new()).collect();
        Self {
            user: UserId::new(),
            conversations,
            content: "A message of two hundred bytes. ".repeat(7)[..200].into(),
        }
    }

    fn message(&self, number: usize) -> NewMessage {
        let client_id = format!("client-{number:08}");
        let message = Message {
            id: MessageId::new(),
            conversation: self.conversations[number % CONVERSATIONS],
            seq: 0,
            changed_seq: 0,
            author: Author::User(self.user),
            author_name: Some("ann".into()),
            kind: KIND_USER.to_owned(),
            content: self.content.clone(),
            content_type: None,
            client_id: Some(client_id.clone()),
            created_at: now(),
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
            reply: None,
            attached: None,
            metadata: None,
        };
        let fingerprint = Some(Fingerprint::of(self.user, &client_id, &message.content));
        NewMessage { message, fingerprint, creates: None, turn: None }
    }
}

fn now() -> Timestamp {
    Timestamp::from_microsecond(1_795_248_000_123_456)
}

/// Time and CPU time since some moment.
#[derive(Clone, Copy)]
struct Measure {
    start: Instant,
    cpu: Duration,
}

impl Measure {
    fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu_time() }
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn report(&self, name: &str, messages: u64, group: f64) {
        let (wall, cpu) = (self.elapsed(), cpu_time().saturating_sub(self.cpu));
        let a_second = messages as f64 / wall.as_secs_f64();
        let micros = cpu.as_secs_f64() * 1e6 / messages as f64;
        println!("{name:<44} {a_second:>12.0} {micros:>15.2} {group:>10.1}");
    }
}

/// The CPU time that this process has used, by all its threads, in the kernel too.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.try_into().unwrap())
}
