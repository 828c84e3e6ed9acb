//! What does it cost to store a message for good and say so?
//!
//! 50 connections keep 16 messages of 200 bytes on their way each, every one in a conversation of its own and then
//! all in one. Beside two references: the bare server that stores through a bare append, and the bare append alone,
//! without sockets.

use crate::Result;
use crate::bare::{GROUP, Message, Table};
use crate::bench::{Bench, medians, rows};
use crate::connection::Connection;
use crate::figures::micros_each;
use crate::frame::{Template, marker};
use crate::place::{Place, is_delivery};
use crate::process::thread_cpu;
use crate::report::{Bound, Figures, Measure, Row};
use crate::subject::{Kind, Subject};
use memchr::memmem::Finder;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use uuid::Uuid;

/// Messages that each sender has sent and not got back.
const OUTSTANDING: usize = 16;
/// The length of each message's text, in bytes.
const CONTENT: usize = 200;

const ACKNOWLEDGED: Measure = Measure::new("acknowledged", "1/s");
const CPU: Measure = Measure::new("server CPU a message", "µs");
const STORED: Measure = Measure::new("acknowledged, beside rows inserted", "1/s").ratio(Bound::AtLeast(0.7));
const STORED_CPU: Measure = Measure::new("server CPU a message, beside a row", "µs");

/// Runs both ways.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let senders = bench.size(50, 5);
    let mut table = Vec::new();
    for own in [true, false] {
        let place = if own { "a conversation each" } else { "all in one" };
        let case = format!("sends: {senders} × {OUTSTANDING} outstanding, {place}");
        let cpu = if own { CPU.value(Bound::AtMost(12.0)) } else { CPU };
        let beside = bench
            .side_by_side(&case, bench.rounds, Kind::BareDurable, async |kind| {
                bench.with(kind, &[], async |subject| measure(bench, subject, senders, own, cpu).await).await
            })
            .await?;
        let parlor = [STORED, STORED_CPU]
            .into_iter()
            .zip(&beside)
            .filter_map(|(measure, row)| Some((measure, row.parlor?)))
            .collect();
        table.extend(beside);
        if own && bench.wants(&case) {
            table.extend(rows(&case, &parlor, &inserts(bench, senders).await?));
        }
    }
    Ok(table)
}

async fn measure(
    bench: &Bench,
    subject: &Subject,
    senders: usize,
    own: bool,
    cpu: Measure,
) -> Result<Figures> {
    let acknowledged = Rc::new(Cell::new(0));
    let mut members = Vec::new();
    for sender in 0..senders {
        // A user a conversation: whoever takes part gets every message on all their connections.
        let user = if own { sender } else { 0 };
        let known = members.iter().find(|(known, _)| *known == user).cloned();
        members.push(match known {
            Some(member) => member,
            None => (user, Place::Conversation(subject.new_conversation(user).await?)),
        });
    }
    let mut tasks = JoinSet::new();
    for (sender, connection) in subject.join_all(&members).await?.into_iter().enumerate() {
        let template = Template::new(&members[sender].1, sender, CONTENT)?;
        tasks.spawn_local(send(connection, template, marker(sender), Rc::clone(&acknowledged)));
    }
    sleep(bench.warm_up()).await;
    let (before, used, began) = (acknowledged.get(), subject.process.cpu()?, Instant::now());
    sleep(bench.window).await;
    let (count, used) = (acknowledged.get() - before, subject.process.cpu()?.saturating_sub(used));
    let seconds = began.elapsed().as_secs_f64();
    // Senders go on until they are dropped: one that ended has failed.
    if let Some(ended) = tasks.try_join_next() {
        ended??;
    }
    if count == 0 {
        return Err("nothing was acknowledged".into());
    }
    Ok(vec![(ACKNOWLEDGED, count as f64 / seconds), (cpu, micros_each(used, count))])
}

/// Sends a message for each of its own that comes back.
async fn send(
    mut connection: Connection,
    mut template: Template,
    marker: String,
    acknowledged: Rc<Cell<u64>>,
) -> Result<()> {
    let own = Finder::new(marker.as_bytes());
    let writer = connection.writer();
    let mut frames = Vec::new();
    let mut free = OUTSTANDING;
    loop {
        frames.clear();
        (0..free).for_each(|_| template.push(&mut frames));
        writer.write(&frames).await?;
        free = 0;
        connection
            .read(&mut |payload| {
                if is_delivery(payload) && own.find(payload).is_some() {
                    free += 1;
                }
            })
            .await?;
        acknowledged.set(acknowledged.get() + free as u64);
    }
}

/// The bare append alone, in groups as large as what the senders have outstanding.
async fn inserts(bench: &Bench, senders: usize) -> Result<Figures> {
    let mut runs = Vec::new();
    for _ in 0..bench.rounds {
        let window = bench.window;
        let run = spawn_blocking(move || insert_for(window, senders).map_err(|error| error.to_string()));
        let (rate, cpu) = run.await??;
        runs.push(vec![(STORED, rate), (STORED_CPU, cpu)]);
    }
    Ok(medians(&runs))
}

/// Rows a second, and microseconds of this thread's processor time a row.
fn insert_for(window: Duration, senders: usize) -> Result<(f64, f64)> {
    let folder = TempDir::with_prefix("parlor-bench-")?;
    let mut table = Table::create(&folder.path().join("bare.db"))?;
    let conversations: Vec<Uuid> = (0..senders).map(|_| Uuid::now_v7()).collect();
    let content = [b'x'; CONTENT];
    let mut count = 0_u64;
    let (cpu, began) = (thread_cpu()?, Instant::now());
    while began.elapsed() < window {
        let group: Vec<Message> = (0..GROUP.min(senders * OUTSTANDING))
            .map(|index| Message::new(&content, format!("s{index}-{count:010}").as_bytes()))
            .collect();
        table.insert(group.iter().enumerate().map(|(index, message)| {
            let seq = count / senders as u64 + (index / senders) as u64 + 1;
            (conversations[index % senders], seq, message)
        }))?;
        count += group.len() as u64;
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    Ok((rate, micros_each(thread_cpu()?.saturating_sub(cpu), count)))
}
