//! What goes into one transaction, and what each change of it was for.

use super::held::{Ended, Held};
use crate::jobs::Request;
use crate::ports::{JobLease, JobWrite};
use std::time::Duration;
use uuid::Uuid;

/// What a change was for.
pub(super) enum For {
    /// A job is let go of.
    Ended(Box<Ended>),
    /// A hold is kept good, and the job is so far.
    Held { lease: JobLease, progress: u8 },
    /// Somebody asked.
    Request(Request),
    /// This node has free runners, so many.
    Runners(usize),
}

/// Changes in their order.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) writes: Vec<JobWrite>,
    pub(super) purposes: Vec<For>,
}

impl Batch {
    fn push(&mut self, write: JobWrite, purpose: For) {
        self.writes.push(write);
        self.purposes.push(purpose);
    }

    pub(super) fn settle(&mut self, ended: Vec<Ended>) {
        for ended in ended {
            let write = JobWrite::Settle { lease: ended.lease, outcome: ended.outcome.clone() };
            self.push(write, For::Ended(Box::new(ended)));
        }
    }

    pub(super) fn renew(&mut self, held: &Held, lasts: Duration) {
        let (lease, progress) = (held.lease, held.progress());
        self.push(JobWrite::Renew { lease, progress, hold: lasts }, For::Held { lease, progress });
    }

    /// Whether there may be something to claim then.
    pub(super) fn ask(&mut self, requests: Vec<Request>) -> bool {
        let mut wanted = false;
        for request in requests {
            wanted |= matches!(request.write, JobWrite::Enqueue { .. });
            self.push(request.write.clone(), For::Request(request));
        }
        wanted
    }

    pub(super) fn claim(&mut self, node: Uuid, count: usize, lease: Duration) {
        self.push(JobWrite::Claim { node, count, lease }, For::Runners(count));
    }
}
