//! Jobs: work that is taken in now, done in the background, and done once, whatever happens to the process meanwhile.
//!
//! Where they stand beside a message's way: a request becomes a row ([`requests`]); one task a node, the [`desk`], makes
//! every change to jobs, claims what is due for its runners, keeps their holds good and lets go of what has ended, all
//! that waits at a time in one transaction. A [`runner`] does one job. What a completion does to a conversation goes the
//! way of every message: it is a question of its user's, asked under an id that is made of the job's, so that a job that is
//! begun again finds what it did before.

mod answer;
mod backoff;
mod clock;
mod desk;
mod draft;
mod elsewhere;
mod news;
mod purge;
mod requests;
mod runner;

pub use self::answer::{JobAnswer, JobFound};
pub use self::draft::JobDraft;
pub(crate) use self::elsewhere::run as hear_elsewhere;
pub use self::news::JobNews;
pub(crate) use self::purge::run as purge;
pub use self::requests::{JobEnqueued, JobsOverview};

use crate::hub::Shared;
use crate::ports::{JobWrite, JobWritten, StoreError};
use crate::{ErrorCode, Refusal};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

/// How many requests may wait for the desk; then who asks waits for a place.
const REQUESTS: usize = 1_024;

/// The way to the desk.
pub(crate) struct Jobs {
    requests: mpsc::Sender<Request>,
    /// One token a job that this node has.
    pub(crate) held: TaskTracker,
    running: AtomicUsize,
    told: news::Told,
}

/// The desk's side.
pub(crate) struct Inbox(mpsc::Receiver<Request>);

/// A change that somebody waits for.
struct Request {
    write: JobWrite,
    answer: oneshot::Sender<Result<JobWritten, StoreError>>,
}

pub(crate) fn channel() -> (Jobs, Inbox) {
    let (requests, inbox) = mpsc::channel(REQUESTS);
    (
        Jobs {
            requests,
            held: TaskTracker::new(),
            running: AtomicUsize::new(0),
            told: news::Told::default(),
        },
        Inbox(inbox),
    )
}

/// Runs until the server stops.
pub(crate) async fn run(shared: Arc<Shared>, Inbox(inbox): Inbox) {
    desk::Desk::new(shared, inbox).run().await;
}

impl Jobs {
    /// How many jobs run here.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Has a change made. Errors: `INTERNAL`, and `AI_UNAVAILABLE` once the server has stopped.
    async fn ask(&self, write: JobWrite) -> Result<JobWritten, Refusal> {
        let stopped = || Refusal::retry_after(ErrorCode::AiUnavailable, Duration::from_secs(1));
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request { write, answer }).await.map_err(|_| stopped())?;
        let written = answered.await.map_err(|_| stopped())?;
        written.map_err(|error| Refusal::internal(&error))
    }
}
