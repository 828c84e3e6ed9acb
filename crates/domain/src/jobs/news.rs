//! What a job's user hears of it.

use super::JobAnswer;
use crate::JobId;
use crate::event::{Event, EventBody};
use crate::hub::Shared;
use crate::outbox::Outgoing;
use crate::ports::JobEntry;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The largest answer that is told, in bytes: who wants a larger one asks for it.
const TOLD: usize = 32 * 1024;
/// For how long it is remembered that a job's end was told: longer than others read of it.
const KEPT: Duration = Duration::from_secs(120);

/// How a job stands.
#[derive(Debug, Clone, PartialEq)]
pub struct JobNews {
    /// The job.
    pub job: JobEntry,
    /// What came of it, where it is completed and that is not too large.
    pub answer: Option<JobAnswer>,
}

impl JobNews {
    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        self.answer.as_ref().map_or(0, JobAnswer::weight)
    }
}

/// The jobs whose ends were told on this node lately, and when. Who has ended one tells it, and so does who reads of it:
/// whichever comes first.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<JobId, Instant>>);

impl Told {
    /// Remembers a job's end. Gives whether it is the first to tell of it.
    pub(super) fn first(&self, job: JobId) -> bool {
        self.0.lock().insert(job, Instant::now()).is_none()
    }

    pub(super) fn is(&self, job: JobId) -> bool {
        self.0.lock().contains_key(&job)
    }

    /// Forgets those that nobody reads of any more.
    pub(super) fn forget_old(&self) {
        self.0.lock().retain(|_, at| at.elapsed() < KEPT);
    }
}

impl Shared {
    /// Tells all connections of a job's user how it stands; of its end once.
    pub(super) fn tell_job(&self, job: JobEntry, answer: Option<JobAnswer>) {
        if job.state.is_end() && !self.jobs.told.first(job.id) {
            return;
        }
        let user = job.user;
        let answer = answer.filter(|answer| answer.weight() <= TOLD);
        let event = Event::new(None, EventBody::Job(Box::new(JobNews { job, answer })));
        self.registry.each_listener(user, |outbox| {
            outbox.push(Outgoing::Event(Arc::clone(&event)));
        });
    }
}
