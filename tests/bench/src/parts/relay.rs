//! How much later does a client see a token because the server stands between it and the provider?
//!
//! The provider writes the moment into each token; a client of the server and a client of the provider itself read
//! it. The difference of the two is the server's.

use crate::Result;
use crate::bench::Bench;
use crate::connection::Connection;
use crate::figures::{micros_each, percentile};
use crate::place::Place;
use crate::provider::{Pace, Provider};
use crate::report::{Bound, Figures, Measure, Row};
use crate::stamp;
use crate::subject::{Kind, Subject};
use parlor_protocol::ConversationId;
use parlor_protocol::conversations::{ClientFrame, SendMessage};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a stream may stand still.
const SILENCE: Duration = Duration::from_secs(10);

const P50: Measure = Measure::new("chunk to client p50", "µs");
const P99: Measure = Measure::new("chunk to client p99", "µs").value(Bound::AtMost(100.0));
const ADDED: Measure = Measure::new("added p99", "µs").value(Bound::AtMost(300.0));
const FIRST: Measure = Measure::new("first token p50", "ms");
const FIRST_ADDED: Measure = Measure::new("added to the first token p50", "ms").value(Bound::AtMost(1.0));
const CPU: Measure = Measure::new("server CPU a token", "µs").value(Bound::AtMost(20.0));

/// What is streamed.
#[derive(Clone, Copy)]
struct Shape {
    /// At the same time.
    streams: usize,
    /// One after the other in each.
    turns: usize,
    pace: Pace,
    what: What,
}

/// Which figures are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Tokens,
    TokensAndCpu,
    FirstToken,
}

/// Runs all shapes.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let seconds = bench.window.as_secs_f64() * 2.5;
    let streams = bench.size(64, 8);
    let turns = bench.size(50, 5);
    let pace = |tokens_a_second: f64| Pace {
        tokens: (seconds * tokens_a_second).ceil() as usize,
        every: Duration::from_secs_f64(1.0 / tokens_a_second),
    };
    let short = Pace { tokens: 3, every: Duration::from_millis(5) };
    let shapes = [
        ("1 stream × 50 tokens/s".to_owned(), 1, 1, pace(50.0), What::Tokens),
        (format!("{streams} streams × 20 tokens/s"), streams, 1, pace(20.0), What::TokensAndCpu),
        (format!("{turns} turns, one after the other"), 1, turns, short, What::FirstToken),
    ];
    let provider = Provider::start()?;
    let environment = [
        ("OPENAI_BASE_URL", format!("http://{}/v1", provider.address)),
        ("OPENAI_API_KEY", "bench".to_owned()),
        ("OPENAI_MODEL", "bench".to_owned()),
    ];
    let mut rows = Vec::new();
    for (case, streams, turns, pace, what) in shapes {
        let shape = Shape { streams, turns, pace, what };
        let case = format!("relay: {case}");
        // The reference has no server: the client reads the provider.
        let side = async |kind| match kind {
            Kind::Parlor => bench.with(kind, &environment, async |parlor| through(parlor, shape).await).await,
            _ => directly(provider.address, shape).await,
        };
        let mut beside = bench.side_by_side(&case, bench.rounds, Kind::Bare, side).await?;
        let added: Vec<_> = beside.iter().filter_map(difference).collect();
        beside.extend(added);
        rows.extend(beside);
    }
    Ok(rows)
}

/// What the server adds to the figure that a row has of both sides.
fn difference(row: &Row) -> Option<Row> {
    let measure = match row.measure.name {
        name if name == P99.name => ADDED,
        name if name == FIRST.name => FIRST_ADDED,
        _ => return None,
    };
    let added = row.parlor? - row.reference?;
    Some(Row { case: row.case.clone(), measure, parlor: Some(added), reference: None })
}

/// What the streams of one run gave, in nanoseconds.
#[derive(Default)]
struct Samples {
    tokens: Vec<u64>,
    first: Vec<u64>,
}

impl Samples {
    /// Takes the stamps in `bytes`, which have just arrived; `began` is when the turn was asked for.
    fn take(&mut self, bytes: &[u8], began: u64, seen: &mut usize) {
        let now = stamp::now();
        for written in stamp::stamps(bytes) {
            if *seen == 0 {
                self.first.push(now - began);
            }
            *seen += 1;
            self.tokens.push(now - written);
        }
    }

    fn figures(mut self, shape: Shape, cpu: Option<Duration>) -> Figures {
        if shape.what == What::FirstToken {
            return vec![(FIRST, percentile(&mut self.first, 0.5) / 1e6)];
        }
        let mut figures = vec![
            (P50, percentile(&mut self.tokens, 0.5) / 1e3),
            (P99, percentile(&mut self.tokens, 0.99) / 1e3),
        ];
        if let Some(cpu) = cpu.filter(|_| shape.what == What::TokensAndCpu) {
            figures.push((CPU, micros_each(cpu, self.tokens.len() as u64)));
        }
        figures
    }
}

