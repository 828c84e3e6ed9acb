//! When to end: the first signal begins a drain, the second one ends the process at once.

use crate::failure::Failure;
use tokio_util::sync::CancellationToken;

impl Signals {
    /// Works until it is done; the first signal cancels `stop`. Error: the second one came before the end.
    pub(crate) async fn watch<T>(
        &mut self,
        work: impl Future<Output = T>,
        stop: &CancellationToken,
    ) -> Result<T, Failure> {
        let second_signal = async {
            self.next().await;
            stop.cancel();
            self.next().await;
        };
        tokio::select! {
            done = work => Ok(done),
            () = second_signal => Err(Failure::Runtime("ended by a second signal".to_owned())),
        }
    }
}

/// The signals that ask a process to end: SIGTERM from an orchestrator, SIGINT from a terminal.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
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
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "as where there are signals")]
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
