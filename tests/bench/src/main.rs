//! Measures a Parlor server beside bare references in the same run, on the same machine, with the same load.
//!
//! The server runs as a child process on a free port, with a temporary data folder and its limits off. The load
//! generator is this process, on one thread. See `docs/performance.md` for what each figure means.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures are far from any limit of these types, and are rounded when they are shown"
)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails may panic")
)]

mod bare;
mod bench;
mod connection;
mod figures;
mod frame;
mod parts;
mod place;
mod process;
mod provider;
mod report;
mod stamp;
mod subject;
mod worker;

use bench::Bench;
use clap::{Parser, Subcommand};
use report::Row;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use subject::Parlor;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

/// Memory is allocated as the server does it, in the references too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Every failure ends the run and is shown.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Measures Parlor beside bare references.
#[derive(Debug, Parser)]
#[command(name = "parlor-bench")]
struct Options {
    /// One part; all of them unless named.
    #[command(subcommand)]
    part: Option<Part>,
    /// The server's binary; built (release) from this workspace unless given.
    #[arg(long, global = true)]
    server: Option<PathBuf>,
    /// Run only the references.
    #[arg(long, global = true)]
    reference_only: bool,
    /// Small sizes and short times: shows that everything works, measures nothing.
    #[arg(long, global = true)]
    quick: bool,
    /// How often each case is run; the figures are medians.
    #[arg(long, global = true, default_value_t = 3)]
    rounds: usize,
    /// Seconds that each run measures.
    #[arg(long, global = true, default_value_t = 4.0)]
    seconds: f64,
    /// Run only the cases whose names hold this text.
    #[arg(long, global = true)]
    case: Option<String>,
    /// Print the table in Markdown.
    #[arg(long, global = true)]
    markdown: bool,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// One message to many connections.
    Fanout,
    /// Durable sends.
    Sends,
    /// Memory of connections that wait.
    Idle,
    /// Many users entering one room at once.
    Joins,
    /// Tokens of a provider or a worker on their way to a client.
    Relay,
    /// Long sessions as files.
    Export,
    /// Uploads, alone and many at once.
    Files,
    /// Passages of documents, found among 100,000.
    Retrieval {
        /// A `PostgreSQL`'s URL, with an empty database; with pgvector its index is measured.
        #[arg(long)]
        postgres: Option<String>,
    },
    /// Start to ready, memory without connections, resumes.
    Start,
    /// The reference server; the parts start it themselves.
    #[command(hide = true)]
    Bare(bare::Options),
}

impl Part {
    /// How many users of the server the part needs.
    fn users(&self, bench: &Bench) -> usize {
        match self {
            Self::Fanout => bench.size(1_001, 51),
            Self::Sends => bench.size(50, 5),
            Self::Relay => parts::relay::USERS,
            Self::Idle | Self::Joins => bench.size(1_000, 50),
            Self::Export => parts::export::USERS,
            Self::Files => parts::files::users(bench),
            Self::Retrieval { .. } | Self::Start | Self::Bare(_) => 1,
        }
    }

    async fn run(&self, bench: &Bench) -> Result<Vec<Row>> {
        match self {
            Self::Fanout => parts::fanout::run(bench).await,
            Self::Sends => parts::sends::run(bench).await,
            Self::Idle => parts::idle::run(bench).await,
            Self::Joins => parts::joins::run(bench).await,
            Self::Relay => parts::relay::run(bench).await,
            Self::Export => parts::export::run(bench).await,
            Self::Files => parts::files::run(bench).await,
            Self::Retrieval { postgres } => parts::retrieval::run(bench, postgres.as_deref()).await,
            Self::Start => parts::start::run(bench).await,
            Self::Bare(_) => Ok(Vec::new()),
        }
    }
}

fn main() -> ExitCode {
    let outcome = match Options::parse() {
        Options { part: Some(Part::Bare(options)), .. } => bare::serve(&options),
        options => measure(options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the parts until they are done or somebody interrupts; either way the children end with them.
fn measure(options: Options) -> Result<()> {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, Rlimit { ..files })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = run(options) => outcome,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
            _ = terminate.recv() => Err("terminated".into()),
        }
    })
}

async fn run(options: Options) -> Result<()> {
    let window = if options.quick { 0.5 } else { options.seconds };
    let mut bench = Bench {
        parlor: None,
        quick: options.quick,
        only: options.case,
        rounds: if options.quick { 1 } else { options.rounds.max(1) },
        window: Duration::try_from_secs_f64(window)?,
    };
    let all = [
        Part::Fanout,
        Part::Sends,
        Part::Idle,
        Part::Joins,
        Part::Relay,
        Part::Export,
        Part::Files,
        Part::Retrieval { postgres: None },
        Part::Start,
    ];
    let parts = options.part.map_or_else(|| Vec::from(all), |part| vec![part]);
    if !options.reference_only {
        let binary = match options.server {
            Some(binary) => std::path::absolute(binary)?,
            None => build_server().await?,
        };
        let users = parts.iter().map(|part| part.users(&bench)).max().unwrap_or(1);
        bench.parlor = Some(Parlor::prepare(binary, users).await?);
    }
    let mut rows = Vec::new();
    for part in &parts {
        rows.extend(part.run(&bench).await?);
    }
    print!("{}", if options.markdown { report::markdown(&rows) } else { report::plain(&rows) });
    Ok(())
}

/// Builds the server, so that what is measured is what stands in the workspace; gives its binary, which lies beside
/// our own.
async fn build_server() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").ok_or("give --server, or run this with `cargo run`")?;
    let mut build = Command::new(cargo);
    build
        .args(["build", "--release", "-p", "parlor"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .kill_on_drop(true);
    let status = build.status().await?;
    if !status.success() {
        return Err("the server could not be built".into());
    }
    let own = std::env::current_exe()?;
    let target = own.parent().and_then(|profile| profile.parent()).ok_or("no target folder")?;
    Ok(target.join("release").join("parlor"))
}
