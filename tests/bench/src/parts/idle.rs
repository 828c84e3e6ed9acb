//! What does a connection cost that only waits?
//!
//! 10,000 connections that have authenticated and joined a conversation: the growth of the server's resident
//! memory, taken when two heartbeats have passed.

use crate::Result;
use crate::bench::Bench;
use crate::report::{Bound, Figures, Measure, Row};
use crate::subject::{HEARTBEAT, Kind, Subject};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

const MEMORY: Measure = Measure::new("memory a connection", "KiB").value(Bound::AtMost(8.0));
const PINGS: Measure = Measure::new("pings to each", "count");

/// Runs the case once: memory hardly differs from run to run.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let count = bench.size(10_000, 200);
    let heartbeat = bench.size(5, 1);
    let case = format!("idle: {count} connections");
    let environment = [(HEARTBEAT, heartbeat.to_string())];
    bench
        .side_by_side(&case, 1, Kind::Bare, async |kind| {
            let settle = Duration::from_secs(heartbeat as u64).mul_f64(2.5);
            bench.with(kind, &environment, async |subject| measure(subject, count, settle).await).await
        })
        .await
}

async fn measure(subject: &Subject, count: usize, settle: Duration) -> Result<Figures> {
    let conversation = subject.new_conversation(0).await?;
    sleep(Duration::from_secs(1)).await;
    let before = subject.process.resident()?;
    let pings = Rc::new(Cell::new(0));
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    for mut connection in subject.join_all(&vec![(0, conversation); count]).await? {
        let pings = Rc::clone(&pings);
        tasks.spawn_local(async move {
            loop {
                let seen = connection.pings();
                connection.read(&mut |_| {}).await?;
                pings.set(pings.get() + connection.pings() - seen);
            }
        });
    }
    sleep(settle).await;
    let grown = subject.process.resident()?.saturating_sub(before);
    if let Some(ended) = tasks.try_join_next() {
        ended??;
    }
    let each = |value: u64| value as f64 / count as f64;
    Ok(vec![(MEMORY, each(grown) / 1024.0), (PINGS, each(pings.get()))])
}
