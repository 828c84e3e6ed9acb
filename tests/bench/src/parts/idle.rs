//! What does a connection cost that only waits?
//!
//! 10,000 connections that have authenticated and joined a conversation, or a room of 1,000 members: the growth of
//! the server's resident memory, taken when two heartbeats have passed.

use crate::Result;
use crate::bench::Bench;
use crate::place::Place;
use crate::report::{Bound, Figures, Measure, Row};
use crate::subject::{HEARTBEAT, Kind, Subject};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

const MEMORY: Measure = Measure::new("memory a connection", "KiB").value(Bound::AtMost(8.0));
const PINGS: Measure = Measure::new("pings to each", "count");

/// Runs both cases once: memory hardly differs from run to run.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let count = bench.size(10_000, 200);
    let users = bench.size(1_000, 20);
    let heartbeat = bench.size(5, 1);
    let environment = [(HEARTBEAT, heartbeat.to_string())];
    let settle = Duration::from_secs(heartbeat as u64).mul_f64(2.5);
    let mut rows = Vec::new();
    for in_room in [false, true] {
        let place = if in_room { format!(" in a room of {users}") } else { String::new() };
        let case = format!("idle: {count} connections{place}");
        let beside = bench
            .side_by_side(&case, 1, Kind::Bare, async |kind| {
                let in_room = in_room && kind == Kind::Parlor;
                bench
                    .with(kind, &environment, async |subject| {
                        let members = members(subject, count, in_room.then_some(users)).await?;
                        measure(subject, &members, settle).await
                    })
                    .await
            })
            .await?;
        rows.extend(beside);
    }
    Ok(rows)
}

/// One user's connections in a conversation, or those of `users` in a room.
async fn members(subject: &Subject, count: usize, users: Option<usize>) -> Result<Vec<(usize, Place)>> {
    match users {
        Some(users) => {
            let room = Place::Room("bench".parse()?);
            Ok((0..count).map(|index| (index % users, room.clone())).collect())
        }
        None => Ok(vec![(0, Place::Conversation(subject.new_conversation(0).await?)); count]),
    }
}

async fn measure(subject: &Subject, members: &[(usize, Place)], settle: Duration) -> Result<Figures> {
    sleep(Duration::from_secs(1)).await;
    let before = subject.process.resident()?;
    let pings = Rc::new(Cell::new(0));
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    for mut connection in subject.join_all(members).await? {
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
    let each = |value: u64| value as f64 / members.len() as f64;
    Ok(vec![(MEMORY, each(grown) / 1024.0), (PINGS, each(pings.get()))])
}
