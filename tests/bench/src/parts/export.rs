//! What does it cost to give a session away as a file, if it is a long one?
//!
//! A session of 100,000 messages and one of 1,000, exported in every form by a reader that keeps nothing. There is no
//! bare server for this: the short session is what the long one is compared with, for what does not depend on the length
//! is the same for both. Each run has a server that was started on what another one has written, so that its memory is
//! that of a server which has done nothing else.

mod download;

use crate::Result;
use crate::bench::{Bench, medians, rows};
use crate::figures::median;
use crate::frame::{Template, marker};
use crate::place::{Dialect, Place, is_delivery};
use crate::report::{Bound, Figures, Measure, Row};
use crate::subject::{Data, Kind, Subject, join};
use download::Download;
use memchr::memmem::Finder;
use parlor_protocol::ConversationId;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

/// Messages on their way while the sessions are written.
const OUTSTANDING: usize = 256;
/// The length of each message's text, in bytes.
const CONTENT: usize = 200;
/// How often the first byte is waited for.
const FIRSTS: usize = 21;
/// Between them, and before memory is looked at: the server is to be idle.
const REST: Duration = Duration::from_millis(200);
/// Users: one for each session.
pub(crate) const USERS: usize = 2;
/// Readers that are slow together, how much each takes at once in bytes, and how often.
const SLOW: (usize, usize, Duration) = (16, 16 * 1024, Duration::from_millis(50));
/// How much of a response the kernel keeps for a slow reader, in bytes.
const SLOW_BUFFER: u32 = 16 * 1024;

const FIRST: Measure = Measure::new("first byte p50", "ms").value(Bound::AtMost(100.0));
const SLOWEST: Measure = Measure::new("first byte, slowest of 21", "ms");
const MESSAGES: Measure = Measure::new("messages", "1/s");
const BYTES: Measure = Measure::new("bytes", "MiB/s");
const BEFORE: Measure = Measure::new("memory before", "MiB");
const PEAK: Measure = Measure::new("memory at most", "MiB").ratio(Bound::AtMost(1.25));
const GROWTH: Measure = Measure::new("memory at most, beside before", "×");
const AGAIN: Measure = Measure::new("memory at most, the second time", "MiB").ratio(Bound::AtMost(1.25));
const SLOW_PEAK: Measure = Measure::new("memory at most", "MiB");
const SLOW_GROWTH: Measure = Measure::new("memory a reader", "KiB");

/// A session to export.
#[derive(Clone, Copy)]
struct Long {
    /// Whose. Each user has one: a first message that is sent again makes no other.
    user: usize,
    id: ConversationId,
    messages: usize,
}

/// A form of file, as the query names it.
#[derive(Clone, Copy)]
struct Format(&'static str);

impl Format {
    const ALL: [Self; 3] = [Self("json"), Self("md"), Self("html")];

    /// How a whole file of so many messages ends.
    fn ending(self, messages: usize) -> String {
        match self.0 {
            "json" => "],\"complete\":true}\n".to_owned(),
            "md" => format!("\n{messages} messages.\n"),
            _ => format!("<footer>{messages} messages</footer>\n</body>\n</html>\n"),
        }
    }

    fn path(self, session: Long) -> String {
        format!("/chat/sessions/{}/export?format={}", session.id, self.0)
    }
}

/// Runs all forms, and readers that are slow.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let (long, short) = (bench.size(100_000, 2_000), bench.size(1_000, 100));
    let case = |name: &str| format!("export: {long} messages beside {short}, {name}");
    let slow = format!("export: {long} messages to {} slow readers", SLOW.0);
    let wanted = Format::ALL.iter().any(|format| bench.wants(&case(format.0))) || bench.wants(&slow);
    if bench.parlor.is_none() || !wanted {
        return Ok(Vec::new());
    }
    let mut written = bench.start(Kind::Parlor, &[], Data::Users).await?;
    eprintln!("export: writing {long} messages");
    let (long, short) = (write(&written, 0, long).await?, write(&written, 1, short).await?);
    written.process.end().await?;
    let mut table = Vec::new();
    for format in Format::ALL {
        let case = case(format.0);
        if !bench.wants(&case) {
            continue;
        }
        let (mut of_long, mut of_short) = (Vec::new(), Vec::new());
        for round in 1..=bench.rounds {
            eprintln!("{case}: round {round} of {}", bench.rounds);
            of_short.push(measure(&started(bench, &written).await?, short, format).await?);
            of_long.push(measure(&started(bench, &written).await?, long, format).await?);
        }
        table.extend(rows(&case, &medians(&of_long), &medians(&of_short)));
    }
    if bench.wants(&slow) {
        let mut runs = Vec::new();
        for round in 1..=bench.rounds {
            eprintln!("{slow}: round {round} of {}", bench.rounds);
            runs.push(measure_slow(bench, &started(bench, &written).await?, long).await?);
        }
        table.extend(rows(&slow, &medians(&runs), &Vec::new()));
    }
    Ok(table)
}

