//! Serves a listener, and drains: the HTTP server stays open until the last turn is over, so that it can say so.

use crate::address::{self, Network, Peer};
use crate::live::LiveFeed;
use crate::patience::Patient;
use crate::traffic::Traffic;
use crate::ws::{Gate, Timing};
use axum::Router;
use axum::http::{Extensions, HeaderMap, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parlor_domain::Hub;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many connections may speak HTTP at once; upgraded ones do not count.
const HTTP_CONNECTIONS: usize = 4_096;
/// How long a request's headers may take, and how long a connection may rest between requests.
const HEADERS: Duration = Duration::from_secs(10);
/// How long sockets and requests may take to end after they were told to.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long accepting rests where the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What an operator may choose. [`Options::default`] is what the documents promise.
#[derive(Debug, Clone)]
pub struct Options {
    /// Between pings; zero sends none. A client without a sign of life for two of them is closed.
    pub heartbeat: Duration,
    /// For the first message of a socket without a credential.
    pub authentication: Duration,
    /// How many sockets may be on their way to authentication at once.
    pub unauthenticated: usize,
    /// The origins whose pages may open sockets and call the HTTP routes; `*` is every one. None lets every page open
    /// sockets, since tokens authenticate and not cookies, and no page of another origin call HTTP routes.
    pub origins: Option<Vec<String>>,
    /// How long turns may go on once the server is told to stop.
    pub drain: Duration,
    /// The proxies that are believed in whom they speak for (`X-Forwarded-For`).
    pub trusted_proxies: Vec<Network>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            authentication: Duration::from_secs(10),
            unauthenticated: 1_000,
            origins: None,
            drain: Duration::from_secs(30),
            trusted_proxies: Vec::new(),
        }
    }
}

/// What handlers share.
pub(crate) struct State {
    pub(crate) hub: Hub,
    pub(crate) timing: Timing,
    pub(crate) unauthenticated: Arc<Semaphore>,
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) sockets: TaskTracker,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) gate: Gate,
    pub(crate) live: Arc<LiveFeed>,
}

impl State {
    /// From where a request comes; none where the routes are served by another server than ours.
    pub(crate) fn address(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        address::client(extensions, headers, &self.trusted_proxies)
    }
}

/// One server.
pub struct Server {
    state: Arc<State>,
    drain: Duration,
    others: Router,
}

impl Server {
    /// A server over a domain.
    pub fn new(hub: Hub, options: Options) -> Self {
        let timing = Timing {
            authentication: options.authentication,
            heartbeat: (!options.heartbeat.is_zero()).then_some(options.heartbeat),
        };
        let unauthenticated = Arc::new(Semaphore::new(options.unauthenticated.min(Semaphore::MAX_PERMITS)));
        let (sockets, traffic) = (TaskTracker::new(), Arc::<Traffic>::default());
        let live = LiveFeed::new(hub.clone(), sockets.clone(), Arc::clone(&traffic));
        let state = State {
            hub,
            timing,
            unauthenticated,
            origins: options.origins,
            trusted_proxies: options.trusted_proxies,
            sockets,
            traffic,
            gate: Gate::default(),
            live: Arc::new(live),
        };
        Self { state: Arc::new(state), drain: options.drain, others: Router::new() }
    }

    /// The same, with these routes beside ours: a page, say. They have no fallback, and none of our paths.
    #[must_use]
    pub fn with_routes(self, routes: Router) -> Self {
        Self { others: self.others.merge(routes), ..self }
    }

    /// The routes alone. Who serves them also drains the hub.
    pub fn router(&self) -> Router {
        crate::http::router(Arc::clone(&self.state)).merge(self.others.clone())
    }

    /// Serves until `stop` is over, then drains and returns once everything has ended.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let connections = Connections::new(self.router());
        tokio::select! {
            () = connections.accept(&listener) => {}
            () = stop => {}
        }
        tracing::info!("draining");
        tokio::select! {
            () = connections.accept(&listener) => {}
            () = self.state.hub.drain(self.drain) => {}
        }
        drop(listener);
        self.state.sockets.close();
        if timeout(LAST_WORDS, self.state.sockets.wait()).await.is_err() {
            tracing::warn!(sockets = self.state.sockets.len(), "sockets did not close in time");
        }
        self.state.live.finish().await;
        connections.finish().await;
        self.state.hub.shutdown().await;
    }
}

/// The connections that speak HTTP.
struct Connections {
    router: Router,
    http: http1::Builder,
    ending: CancellationToken,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
}

impl Connections {
    fn new(router: Router) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADERS);
        let places = Arc::new(Semaphore::new(HTTP_CONNECTIONS));
        Self { router, http, ending: CancellationToken::new(), tasks: TaskTracker::new(), places }
    }

    /// Accepts for ever. Where all places are taken, new connections wait in the kernel.
    async fn accept(&self, listener: &TcpListener) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => self.serve(stream, Peer(peer.ip()), place),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: Peer, place: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let connection =
            self.http.serve_connection(TokioIo::new(Patient::new(stream)), service).with_upgrades();
        let ending = self.ending.clone();
        self.tasks.spawn(async move {
            let _place = place;
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = ending.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "an HTTP connection ended");
            }
        });
    }

    async fn finish(self) {
        self.ending.cancel();
        self.tasks.close();
        if timeout(LAST_WORDS, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "HTTP connections did not close in time");
        }
    }
}