async fn through(parlor: &Subject, shape: Shape) -> Result<Figures> {
    let mut members = Vec::new();
    for user in 0..shape.streams {
        members.push((user, parlor.new_conversation(user).await?));
    }
    let places: Vec<_> = members.iter().map(|(user, id)| (*user, Place::Conversation(*id))).collect();
    let mut connections = parlor.join_all(&places).await?;
    // One turn beforehand: connections to the provider are open, as they are in a server that is in use.
    let short = Pace { tokens: 2, every: Duration::from_millis(1) };
    for (connection, (_, conversation)) in connections.iter_mut().zip(&members) {
        follow(connection, *conversation, short, &mut Samples::default()).await?;
    }
    let before = parlor.process.cpu()?;
    let mut tasks = JoinSet::new();
    for (index, (mut connection, (_, conversation))) in connections.into_iter().zip(members).enumerate() {
        tasks.spawn_local(async move {
            sleep(stagger(shape, index)).await;
            let mut samples = Samples::default();
            for _ in 0..shape.turns {
                follow(&mut connection, conversation, shape.pace, &mut samples).await?;
            }
            Ok(samples)
        });
    }
    let samples = collect(tasks).await?;
    let cpu = parlor.process.cpu()?.saturating_sub(before);
    Ok(samples.figures(shape, Some(cpu)))
}

/// Asks for one turn and reads it to its end.
async fn follow(
    connection: &mut Connection,
    conversation: ConversationId,
    pace: Pace,
    samples: &mut Samples,
) -> Result<()> {
    let (began, mut seen, mut complete) = (stamp::now(), 0, false);
    let prompt = SendMessage {
        conversation_id: Some(conversation),
        content: pace.prompt(),
        message_type: "user".to_owned(),
        client_message_id: None,
        assistant_id: None,
    };
    connection.send(&ClientFrame::SendMessage(prompt)).await?;
    while !complete {
        let mut each = |payload: &[u8]| {
            if payload.starts_with(br#"{"type":"stream_content""#) {
                samples.take(payload, began, &mut seen);
            }
            complete |= payload.starts_with(br#"{"type":"stream_complete""#);
        };
        timeout(SILENCE, connection.read(&mut each)).await.map_err(|_| "the stream stands still")??;
    }
    whole(seen, pace)
}

async fn directly(provider: SocketAddr, shape: Shape) -> Result<Figures> {
    let mut tasks = JoinSet::new();
    for index in 0..shape.streams {
        tasks.spawn_local(async move {
            let mut stream = TcpStream::connect(provider).await?;
            stream.set_nodelay(true)?;
            sleep(stagger(shape, index)).await;
            let mut samples = Samples::default();
            for _ in 0..shape.turns {
                follow_directly(&mut stream, provider, shape.pace, &mut samples).await?;
            }
            Ok(samples)
        });
    }
    Ok(collect(tasks).await?.figures(shape, None))
}

async fn follow_directly(
    stream: &mut TcpStream,
    provider: SocketAddr,
    pace: Pace,
    samples: &mut Samples,
) -> Result<()> {
    let (began, mut seen) = (stamp::now(), 0);
    let body = format!(
        r#"{{"model":"bench","stream":true,"messages":[{{"role":"user","content":"{}"}}]}}"#,
        pace.prompt()
    );
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {provider}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::with_capacity(64 * 1024);
    let mut taken = 0;
    while !bytes.ends_with(b"\r\n0\r\n\r\n") {
        if timeout(SILENCE, stream.read_buf(&mut bytes)).await.map_err(|_| "the stream stands still")?? == 0 {
            return Err("the provider ended the stream".into());
        }
        // Only whole lines: a stamp may be cut in two.
        if let Some(line) = memchr::memrchr(b'\n', &bytes[taken..]) {
            samples.take(&bytes[taken..=taken + line], began, &mut seen);
            taken += line + 1;
        }
    }
    whole(seen, pace)
}

fn whole(seen: usize, pace: Pace) -> Result<()> {
    if seen == pace.tokens { Ok(()) } else { Err(format!("{seen} tokens of {}", pace.tokens).into()) }
}

/// Streams do not begin all at once, so that their tokens are spread evenly.
fn stagger(shape: Shape, index: usize) -> Duration {
    shape.pace.every.mul_f64(index as f64 / shape.streams as f64)
}

async fn collect(mut tasks: JoinSet<Result<Samples>>) -> Result<Samples> {
    let mut all = Samples::default();
    while let Some(ended) = tasks.join_next().await {
        let samples = ended??;
        all.tokens.extend(samples.tokens);
        all.first.extend(samples.first);
    }
    Ok(all)
}
