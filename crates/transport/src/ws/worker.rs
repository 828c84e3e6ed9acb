//! The connection of an AI worker that was let in.
//!
//! One task runs three things, as for a user: the input (frames become reports, one after the other), the output (orders
//! and answers become writes) and the clock. Nothing is kept for a worker that does not read: while its answers wait,
//! its next frames wait in its own socket, and the domain gives its turns to others. When the task ends, so does the
//! link, and its turns go elsewhere.

use super::closing::End;
use super::connection::{Connection, MAX_FRAME};
use super::io::Tap;
use super::life::Pulse;
use super::reader::{Assembly, Burst, Received};
use super::writer::{Encoded, Writer};
use crate::dialect::{FromWorker, WorkerDialect};
use crate::frame;
use bytes::Bytes;
use fastwebsockets::OpCode;
use futures_util::FutureExt;
use parlor_domain::{CloseCode, Hub, WorkerLink, WorkerOrders};
use std::future::pending;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// How many answers may wait for the output; the next frame is read when there is room.
const ANSWERS: usize = 16;
/// How much goes into one write at most, but for its last frame. Bytes.
const BATCH: usize = 256 * 1024;
/// So many frames that make no sense are flooding...
const NONSENSE: u32 = 1_000;
/// ...in so much time.
const NONSENSE_WINDOW: Duration = Duration::from_secs(60);

/// A worker on its socket.
pub(super) struct WorkerSocket {
    pub(super) name: String,
    pub(super) dialect: &'static dyn WorkerDialect,
    pub(super) link: WorkerLink,
    pub(super) orders: WorkerOrders,
}

impl WorkerSocket {
    /// Serves the worker until its connection is to be closed.
    pub(super) async fn serve(
        self,
        connection: &Connection,
        tap: &mut Tap,
        assembly: &mut Assembly,
        writer: &mut Writer,
    ) -> End {
        let Self { name, dialect, link, orders } = self;
        let (hub, heartbeat) = (&connection.hub, connection.timing.heartbeat);
        let id = link.connection();
        tracing::info!(connection = %id, %name, "a worker came");
        writer.add(Encoded::Own(dialect.welcome(&name, hub.now())));
        let (answers, answered) = mpsc::channel(ANSWERS);
        let pulse = Pulse::new();
        let mut output = Output { dialect, orders, more: true, answered };
        let mut input = Input { dialect, link, answers: answers.clone(), nonsense: Nonsense::default() };
        let end = tokio::select! {
            biased;
            end = output.run(writer, &pulse, heartbeat.map(|interval| interval * 2)) => end,
            end = input.run(tap, assembly, &pulse) => end,
            end = clock(hub, heartbeat, &pulse, &answers) => end,
        };
        if matches!(&end, End::Ours(close) if close.code == CloseCode::TooSlow) {
            writer.give_up();
        } else {
            output.rest(writer);
        }
        tracing::info!(connection = %id, %name, "a worker went");
        end
    }
}

/// Frames become reports.
struct Input {
    dialect: &'static dyn WorkerDialect,
    link: WorkerLink,
    answers: mpsc::Sender<Bytes>,
    nonsense: Nonsense,
}

impl Input {
    async fn run(&mut self, tap: &mut Tap, assembly: &mut Assembly, pulse: &Pulse) -> End {
        loop {
            let Ok(mut burst) = Burst::begin(tap, assembly, MAX_FRAME).await else { return End::Lost };
            loop {
                let answer = match burst.next().await {
                    Ok(Received::Text(text)) => self.message(&text),
                    Ok(Received::Ping(payload)) => Ok(Some(frame::control(OpCode::Pong, &payload))),
                    Ok(Received::Pong(_)) => Ok(None),
                    Ok(Received::Binary(_)) => Err(CloseCode::Unsupported.into()),
                    Ok(Received::Close(code)) => Err(End::Client(code)),
                    Err(ended) => Err(ended.into()),
                };
                pulse.saw();
                match answer {
                    Ok(None) => {}
                    Ok(Some(answer)) => {
                        pulse.set_busy(true);
                        // The output takes them for as long as this runs.
                        let _ = self.answers.send(answer).await;
                        pulse.set_busy(false);
                    }
                    Err(end) => return end,
                }
                if burst.at_rest() {
                    break;
                }
            }
        }
    }

    /// The answer to a frame, if it has one.
    fn message(&mut self, text: &str) -> Result<Option<Bytes>, End> {
        match self.dialect.decode(text) {
            Ok(FromWorker::Report(report)) => {
                Ok(self.link.handle(report).map(|answer| self.dialect.answer(&answer)))
            }
            Ok(FromWorker::Ping) => Ok(Some(self.dialect.pong())),
            Err(_) if self.nonsense.floods() => Err(CloseCode::Flooding.into()),
            Err(refusal) => Ok(Some(refusal)),
        }
    }
}

/// Counts frames that make no sense.
#[derive(Default)]
struct Nonsense {
    since: Option<Instant>,
    count: u32,
}

impl Nonsense {
    /// Counts one more. Whether that is too much.
    fn floods(&mut self) -> bool {
        let now = Instant::now();
        if self.since.is_none_or(|since| now - since >= NONSENSE_WINDOW) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
        self.count >= NONSENSE
    }
}

/// Orders and answers become writes.
struct Output {
    dialect: &'static dyn WorkerDialect,
    orders: WorkerOrders,
    /// Whether there will be more orders.
    more: bool,
    answered: mpsc::Receiver<Bytes>,
}

impl Output {
    /// `patience` is how long one write may take.
    async fn run(&mut self, writer: &mut Writer, pulse: &Pulse, patience: Option<Duration>) -> End {
        loop {
            let written = match patience {
                Some(patience) => timeout(patience, writer.write()).await,
                None => Ok(writer.write().await),
            };
            match written {
                Ok(Ok(())) => pulse.wrote(),
                Ok(Err(_)) => return End::Lost,
                Err(_) => return CloseCode::TooSlow.into(),
            }
            let first = self.next().await;
            let mut size = first.len();
            writer.add(Encoded::Own(first));
            while size < BATCH
                && let Some(frame) = self.next().now_or_never()
            {
                size += frame.len();
                writer.add(Encoded::Own(frame));
            }
        }
    }

    /// The next frame. Safe to drop and call again.
    async fn next(&mut self) -> Bytes {
        loop {
            tokio::select! {
                Some(answer) = self.answered.recv() => return answer,
                order = self.orders.next(), if self.more => match order {
                    Some(order) => return self.dialect.order(&order),
                    None => self.more = false,
                },
                else => pending().await,
            }
        }
    }

    /// The answers that were given and not written yet.
    fn rest(&mut self, writer: &mut Writer) {
        while let Ok(answer) = self.answered.try_recv() {
            writer.add(Encoded::Own(answer));
        }
    }
}

/// Pings, and ends the connection when the worker is silent or the server goes away.
async fn clock(hub: &Hub, heartbeat: Option<Duration>, pulse: &Pulse, frames: &mpsc::Sender<Bytes>) -> End {
    let beats = async {
        let Some(interval) = heartbeat else { return pending().await };
        for number in 1_u64.. {
            sleep(interval).await;
            if pulse.silent_for() > interval * 2 {
                break;
            }
            // Where there is no room, the output is at work, and the next one shows whether the worker reads.
            let _ = frames.try_send(frame::control(OpCode::Ping, &number.to_be_bytes()));
        }
        End::from(CloseCode::TooSlow)
    };
    tokio::select! {
        end = beats => end,
        () = hub.closing() => CloseCode::GoingAway.into(),
    }
}
