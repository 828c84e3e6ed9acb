//! One run: streams that go on at their rate, a window in which their tokens are timed, and then, while they still go
//! on, replies that are asked for one after the other, whose first tokens are timed.

use super::client::Client;
use super::table;
use crate::Result;
use crate::bench::Bench;
use crate::figures::{micros_each, percentile};
use crate::provider::Pace;
use crate::report::Figures;
use crate::stamp;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long it may take until every stream has begun.
const BEGIN_WITHIN: Duration = Duration::from_secs(30);
/// Streams end with the run; this is longer than any takes.
const STREAM: Duration = Duration::from_mins(5);
/// A reply of which the first token is timed.
const SHORT: Pace = Pace { tokens: 2, every: Duration::from_millis(1) };
/// How many of them go before, untimed: then connections are open, as they are in a server that is in use.
const WARM_UP: usize = 3;

/// What is streamed, and for how long.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// At the same time.
    pub(super) streams: usize,
    pace: Pace,
    /// Over how much time they begin, so that their tokens are spread evenly.
    spread: Duration,
    /// How long tokens are timed.
    window: Duration,
    /// How long first tokens are.
    probing: Duration,
    /// Whether a rate that was not kept is an error.
    strict: bool,
}

impl Shape {
    pub(super) fn new(streams: usize, tokens_a_second: u32, bench: &Bench) -> Self {
        let every = Duration::from_secs(1) / tokens_a_second;
        let tokens = (STREAM.as_secs_f64() / every.as_secs_f64()) as usize;
        Self {
            streams,
            pace: Pace { tokens, every },
            spread: bench.window / 8,
            window: bench.window / 2,
            probing: bench.window / 5,
            strict: !bench.quick,
        }
    }

    /// How many tokens should come in the window.
    fn expected(self) -> f64 {
        self.streams as f64 * self.window.as_secs_f64() / self.pace.every.as_secs_f64()
    }
}

/// What the streams have to tell.
#[derive(Default)]
struct Record {
    begun: Cell<usize>,
    /// Whether tokens are timed now.
    open: Cell<bool>,
    /// How long tokens were under way, in nanoseconds.
    delays: RefCell<Vec<u64>>,
}

/// Runs all of it with the first clients as streams and the last one asking for first tokens. `cpu` tells what the
/// server has used.
pub(super) async fn run(
    mut clients: Vec<Client>,
    shape: Shape,
    cpu: impl Fn() -> Result<Duration>,
) -> Result<Figures> {
    let mut prober = clients.pop().ok_or("no client")?;
    let record = Rc::new(Record::default());
    let mut streams = JoinSet::new();
    for (index, client) in clients.into_iter().enumerate() {
        streams.spawn_local(stream(client, shape, index, Rc::clone(&record)));
    }
    let measure = async {
        for _ in 0..WARM_UP {
            prober.follow(SHORT, |_, _| {}).await?;
        }
        timeout(BEGIN_WITHIN, all_begun(&record, shape)).await.map_err(|_| "not every stream has begun")?;
        sleep(shape.spread / 4).await;
        let used = window(&record, shape, &cpu).await?;
        let first = probe(&mut prober, shape.probing).await?;
        figures(&record, shape, used, first)
    };
    // Streams outlast the measuring, and end when they are dropped here.
    tokio::select! {
        figures = measure => figures,
        Some(ended) = streams.join_next() => Err(ended?.err().unwrap_or_else(|| "a stream ended".into())),
    }
}

async fn stream(mut client: Client, shape: Shape, index: usize, record: Rc<Record>) -> Result<()> {
    sleep(shape.spread.mul_f64(index as f64 / shape.streams as f64)).await;
    let mut begun = false;
    let took = |written, read: u64| {
        if !std::mem::replace(&mut begun, true) {
            record.begun.set(record.begun.get() + 1);
        }
        if record.open.get() {
            record.delays.borrow_mut().push(read - written);
        }
    };
    client.follow(shape.pace, took).await
}

async fn all_begun(record: &Record, shape: Shape) {
    while record.begun.get() < shape.streams {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Times tokens. What the server has used meanwhile.
async fn window(record: &Record, shape: Shape, cpu: &impl Fn() -> Result<Duration>) -> Result<Duration> {
    let before = cpu()?;
    record.open.set(true);
    sleep(shape.window).await;
    record.open.set(false);
    Ok(cpu()?.saturating_sub(before))
}

/// Times first tokens, from before the request is written.
async fn probe(prober: &mut Client, time: Duration) -> Result<Vec<u64>> {
    let (mut first, until) = (Vec::new(), Instant::now() + time);
    while Instant::now() < until || first.is_empty() {
        let (began, mut seen) = (stamp::now(), false);
        let took = |_, read| {
            if !std::mem::replace(&mut seen, true) {
                first.push(read - began);
            }
        };
        prober.follow(SHORT, took).await?;
    }
    Ok(first)
}

/// Error: the tokens did not come at their rate, so that the load was another one.
fn figures(record: &Record, shape: Shape, used: Duration, mut first: Vec<u64>) -> Result<Figures> {
    let mut delays = record.delays.take();
    let (taken, expected) = (delays.len(), shape.expected());
    if delays.is_empty() || (shape.strict && (taken as f64) < expected * 0.9) {
        return Err(format!("{taken} tokens in the window instead of {expected:.0}: too slow").into());
    }
    Ok(vec![
        (table::CHUNK_P50, percentile(&mut delays, 0.5) / 1e3),
        (table::CHUNK_P99, percentile(&mut delays, 0.99) / 1e3),
        (table::FIRST_P50, percentile(&mut first, 0.5) / 1e6),
        (table::FIRST_P99, percentile(&mut first, 0.99) / 1e6),
        (table::CPU, micros_each(used, taken as u64)),
    ])
}
