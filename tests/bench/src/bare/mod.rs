//! The reference: the least that can be done over fastwebsockets for the same frames on the wire.
//!
//! It encodes a message once and gives the same bytes to every connection of its conversation, through a bounded
//! channel each, written many frames at a time. It takes any token, checks nothing, limits nothing, and stores
//! nothing unless it is given a database, into which it then inserts in groups before it answers. It reads a
//! `send_message` by looking for its fields, without parsing JSON, so that it stays a lower bound.

mod append;
mod room;
mod socket;

pub(crate) use append::{GROUP, Table};
pub(crate) use room::Message;

use crate::Result;
use append::Appender;
use fastwebsockets::upgrade;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use room::Rooms;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// How the reference server is started; for this program itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where it listens, on the loopback.
    #[arg(long)]
    port: u16,
    /// A database that does not exist yet: every message is in it before it is answered.
    #[arg(long)]
    database: Option<PathBuf>,
    /// Seconds between two pings.
    #[arg(long, default_value_t = 30)]
    heartbeat: u64,
}

/// What all connections share.
struct Shared {
    rooms: Rooms,
    heartbeat: Duration,
    tasks: TaskTracker,
}

/// Serves until standard input ends, that is, until whoever started it is gone.
pub(crate) fn serve(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let appender = options.database.as_deref().map(Appender::start).transpose()?;
    let shared = Arc::new(Shared {
        rooms: Rooms::new(appender),
        heartbeat: Duration::from_secs(options.heartbeat),
        tasks: TaskTracker::new(),
    });
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        tokio::select! {
            outcome = accept(&listener, &shared) => outcome,
            _ = async { tokio::io::stdin().read_u8().await } => Ok(()),
        }
    })?;
    // Connections end with the process; the reading of standard input cannot be cancelled, so it is not waited for.
    runtime.shutdown_background();
    Ok(())
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        shared.tasks.spawn(serve_connection(stream, Arc::clone(shared)));
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(request, &shared)) }
    });
    // A client that goes away in the middle is no error of ours.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

fn answer(mut request: Request<Incoming>, shared: &Arc<Shared>) -> Response<Empty<Bytes>> {
    if !upgrade::is_upgrade_request(&request) {
        return Response::new(Empty::new());
    }
    let Ok((response, socket)) = upgrade::upgrade(&mut request) else {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    shared.tasks.spawn(socket::serve(socket, Arc::clone(shared)));
    response
}
