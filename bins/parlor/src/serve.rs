//! `parlor serve`: builds the server from its settings, serves, and drains when it is told to stop.

use crate::failure::Failure;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::sweep;
use crate::wiring::{self, People};
use parlor_domain::ports::{Clock, SystemClock};
use parlor_domain::{Hub, Ports, Provider};
use parlor_store::Database;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves until the first signal, and drains until it is done or a second signal comes.
pub(crate) async fn run(settings: &Settings) -> Result<(), Failure> {
    // First of all: a signal in the middle of starting is not lost.
    let mut signals = Signals::listen()?;
    let providers = wiring::providers(settings)?;
    let store = wiring::store(settings, true).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let people = People::start(settings, &store, &clock)?;
    let hub = hub(settings, &store, &people, clock, providers).await?;
    let listener = listen(settings).await?;
    announce(&hub, &listener);
    let stop = CancellationToken::new();
    let serving = wiring::server(settings, hub).serve(listener, stop.clone().cancelled_owned());
    let work = async {
        tokio::select! {
            () = serving => {}
            never = sweep::run(&store) => match never {},
        }
        people.close().await;
    };
    signals.watch(work, &stop).await?;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn hub(
    settings: &Settings,
    store: &Database,
    people: &People,
    clock: Arc<dyn Clock>,
    providers: Vec<Provider>,
) -> Result<Hub, Failure> {
    let (authenticator, accounts) = (people.authenticator(), Some(people.accounts()));
    let (moderator, embedder) = (wiring::moderator(&settings.moderation)?, Some(wiring::embedder(settings)?));
    let (store, extractor) = (Arc::new(store.clone()), Some(wiring::extractor()?));
    let files = Some(wiring::files(settings, people)?);
    let prompts = Arc::new(parlor_ai::prompts::Jinja);
    let ports = Ports {
        store,
        clock,
        authenticator,
        accounts,
        providers,
        prompts,
        moderator,
        embedder,
        extractor,
        files,
    };
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
