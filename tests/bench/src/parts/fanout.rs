//! What does it cost to give one message to many?
//!
//! One conversation with 100 and with 1,000 readers and 200 conversations with 5 connections each, as fast as the
//! server goes; and 100 readers at a fixed rate, where latency means something. A delivery is one message on one
//! connection; the sender's own copy or confirmation, which acknowledges the message, is one too.
//!
//! The same again with shared rooms, each connection a member of its own; and with one room of which every member has
//! two connections, one in each dialect. The bare server speaks one dialect only, and is the reference of all.

use crate::Result;
use crate::bench::Bench;
use crate::connection::{Connection, Writer};
use crate::figures::{micros_each, percentile};
use crate::frame::Template;
use crate::place::{Place, is_delivery};
use crate::report::{Bound, Figures, Measure, Row};
use crate::stamp;
use crate::subject::{Kind, Subject};
use parlor_protocol::RoomId;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// The length of each message's text, in bytes.
const CONTENT: usize = 200;
/// One delivery in so many has its latency taken.
const SAMPLED: u64 = 8;

const RATE: Measure = Measure::new("deliveries", "1/s");
const CPU: Measure = Measure::new("server CPU a delivery", "µs");
const P50: Measure = Measure::new("latency p50", "ms");
const P99: Measure = Measure::new("latency p99", "ms").value(Bound::AtMost(2.0));

/// What is sent to whom.
#[derive(Clone, Copy)]
struct Shape {
    spoken: Spoken,
    rooms: usize,
    /// Connections in each; the first also sends.
    members: usize,
    pace: Pace,
    cpu: Measure,
}

/// What the connections speak.
#[derive(Clone, Copy)]
enum Spoken {
    /// All of them `conversations`; those of a conversation are one user's.
    Conversations,
    /// All of them `rooms`; each is another user's.
    Rooms,
    /// Half of them the one and half the other, in one room; each member has both.
    Both,
}

#[derive(Clone, Copy)]
enum Pace {
    /// Each sender keeps so many messages on their way: sent, and not yet with every member.
    Outstanding(u64),
    /// So many deliveries a second, over all rooms.
    Deliveries(u64),
}

/// Runs all shapes.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let saturated = CPU.ratio(Bound::AtMost(1.25)).value(Bound::AtMost(0.55));
    let outstanding = Pace::Outstanding(64);
    let small = bench.size(100, 20);
    let large = bench.size(1_000, 50);
    let rooms = bench.size(200, 10);
    let steady = CPU.value(Bound::AtMost(4.0));
    let even = Pace::Deliveries(10_000);
    let (one, all) = (Spoken::Conversations, Spoken::Rooms);
    let shapes = [
        (format!("1 conversation × {small} readers, saturated"), one, 1, small + 1, outstanding, saturated),
        (format!("1 room × {small} readers, saturated"), all, 1, small + 1, outstanding, saturated),
        (format!("1 conversation × {large} readers, saturated"), one, 1, large + 1, outstanding, saturated),
        (format!("1 room × {large} readers, saturated"), all, 1, large + 1, outstanding, saturated),
        (format!("both dialects × {large}, saturated"), Spoken::Both, 1, large, outstanding, saturated),
        (format!("{small} readers, 10,000 deliveries/s"), one, 1, small + 1, even, steady),
        (format!("{small} readers in a room, 10,000 deliveries/s"), all, 1, small + 1, even, steady),
        (format!("{rooms} conversations × 5, saturated"), one, rooms, 5, Pace::Outstanding(4), steady),
        (format!("{rooms} rooms × 5, saturated"), all, rooms, 5, Pace::Outstanding(4), steady),
    ];
    let mut rows = Vec::new();
    for (case, spoken, rooms, members, pace, cpu) in shapes {
        let case = format!("fanout: {case}");
        rows.extend(
            bench
                .side_by_side(&case, bench.rounds, Kind::Bare, async |kind| {
                    let spoken = if kind == Kind::Parlor { spoken } else { Spoken::Conversations };
                    let shape = Shape { spoken, rooms, members, pace, cpu };
                    bench.with(kind, &[], async |subject| measure(bench, subject, shape).await).await
                })
                .await?,
        );
    }
    Ok(rows)
}

/// How far the members of one room are.
#[derive(Default)]
struct Gate {
    delivered: Cell<u64>,
    /// The sender sleeps until so many deliveries were made.
    wake_at: Cell<u64>,
    opened: Notify,
}

/// What is taken of all rooms.
#[derive(Default)]
struct Tally {
    delivered: Cell<u64>,
    sampling: Cell<bool>,
    latencies: RefCell<Vec<u64>>,
}

