//! How soon is it there, what does it hold when nobody is, and how fast does it take back those who missed nothing?

use crate::Result;
use crate::bench::Bench;
use crate::connection::Connection;
use crate::figures::micros_each;
use crate::place::Place;
use crate::report::{Bound, Figures, Measure, Row};
use crate::subject::{Data, Kind, Subject, join};
use parlor_protocol::ConversationId;
use parlor_protocol::conversations::{ClientFrame, Position, Resume, ServerFrame};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Connections that resume again and again.
const RESUMING: usize = 16;

const READY: Measure = Measure::new("start to ready", "ms").value(Bound::AtMost(200.0));
const MEMORY: Measure = Measure::new("memory, no connection", "MiB").value(Bound::AtMost(30.0));
const RESUMES: Measure = Measure::new("resumes, nothing missed", "1/s").value(Bound::AtLeast(10_000.0));
const CPU: Measure = Measure::new("server CPU a resume", "µs");

/// Runs both cases.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = bench
        .side_by_side("start: empty data folder", bench.rounds, Kind::Bare, async |kind| {
            let subject = bench.start(kind, &[], Data::Nothing).await?;
            sleep(Duration::from_secs(1)).await;
            let memory = subject.process.resident()? as f64 / f64::from(1 << 20);
            let ready = subject.process.ready_after.as_secs_f64() * 1e3;
            Ok(vec![(READY, ready), (MEMORY, memory)])
        })
        .await?;
    let case = format!("resume: {RESUMING} connections, one after the other");
    rows.extend(
        bench
            .side_by_side(&case, bench.rounds, Kind::Bare, async |kind| {
                bench.with(kind, &[], async |subject| resume(bench, subject).await).await
            })
            .await?,
    );
    Ok(rows)
}

async fn resume(bench: &Bench, subject: &Subject) -> Result<Figures> {
    let conversation = subject.new_conversation(0).await?;
    let count = Rc::new(Cell::new(0));
    let mut tasks = JoinSet::new();
    let place = Place::Conversation(conversation);
    for mut connection in subject.join_all(&vec![(0, place.clone()); RESUMING]).await? {
        let head = join(&mut connection, &place).await?;
        tasks.spawn_local(resume_for_ever(connection, conversation, head, Rc::clone(&count)));
    }
    sleep(bench.warm_up()).await;
    let (before, used, began) = (count.get(), subject.process.cpu()?, Instant::now());
    sleep(bench.window).await;
    let (count, used) = (count.get() - before, subject.process.cpu()?.saturating_sub(used));
    let seconds = began.elapsed().as_secs_f64();
    if let Some(ended) = tasks.try_join_next() {
        ended??;
    }
    if count == 0 {
        return Err("nothing was resumed".into());
    }
    Ok(vec![(RESUMES, count as f64 / seconds), (CPU, micros_each(used, count))])
}

async fn resume_for_ever(
    mut connection: Connection,
    conversation_id: ConversationId,
    head: u64,
    count: Rc<Cell<u64>>,
) -> Result<()> {
    let position = Position { conversation_id, seq: head, epoch: None };
    let frame = ClientFrame::Resume(Resume { positions: vec![position] });
    let first = connection.ask(&frame, "resumed").await?;
    match serde_json::from_slice(&first)? {
        ServerFrame::Resumed(resumed) if resumed.recovered && resumed.last_seq == head => {}
        other => return Err(format!("not resumed at the head: {other:?}").into()),
    }
    loop {
        connection.ask(&frame, "resumed").await?;
        count.set(count.get() + 1);
    }
}