/// A server on a copy of what another one has written, and at rest.
async fn started(bench: &Bench, written: &Subject) -> Result<Subject> {
    let subject = bench.start(Kind::Parlor, &[], Data::Of(written)).await?;
    sleep(5 * REST).await;
    Ok(subject)
}

/// Writes a session of so many messages.
async fn write(subject: &Subject, user: usize, messages: usize) -> Result<Long> {
    let id = subject.new_conversation(user).await?;
    let place = Place::Conversation(id);
    let mut connection = subject.connect(Dialect::Conversations, user, 0).await?;
    let (writer, marker) = (connection.writer(), marker(user));
    let (mut template, own) = (Template::new(&place, user, CONTENT)?, Finder::new(&marker));
    // The first message has made it.
    let (mut sent, mut stored) = (join(&mut connection, &place).await? as usize, 1);
    let mut frames = Vec::new();
    while stored < messages {
        frames.clear();
        let free = (OUTSTANDING - (sent - stored)).min(messages - sent);
        (0..free).for_each(|_| template.push(&mut frames));
        sent += free;
        writer.write(&frames).await?;
        let mut count = |payload: &[u8]| {
            stored += usize::from(is_delivery(payload) && own.find(payload).is_some());
        };
        connection.read(&mut count).await?;
    }
    Ok(Long { user, id, messages })
}

async fn begin(subject: &Subject, session: Long, format: Format, buffer: Option<u32>) -> Result<Download> {
    let address = subject.process.address;
    Download::begin(address, &format.path(session), subject.token(session.user)?, buffer).await
}

async fn measure(subject: &Subject, session: Long, format: Format) -> Result<Figures> {
    let before = subject.process.resident()?;
    let (first_peak, took, bytes) = whole(subject, session, format).await?;
    let (second_peak, ..) = whole(subject, session, format).await?;
    let mut firsts = Vec::with_capacity(FIRSTS);
    for _ in 0..FIRSTS {
        sleep(REST).await;
        firsts.push(begin(subject, session, format, None).await?.first_byte.as_secs_f64() * 1e3);
    }
    let slowest = firsts.iter().copied().fold(0.0, f64::max);
    Ok(vec![
        (FIRST, median(&mut firsts)),
        (SLOWEST, slowest),
        (MESSAGES, session.messages as f64 / took.as_secs_f64()),
        (BYTES, mib(bytes) / took.as_secs_f64()),
        (BEFORE, mib(before)),
        (PEAK, mib(first_peak)),
        (GROWTH, first_peak as f64 / before as f64),
        (AGAIN, mib(second_peak)),
    ])
}

/// Reads a whole export. Gives the most memory that the server had meanwhile, how long it took, and how long it is.
async fn whole(subject: &Subject, session: Long, format: Format) -> Result<(u64, Duration, u64)> {
    subject.process.forget_peak()?;
    let began = Instant::now();
    let mut download = begin(subject, session, format, None).await?;
    while download.read(usize::MAX).await? > 0 {}
    let took = began.elapsed();
    if !download.ends_with(&format.ending(session.messages))
        || download.bytes < (session.messages * CONTENT) as u64
    {
        return Err("the export is not whole".into());
    }
    Ok((subject.process.peak()?, took, download.bytes))
}

/// What many readers cost that take little at a time, through the window.
async fn measure_slow(bench: &Bench, subject: &Subject, session: Long) -> Result<Figures> {
    let (readers, piece, every) = SLOW;
    let before = subject.process.resident()?;
    subject.process.forget_peak()?;
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    for _ in 0..readers {
        let mut download = begin(subject, session, Format("json"), Some(SLOW_BUFFER)).await?;
        tasks.spawn_local(async move {
            let mut beat = interval(every);
            loop {
                beat.tick().await;
                if download.read(piece).await? == 0 {
                    return Err("a slow reader's export is at its end: it was not slow".into());
                }
            }
        });
    }
    sleep(bench.window).await;
    if let Some(ended) = tasks.try_join_next() {
        ended??;
    }
    let peak = subject.process.peak()?;
    let growth = peak.saturating_sub(before) as f64 / 1024.0 / readers as f64;
    let beside = peak as f64 / before as f64;
    Ok(vec![(BEFORE, mib(before)), (SLOW_PEAK, mib(peak)), (GROWTH, beside), (SLOW_GROWTH, growth)])
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
