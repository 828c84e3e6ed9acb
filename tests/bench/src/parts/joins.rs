//! What does it cost when many enter one room at once?
//!
//! 1,000 users, each with a connection that is open and authenticated: the first of them is in a shared room when the
//! others ask to enter it, all at the same moment. Every one of them gets the list of the members in the answer, and is
//! told of those who come after. The bare server
//! has no members: it takes the same connections into a conversation.

use crate::Result;
use crate::bench::Bench;
use crate::connection::Connection;
use crate::figures::micros_each;
use crate::place::{Dialect, Place};
use crate::report::{Figures, Measure, Row};
use crate::subject::{Kind, Subject};
use parlor_protocol::ConversationId;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long it may take until all are in and know of each other.
const WITHIN: Duration = Duration::from_secs(60);

const JOINED: Measure = Measure::new("until all are in", "ms");
const CPU: Measure = Measure::new("server CPU a join", "µs");
const ANSWER: Measure = Measure::new("answer to each, mean", "KiB");
const TOLD: Measure = Measure::new("until the first knows of all", "ms");
const PRESENCE: Measure = Measure::new("presence to each, mean", "KiB");

/// Runs the case.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let users = bench.size(1_000, 50);
    let case = format!("joins: {users} users at once");
    bench
        .side_by_side(&case, bench.rounds, Kind::Bare, async |kind| {
            bench.with(kind, &[], async |subject| measure(subject, kind, users).await).await
        })
        .await
}

/// What the connections were told so far.
#[derive(Default)]
struct Tally {
    answers: Cell<u64>,
    answer_bytes: Cell<u64>,
    presence_bytes: Cell<u64>,
    /// Whom the first one knows to be there.
    known: RefCell<HashSet<String>>,
    changed: Notify,
}

async fn measure(subject: &Subject, kind: Kind, users: usize) -> Result<Figures> {
    let place = match kind {
        Kind::Parlor => Place::Room("bench".parse()?),
        _ => Place::Conversation(ConversationId::new()),
    };
    let mut connections = Vec::with_capacity(users);
    for user in 0..users {
        connections.push(subject.connect(place.dialect(), user, user).await?);
    }
    let tally = Rc::new(Tally::default());
    let mut tasks = JoinSet::new();
    let mut connections = connections.into_iter();
    if let Some(first) = connections.next() {
        tasks.spawn_local(enter(first, place.clone(), true, Rc::clone(&tally)));
    }
    wait_until(&tally, || tally.answers.get() == 1).await?;
    let (cpu, began) = (subject.process.cpu()?, Instant::now());
    for connection in connections {
        tasks.spawn_local(enter(connection, place.clone(), false, Rc::clone(&tally)));
    }
    wait_until(&tally, || tally.answers.get() == users as u64).await?;
    let joined = began.elapsed();
    let mut figures = vec![(JOINED, millis(joined))];
    let each = |bytes: u64| bytes as f64 / users as f64 / 1024.0;
    if place.dialect() == Dialect::Rooms {
        wait_until(&tally, || tally.known.borrow().len() == users).await?;
        figures.push((TOLD, millis(began.elapsed())));
        figures.push((PRESENCE, each(tally.presence_bytes.get())));
    }
    figures.push((ANSWER, each(tally.answer_bytes.get())));
    figures.push((CPU, micros_each(subject.process.cpu()?.saturating_sub(cpu), users as u64)));
    match tasks.try_join_next() {
        Some(ended) => Err(ended?.err().unwrap_or_else(|| "a connection has ended".into())),
        None => Ok(figures),
    }
}

async fn wait_until(tally: &Tally, done: impl Fn() -> bool) -> Result<()> {
    let wait = async {
        while !done() {
            tally.changed.notified().await;
        }
    };
    timeout(WITHIN, wait).await.map_err(|_| {
        let (answers, known) = (tally.answers.get(), tally.known.borrow().len());
        format!("after {WITHIN:?} {answers} have their answers, and the first knows of {known}").into()
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Asks to enter, and counts what comes.
async fn enter(mut connection: Connection, place: Place, is_first: bool, tally: Rc<Tally>) -> Result<()> {
    let (join, answer) = place.join();
    let answer = format!(r#"{{"type":"{answer}""#);
    connection.send(&join).await?;
    loop {
        connection
            .read(&mut |payload| {
                let length = payload.len() as u64;
                if payload.starts_with(answer.as_bytes()) {
                    tally.answers.set(tally.answers.get() + 1);
                    tally.answer_bytes.set(tally.answer_bytes.get() + length);
                } else if payload.starts_with(br#"{"type":"presence""#) {
                    tally.presence_bytes.set(tally.presence_bytes.get() + length);
                }
                if is_first {
                    tally.known.borrow_mut().extend(told(payload));
                }
            })
            .await?;
        tally.changed.notify_one();
    }
}

/// Whom a frame says to be there.
fn told(payload: &[u8]) -> Vec<String> {
    // What is no JSON fails the run by what is never known.
    let frame: Value = serde_json::from_slice(payload).unwrap_or_default();
    let data = &frame["data"];
    let changes = data["changes"].as_array().into_iter().flatten().chain([data]);
    let online = changes.filter(|change| change["status"] == "online").map(|change| &change["user_id"]);
    let listed = data["online"].as_array().into_iter().flatten();
    listed.chain(online).filter_map(|user| user.as_str().map(str::to_owned)).collect()
}
