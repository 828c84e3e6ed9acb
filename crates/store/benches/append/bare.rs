//! The same rows by the shortest way: prepared statements, one transaction a group, no rules.

use super::{MESSAGES, Measure, Rows, TIME};
use parlor_domain::message::Author;
use parlor_domain::ports::NewMessage;
use std::path::Path;
use uuid::Uuid;

fn author(new: &NewMessage) -> Uuid {
    match new.message.author {
        Author::User(user) => user.as_uuid(),
        Author::Assistant => Uuid::nil(),
    }
}

/// Messages in groups, each with its seq.
fn groups(size: usize, rows: &Rows) -> Vec<Vec<(i64, NewMessage)>> {
    let mut seqs = vec![0; rows.conversations.len()];
    let numbers: Vec<usize> = (0..MESSAGES / size * size).collect();
    let group = |numbers: &[usize]| {
        let row = |number: &usize| {
            let seq = &mut seqs[number % rows.conversations.len()];
            *seq += 1;
            (*seq, rows.message(*number))
        };
        numbers.iter().map(row).collect()
    };
    numbers.chunks(size).map(group).collect()
}

pub(crate) fn sqlite(path: &Path, size: usize, rows: &Rows) {
    let groups = groups(size, rows);
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; \
             PRAGMA cache_size = -16000;",
        )
        .unwrap();
    let mut insert = connection
        .prepare(
            "INSERT INTO messages (conversation_id, seq, changed_seq, id, author_id, kind, content, client_id, \
             fingerprint, created_at, author_name) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .unwrap();
    let measure = Measure::start();
    let mut stored = 0;
    for group in groups {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for (seq, new) in &group {
            let message = &new.message;
            insert
                .execute((
                    &message.conversation.as_uuid().as_bytes()[..],
                    seq,
                    &message.id.as_uuid().as_bytes()[..],
                    &author(new).as_bytes()[..],
                    &message.kind,
                    &message.content,
                    &message.client_id,
                    &new.fingerprint.unwrap().0[..],
                    message.created_at.as_microsecond(),
                    message.author_name.as_deref(),
                ))
                .unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        stored += group.len() as u64;
        if measure.elapsed() > TIME {
            break;
        }
    }
    measure.report(&format!("SQLite, bare, groups of {size}"), stored, size as f64);
}

pub(crate) async fn postgres(client: tokio_postgres::Client, size: usize, rows: &Rows) {
    let groups = groups(size, rows);
    let insert = client
        .prepare(
            "INSERT INTO messages (conversation_id, seq, changed_seq, id, author_id, kind, content, client_id, \
             fingerprint, created_at, author_name) SELECT c, s, s, i, a, k, t, d, f, now(), n FROM \
             unnest($1::text[]::uuid[], $2::bigint[], $3::text[]::uuid[], $4::text[]::uuid[], $5::text[], $6::text[], \
             $7::text[], $8::text[]::uuid[], $9::text[]) AS row (c, s, i, a, k, t, d, f, n)",
        )
        .await
        .unwrap();
    let text = |uuid: Uuid| uuid.to_string();
    let measure = Measure::start();
    let mut stored = 0;
    for group in groups {
        let messages = || group.iter().map(|(_, new)| &new.message);
        let conversations: Vec<String> =
            messages().map(|message| text(message.conversation.as_uuid())).collect();
        let seqs: Vec<i64> = group.iter().map(|(seq, _)| *seq).collect();
        let ids: Vec<String> = messages().map(|message| text(message.id.as_uuid())).collect();
        let authors: Vec<String> = group.iter().map(|(_, new)| text(author(new))).collect();
        let kinds: Vec<&str> = messages().map(|message| &*message.kind).collect();
        let texts: Vec<&str> = messages().map(|message| &*message.content).collect();
        let client_ids: Vec<Option<&str>> = messages().map(|message| message.client_id.as_deref()).collect();
        let fingerprints: Vec<String> =
            group.iter().map(|(_, new)| text(Uuid::from_bytes(new.fingerprint.unwrap().0))).collect();
        let names: Vec<Option<&str>> = messages().map(|message| message.author_name.as_deref()).collect();
        // One statement is one transaction.
        client
            .execute(
                &insert,
                &[&conversations, &seqs, &ids, &authors, &kinds, &texts, &client_ids, &fingerprints, &names],
            )
            .await
            .unwrap();
        stored += group.len() as u64;
        if measure.elapsed() > TIME {
            break;
        }
    }
    measure.report(&format!("PostgreSQL, bare, groups of {size}"), stored, size as f64);
}
