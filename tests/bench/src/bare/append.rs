//! The bare append: one thread, one connection to `SQLite`, one prepared insert, one transaction for all that waits.
//!
//! The table, with its indexes, is the server's own, made by its migrations; each commit is synced (WAL,
//! `synchronous=FULL`). Nothing else is done that the server does: no conversation's head, and no check for a resend
//! but that of the index.

use super::room::{Message, Room};
use crate::Result;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use parlor_protocol::UserId;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Rows in one transaction at most: what 50 senders with 16 messages each have outstanding.
pub(crate) const GROUP: usize = 800;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Those of the server's own writer: how often the log is copied into the file, and how much of the file stays in
/// memory, decide the cost of a row as much as the row does.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; \
     PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000;";

diesel::table! {
    messages (conversation_id, seq) {
        conversation_id -> Binary,
        seq -> BigInt,
        changed_seq -> BigInt,
        id -> Binary,
        author_id -> Nullable<Binary>,
        kind -> Text,
        content -> Text,
        client_id -> Nullable<Text>,
        fingerprint -> Nullable<Binary>,
        created_at -> BigInt,
    }
}

/// A row, with the columns that a person's message fills.
#[derive(Insertable)]
#[diesel(table_name = messages)]
struct NewRow<'a> {
    conversation_id: &'a [u8],
    seq: i64,
    changed_seq: i64,
    id: &'a [u8],
    author_id: &'a [u8],
    kind: &'a str,
    content: &'a str,
    client_id: &'a str,
    fingerprint: &'a [u8],
    created_at: i64,
}

/// The table.
pub(crate) struct Table {
    connection: SqliteConnection,
    author: UserId,
}

impl Table {
    /// Makes a database at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let path = path.to_str().ok_or("the database's path is not UTF-8")?;
        let mut connection = SqliteConnection::establish(path)?;
        connection.batch_execute(PRAGMAS)?;
        connection.run_pending_migrations(MIGRATIONS).map_err(|error| error.to_string())?;
        Ok(Self { connection, author: UserId::new() })
    }

    /// Inserts `entries`, each a conversation, a seq and a message, in one transaction.
    pub(crate) fn insert<'a>(
        &mut self,
        entries: impl Iterator<Item = (Uuid, u64, &'a Message)>,
    ) -> Result<()> {
        let author = self.author.as_uuid();
        self.connection.immediate_transaction(|connection| {
            for (conversation, seq, message) in entries {
                let seq = i64::try_from(seq)?;
                let id = message.id.as_uuid();
                let fingerprint = fingerprint(author, &message.client_id);
                let row = NewRow {
                    conversation_id: conversation.as_bytes(),
                    seq,
                    changed_seq: seq,
                    id: id.as_bytes(),
                    author_id: author.as_bytes(),
                    kind: "note",
                    content: std::str::from_utf8(&message.content)?,
                    client_id: std::str::from_utf8(&message.client_id)?,
                    fingerprint: &fingerprint,
                    created_at: message.created_at.as_microsecond(),
                };
                // diesel keeps the prepared statement of this type.
                diesel::insert_into(messages::table).values(row).execute(connection)?;
            }
            Ok(())
        })
    }
}

/// A message on its way into the table and from there to its conversation.
pub(super) struct Row {
    pub(super) room: Arc<Room>,
    pub(super) message: Message,
}

/// The thread that writes.
pub(super) struct Appender {
    rows: mpsc::Sender<Row>,
}

impl Appender {
    /// Starts it with a database at `path`. It ends when this is dropped; where the database fails, so does the
    /// process.
    pub(super) fn start(path: &Path) -> Result<Self> {
        let mut table = Table::create(path)?;
        // When it is full the senders wait, and so do their sockets.
        let (rows, mut waiting) = mpsc::channel::<Row>(GROUP);
        std::thread::Builder::new().name("append".to_owned()).spawn(move || {
            let mut group = Vec::with_capacity(GROUP);
            while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
                let numbered =
                    group.iter().map(|row| (row.room.id.as_uuid(), row.room.next_stored(), &row.message));
                if let Err(error) = table.insert(numbered) {
                    eprintln!("the database failed: {error}");
                    std::process::exit(1);
                }
                for row in group.drain(..) {
                    row.room.broadcast(&row.message);
                }
            }
        })?;
        Ok(Self { rows })
    }

    /// Queues `row`.
    pub(super) async fn append(&self, row: Row) {
        // The thread ends only with the process.
        let _ = self.rows.send(row).await;
    }
}

/// As the server's is: it rises with the client's ids, which count, and is random behind that.
fn fingerprint(author: Uuid, client_id: &[u8]) -> [u8; 16] {
    let digits = client_id.iter().filter(|byte| byte.is_ascii_digit());
    let number =
        digits.fold(0, |number: u64, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    let mut bytes = *Uuid::new_v4().as_bytes();
    bytes[..3].copy_from_slice(&author.as_bytes()[13..]);
    bytes[3..8].copy_from_slice(&number.to_be_bytes()[3..]);
    bytes
}
