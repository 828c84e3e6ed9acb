//! A worker: one connection after the other.

use crate::backoff::Backoff;
use crate::config::{InvalidConfig, Target, WorkerConfig};
use crate::connect::Connector;
use crate::session::{self, Ended, Shared};
use parlor_domain::ports::Backend;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a backend to a server.
pub struct Worker {
    shared: Shared,
    connector: Connector,
}

/// Why a worker ended although nobody told it to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It cannot even begin.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The server does not know its key. Coming again would change nothing.
    #[error("the server does not know the service key")]
    InvalidServiceKey,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker that serves `backend`. Nothing is connected yet.
    ///
    /// Errors: [`InvalidConfig`] where the URL is none or the key is empty, and where TLS cannot be set up.
    pub fn new(config: WorkerConfig, backend: Arc<dyn Backend>) -> Result<Self, InvalidConfig> {
        if config.service_key.is_empty() {
            return Err(InvalidConfig::ServiceKey);
        }
        let connector = Connector::new(Target::parse(&config.url)?)?;
        Ok(Self { shared: Shared { config, backend }, connector })
    }

    /// Serves until `stop`, and then until the replies under way are finished or [`WorkerConfig::drain`] is over. A
    /// lost connection is made again, for as long as it takes. Dropping this ends it at once.
    ///
    /// Errors: [`WorkerError::InvalidServiceKey`].
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let stopped = CancellationToken::new();
        let watch = async {
            stop.await;
            stopped.cancel();
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            result = self.serve(&stopped) => result,
            never = watch => match never {},
        }
    }

    async fn serve(&self, stop: &CancellationToken) -> Result<(), WorkerError> {
        let (since, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            let begun = Instant::now();
            let cause = match self.connection(since, stop).await {
                Ended::Stopped => return Ok(()),
                Ended::Refused => return Err(WorkerError::InvalidServiceKey),
                Ended::Lost(cause) => cause,
            };
            let wait = backoff.after(begun.elapsed());
            tracing::warn!(error = %cause, wait_ms = wait.as_millis(), "not connected");
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(wait) => {}
            }
        }
    }

    async fn connection(&self, since: Instant, stop: &CancellationToken) -> Ended {
        let connected = tokio::select! {
            () = stop.cancelled() => return Ended::Stopped,
            connected = timeout(CONNECT_TIMEOUT, self.connector.connect()) => connected,
        };
        match connected {
            Ok(Ok(socket)) => session::run(socket, &self.shared, since, stop).await,
            Ok(Err(cause)) => Ended::Lost(cause),
            Err(_) => Ended::Lost("the server cannot be reached within 10 s".into()),
        }
    }
}
