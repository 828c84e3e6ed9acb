//! The issuer's keys in memory. They are old by ten minutes at most where the issuer answers, and good for a day where it
//! does not; a key that is not among them is asked for once, since the issuer may just have made it. Whatever comes in,
//! the issuer hears of us once in ten seconds.

use super::InvalidIssuer;
use super::keys::{self, Key, Keys};
use parking_lot::Mutex;
use parlor_domain::ports::Clock;
use reqwest::{Client, redirect};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How old keys are before they are asked for anew, while they are used on.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// How old keys are before they are no good any more: an issuer that is down does not shut our door for a day, and a key
/// that it took back does not open it for longer.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The least time from one request to the next.
const PAUSE: Duration = Duration::from_secs(10);
/// How long the issuer may take to be reached, and for its whole answer.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(5));
/// The largest answer that is read, in bytes.
const ANSWER_MAX: usize = 256 * 1024;

/// Why there is no key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none of this name.
    Unknown,
    /// The issuer could not be asked.
    Unreachable,
}

pub(super) struct KeyCache {
    url: String,
    client: Client,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Changes when a request is over.
    asked: watch::Sender<()>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Default)]
struct State {
    keys: Keys,
    /// When the keys were got; none: never.
    got_at: Option<Duration>,
    /// When the last request was made.
    asked_at: Option<Duration>,
    asking: bool,
    failed: bool,
}

/// Tells who waits for a request that it is over, however it ended.
struct Asking<'a>(&'a KeyCache);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.state.lock().asking = false;
        self.0.asked.send_replace(());
    }
}

impl KeyCache {
    pub(super) fn new(url: String, clock: Arc<dyn Clock>) -> Result<Self, InvalidIssuer> {
        let client = Client::builder()
            // The operator named the place of the keys: nobody sends us on to another.
            .redirect(redirect::Policy::none())
            // Libraries do not read the environment.
            .no_proxy()
            .connect_timeout(TIMEOUTS.0)
            .timeout(TIMEOUTS.1)
            .build()
            .map_err(InvalidIssuer::Client)?;
        Ok(Self {
            url,
            client,
            clock,
            state: Mutex::default(),
            asked: watch::Sender::new(()),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// The key of this name. It waits for the issuer only where the key is not known, and for one request at most.
    pub(super) async fn key(self: &Arc<Self>, kid: &str) -> Result<Arc<Key>, NoKey> {
        // Before the first look, so that a request that ends in between is not waited for in vain.
        let mut asked = self.asked.subscribe();
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        if self.ask(&mut self.state.lock()) {
            // The sender lives as long as this cache.
            let _ = asked.changed().await;
        }
        self.known(kid).ok_or_else(|| {
            let state = self.state.lock();
            if state.failed || state.got_at.is_none() { NoKey::Unreachable } else { NoKey::Unknown }
        })
    }

    /// The key of this name, if we have it; where it is not fresh, the issuer is asked meanwhile.
    fn known(self: &Arc<Self>, kid: &str) -> Option<Arc<Key>> {
        let mut state = self.state.lock();
        let age = self.clock.monotonic().saturating_sub(state.got_at?);
        if age >= FRESH {
            self.ask(&mut state);
        }
        if age < STALE { state.keys.get(kid).cloned() } else { None }
    }

    /// Asks the issuer, unless that was just done. Whether a request is under way.
    fn ask(self: &Arc<Self>, state: &mut State) -> bool {
        let now = self.clock.monotonic();
        let rested = state.asked_at.is_none_or(|at| now.saturating_sub(at) >= PAUSE);
        if !state.asking && rested && !self.stop.is_cancelled() {
            (state.asking, state.asked_at) = (true, Some(now));
            self.tasks.spawn(Arc::clone(self).refresh(now));
        }
        state.asking
    }

    async fn refresh(self: Arc<Self>, now: Duration) {
        let _asking = Asking(&self);
        let got = tokio::select! {
            () = self.stop.cancelled() => return,
            got = self.download() => got,
        };
        let mut state = self.state.lock();
        state.failed = got.is_err();
        match got {
            Ok(keys) => (state.keys, state.got_at) = (keys, Some(now)),
            Err(error) => tracing::warn!(url = self.url, error, "the issuer's keys could not be read"),
        }
    }

    async fn download(&self) -> Result<Keys, Box<dyn Error + Send + Sync>> {
        let mut answer = self.client.get(&self.url).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if bytes.len() + piece.len() > ANSWER_MAX {
                return Err(format!("the answer has more than {ANSWER_MAX} bytes").into());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(keys::read(&bytes)?)
    }

    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