async fn measure(bench: &Bench, subject: &Subject, shape: Shape) -> Result<Figures> {
    let tally = Rc::new(Tally::default());
    let mut tasks = JoinSet::new();
    start_load(subject, shape, &tally, &mut tasks).await?;
    sleep(bench.warm_up()).await;
    tally.sampling.set(matches!(shape.pace, Pace::Deliveries(_)));
    let (delivered, cpu, began) = (tally.delivered.get(), subject.process.cpu()?, Instant::now());
    sleep(bench.window).await;
    let (delivered, cpu) = (tally.delivered.get() - delivered, subject.process.cpu()?.saturating_sub(cpu));
    let seconds = began.elapsed().as_secs_f64();
    // Senders and readers go on until they are dropped: one that ended has failed.
    if let Some(ended) = tasks.try_join_next() {
        ended??;
    }
    if delivered == 0 {
        return Err("nothing was delivered".into());
    }
    let mut figures = vec![(RATE, delivered as f64 / seconds), (shape.cpu, micros_each(cpu, delivered))];
    if tally.sampling.get() {
        let mut latencies = tally.latencies.borrow_mut();
        figures.push((P50, percentile(&mut latencies, 0.5) / 1e6));
        figures.push((P99, percentile(&mut latencies, 0.99) / 1e6));
    }
    Ok(figures)
}

/// Opens every connection, then starts its reader, then a sender for each room.
async fn start_load(
    subject: &Subject,
    shape: Shape,
    tally: &Rc<Tally>,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let members = members(subject, shape).await?;
    let connections = subject.join_all(&members).await?;
    let mut senders = Vec::new();
    let gates: Vec<_> = (0..shape.rooms).map(|_| Rc::new(Gate::default())).collect();
    for (index, connection) in connections.into_iter().enumerate() {
        let room = index / shape.members;
        if index % shape.members == 0 {
            let template = Template::new(&members[index].1, room, CONTENT)?;
            senders.push((connection.writer(), template, Rc::clone(&gates[room])));
        }
        tasks.spawn_local(read(connection, Rc::clone(&gates[room]), Rc::clone(tally)));
    }
    for (writer, template, gate) in senders {
        let members = shape.members as u64;
        match shape.pace {
            Pace::Outstanding(most) => {
                tasks.spawn_local(saturate(writer, template, gate, most, members));
            }
            Pace::Deliveries(rate) => {
                let a_room = Duration::from_secs_f64((shape.rooms as u64 * members) as f64 / rate as f64);
                tasks.spawn_local(keep_pace(writer, template, a_room));
            }
        }
    }
    Ok(())
}

/// Who is connected and where, the connections of each conversation side by side. The first of them sends.
async fn members(subject: &Subject, shape: Shape) -> Result<Vec<(usize, Place)>> {
    let mut members = Vec::new();
    for number in 0..shape.rooms {
        let room: RoomId = format!("bench-{number}").parse()?;
        match shape.spoken {
            // A user a conversation: whoever takes part gets every message on all their connections.
            Spoken::Conversations => {
                let place = Place::Conversation(subject.new_conversation(number).await?);
                members.extend(std::iter::repeat_n((number, place), shape.members));
            }
            Spoken::Rooms => {
                let users = number * shape.members..(number + 1) * shape.members;
                members.extend(users.map(|user| (user, Place::Room(room.clone()))));
            }
            Spoken::Both => {
                let mut conversation = None;
                for user in 0..shape.members / 2 {
                    // Only a member may join the conversation.
                    conversation = Some(subject.conversation_of(user, &room).await?);
                }
                let place = Place::Conversation(conversation.ok_or("nobody is there")?);
                let users = 0..shape.members / 2;
                members.extend(users.clone().map(|user| (user, Place::Room(room.clone()))));
                members.extend(users.map(|user| (user, place.clone())));
            }
        }
    }
    Ok(members)
}

async fn read(mut connection: Connection, gate: Rc<Gate>, tally: Rc<Tally>) -> Result<()> {
    let mut count = 0_u64;
    loop {
        let before = count;
        connection
            .read(&mut |payload| {
                if is_delivery(payload) {
                    count += 1;
                    // A confirmation has no text, and so no stamp.
                    if count.is_multiple_of(SAMPLED)
                        && tally.sampling.get()
                        && let Some(sent) = stamp::stamps(payload).next()
                    {
                        tally.latencies.borrow_mut().push(stamp::now() - sent);
                    }
                }
            })
            .await?;
        tally.delivered.set(tally.delivered.get() + count - before);
        gate.delivered.set(gate.delivered.get() + count - before);
        if gate.delivered.get() >= gate.wake_at.get() {
            gate.opened.notify_one();
        }
    }
}

async fn saturate(
    writer: Rc<Writer>,
    mut template: Template,
    gate: Rc<Gate>,
    most: u64,
    members: u64,
) -> Result<()> {
    let mut frames = Vec::new();
    loop {
        let arrived = gate.delivered.get() / members;
        let room = (arrived + most).saturating_sub(template.count());
        // It wakes when a quarter is free again, so that it sends a few at a time, as it would over a network.
        gate.wake_at.set((template.count() + room).saturating_sub(most - most / 4) * members);
        frames.clear();
        (0..room).for_each(|_| template.push(&mut frames));
        writer.write(&frames).await?;
        if gate.delivered.get() < gate.wake_at.get() {
            gate.opened.notified().await;
        }
    }
}

async fn keep_pace(writer: Rc<Writer>, mut template: Template, every: Duration) -> Result<()> {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut frame = Vec::new();
    loop {
        ticks.tick().await;
        frame.clear();
        template.push(&mut frame);
        writer.write(&frame).await?;
    }
}
