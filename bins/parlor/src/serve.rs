//! `parlor serve`: builds the server from its settings, serves, and drains when it is told to stop.

use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring;
use parlor_domain::ports::{Clock, SystemClock};
use parlor_domain::{Hub, Ports};
use parlor_store::Database;
use parlor_transport::Server;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves until the first signal, and drains until it is done or a second signal comes.
pub(crate) async fn run(settings: &Settings) -> Result<(), Failure> {
    // First of all: a signal in the middle of starting is not lost.
    let mut signals = Signals::listen()?;
    let backend = wiring::backend(&settings.ai)?;
    let store = wiring::store(settings, true).await?;
    let hub = hub(settings, &store, backend).await?;
    let listener = listen(settings).await?;
    announce(&hub, &listener);
    let stop = CancellationToken::new();
    let serving =
        Server::new(hub, wiring::transport_options(settings)).serve(listener, stop.clone().cancelled_owned());
    drain_at_signal(serving, &stop, &mut signals).await?;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// The first signal begins the drain. Error: the second one came before its end.
async fn drain_at_signal(
    serving: impl Future<Output = ()>,
    stop: &CancellationToken,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let second_signal = async {
        signals.next().await;
        stop.cancel();
        signals.next().await;
    };
    tokio::select! {
        () = serving => Ok(()),
        () = second_signal => Err(Failure::Runtime("ended by a second signal".to_owned())),
    }
}

async fn hub(
    settings: &Settings,
    store: &Database,
    backend: Arc<dyn parlor_domain::ports::Backend>,
) -> Result<Hub, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let authenticator = Arc::new(wiring::tokens(settings, Arc::clone(&clock))?);
    let ports = Ports { store: Arc::new(store.clone()), clock, authenticator, backends: vec![backend] };
    let started = Hub::start(ports, wiring::domain_settings(settings)).await;
    started.map_err(|error| Failure::while_doing("the server cannot start", &error))
}

async fn listen(settings: &Settings) -> Result<TcpListener, Failure> {
    let (host, port) = (settings.server.host.0.as_str(), settings.server.port);
    let listener = TcpListener::bind((host, port)).await;
    listener.map_err(|error| Failure::while_doing(&format!("cannot listen on {host}, port {port}"), &error))
}

fn announce(hub: &Hub, listener: &TcpListener) {
    let version = env!("CARGO_PKG_VERSION");
    match listener.local_addr() {
        Ok(address) => tracing::info!(version, backends = ?hub.backends(), "listening on {address}"),
        Err(error) => tracing::warn!(%error, version, "listening, but the address is not known"),
    }
}

/// The signals that ask a process to end: SIGTERM from an orchestrator, SIGINT from a terminal.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let open =
            |kind| signal(kind).map_err(|error| Failure::while_doing("cannot listen for signals", &error));
        Ok(Self { terminate: open(SignalKind::terminate())?, interrupt: open(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Where there are no signals, Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "as where there are signals")]
    fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
