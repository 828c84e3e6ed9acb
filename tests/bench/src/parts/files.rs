//! What does an upload cost, and what do a hundred at once?
//!
//! Files of 50 MiB over sockets of the `rooms` dialect, in binary chunks of a mebibyte, each sent when the one before was
//! answered: the server keeps it, looks through it, and moves it to where it is read. Beside it stands what no server can do
//! without: a copy of as many bytes, a mebibyte at a time, with their SHA-256, flushed to the disk once a file. It is one
//! process that does nothing else, one file after the other.

use crate::Result;
use crate::bench::{Bench, medians, rows};
use crate::connection::Connection;
use crate::frame::{self, BINARY};
use crate::place::{Ask, Dialect};
use crate::report::{Bound, Figures, Measure, Row};
use crate::subject::{Data, Kind, Subject};
use parlor_protocol::FileId;
use parlor_protocol::rooms::{BinaryChunk, ClientFrame, Upload, UploadFinalize, UploadInit};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write as _};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// The bytes of a chunk.
const CHUNK: usize = 1024 * 1024;
/// Uploads at once, each of a user of its own: nobody else is told of it.
const MANY: (usize, usize) = (100, 8);
/// How long one answer may take, when a hundred wait for the same disk.
const ANSWER_WITHIN: Duration = Duration::from_mins(3);

const THROUGHPUT: Measure = Measure::new("bytes", "MiB/s").ratio(Bound::AtLeast(0.25));
const CPU: Measure = Measure::new("server CPU", "ms/MiB");
const BEFORE: Measure = Measure::new("memory before", "MiB");
const PEAK: Measure = Measure::new("memory at most", "MiB").value(Bound::AtMost(200.0));

/// What is uploaded: `chunks` times the same chunk, which is text.
#[derive(Clone, Copy)]
struct Load {
    files: usize,
    chunks: usize,
}

impl Load {
    fn bytes(self) -> usize {
        self.chunks * CHUNK
    }

    fn mib(self) -> f64 {
        (self.files * self.chunks) as f64
    }
}

/// Runs one upload alone, and many at once.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let chunks = bench.size(50, 3);
    let mut table = Vec::new();
    for files in [1, users(bench)] {
        let load = Load { files, chunks };
        let case = format!("files: {files} × {chunks} MiB at once");
        if !bench.wants(&case) {
            continue;
        }
        let (mut parlors, mut copies) = (Vec::new(), Vec::new());
        for round in 1..=bench.rounds {
            eprintln!("{case}: round {round} of {}", bench.rounds);
            copies.push(tokio::task::spawn_blocking(move || copy(load)).await??);
            if bench.parlor.is_some() {
                parlors.push(uploaded(bench, load).await?);
            }
        }
        table.extend(rows(&case, &medians(&parlors), &medians(&copies)));
    }
    Ok(table)
}

/// How many users the part needs.
pub(crate) fn users(bench: &Bench) -> usize {
    bench.size(MANY.0, MANY.1)
}

/// Letters, nowhere the same.
fn chunk() -> Vec<u8> {
    (0..CHUNK).map(|at| b"0123456789abcdef"[(at.wrapping_mul(2_654_435_761) >> 13) & 15]).collect()
}

/// What the bytes themselves cost.
fn copy(load: Load) -> std::io::Result<Figures> {
    let folder = TempDir::with_prefix("parlor-bench-")?;
    let (source, mut buffer) = (folder.path().join("source"), chunk());
    let mut file = File::create(&source)?;
    (0..load.chunks).try_for_each(|_| file.write_all(&buffer))?;
    file.sync_all()?;
    let began = Instant::now();
    for number in 0..load.files {
        let (mut from, mut to) =
            (File::open(&source)?, File::create(folder.path().join(number.to_string()))?);
        let mut hash = Sha256::new();
        for _ in 0..load.chunks {
            from.read_exact(&mut buffer)?;
            hash.update(&buffer);
            to.write_all(&buffer)?;
        }
        to.sync_data()?;
        std::hint::black_box(hash.finalize());
    }
    Ok(vec![(THROUGHPUT, load.mib() / began.elapsed().as_secs_f64())])
}

async fn uploaded(bench: &Bench, load: Load) -> Result<Figures> {
    let off = ["UPLOAD_USER_QUOTA", "UPLOAD_USER_UNFINISHED", "UPLOAD_RATE_BYTES"];
    let environment = off.map(|name| (name, "0".to_owned()));
    let subject = bench.start(Kind::Parlor, &environment, Data::Users).await?;
    measure(&subject, load).await.map_err(|error| format!("{error}\n{}", subject.process.log_tail()).into())
}

async fn measure(subject: &Subject, load: Load) -> Result<Figures> {
    let chunk = chunk();
    let mut hash = Sha256::new();
    (0..load.chunks).for_each(|_| hash.update(&chunk));
    let checksum = hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // it cannot fail
        text
    });
    let mut connections = Vec::new();
    for index in 0..load.files {
        connections.push(subject.connect(Dialect::Rooms, index, index).await?);
    }
    let (before, cpu) = (subject.process.resident()?, subject.process.cpu()?);
    subject.process.forget_peak()?;
    let began = Instant::now();
    let mut uploads: JoinSet<Result<()>> = JoinSet::new();
    for connection in connections {
        let (chunk, checksum) = (chunk.clone(), checksum.clone());
        uploads.spawn_local(upload(connection, load, chunk, checksum));
    }
    while let Some(upload) = uploads.join_next().await {
        upload??;
    }
    let took = began.elapsed().as_secs_f64();
    let cpu = subject.process.cpu()?.saturating_sub(cpu);
    Ok(vec![
        (THROUGHPUT, load.mib() / took),
        (CPU, cpu.as_secs_f64() * 1e3 / load.mib()),
        (BEFORE, mib(before)),
        (PEAK, mib(subject.process.peak()?)),
    ])
}

/// One upload from its beginning to its end.
async fn upload(mut connection: Connection, load: Load, chunk: Vec<u8>, checksum: String) -> Result<()> {
    let init = UploadInit {
        file_name: "bench.txt".to_owned(),
        file_size: load.bytes() as u64,
        mime_type: String::new(),
        room_id: None,
        conversation_id: None,
    };
    let ready = ask(&mut connection, Upload::Init(init)).await?;
    let file_id: FileId = ready["data"]["file_id"].as_str().ok_or("no upload began")?.parse()?;
    let mut bytes = Vec::with_capacity(CHUNK + 64);
    for chunk_index in 0..load.chunks as u32 {
        bytes.clear();
        frame::push(&mut bytes, BINARY, &BinaryChunk { file_id, chunk_index, data: &chunk }.encode());
        connection.writer().write(&bytes).await?;
        connection.next(ANSWER, ANSWER_WITHIN).await?;
    }
    let end = ask(&mut connection, Upload::Finalize(UploadFinalize { file_id, checksum })).await?;
    if end["data"]["status"] == "available" { Ok(()) } else { Err(format!("not available: {end}").into()) }
}

/// What the server says of uploads.
const ANSWER: &str = "file_upload";

async fn ask(connection: &mut Connection, upload: Upload) -> Result<Value> {
    connection.send(&Ask::Rooms(ClientFrame::FileUpload(upload))).await?;
    Ok(serde_json::from_slice(&connection.next(ANSWER, ANSWER_WITHIN).await?)?)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
