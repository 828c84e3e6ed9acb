//! What a job's user hears of it.

use super::JobAnswer;
use crate::event::{Event, EventBody};
use crate::hub::Shared;
use crate::outbox::Outgoing;
use crate::ports::JobEntry;
use std::sync::Arc;

/// The largest answer that is told, in bytes: who wants a larger one asks for it.
const TOLD: usize = 32 * 1024;

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

impl Shared {
    /// Tells all connections of a job's user how it stands.
    pub(super) fn tell_job(&self, job: JobEntry, answer: Option<JobAnswer>) {
        let user = job.user;
        let answer = answer.filter(|answer| answer.weight() <= TOLD);
        let event = Event::new(None, EventBody::Job(Box::new(JobNews { job, answer })));
        self.registry.each_listener(user, |outbox| {
            outbox.push(Outgoing::Event(Arc::clone(&event)));
        });
    }
}
