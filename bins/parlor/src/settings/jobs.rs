//! Work that is done in the background.

use super::{Key, Problem, Values};
use std::time::Duration;

/// The settings of jobs.
#[derive(Debug)]
pub(crate) struct Jobs {
    /// At once; 0: none here.
    pub(crate) workers: usize,
    /// Of one user, that may wait; none is no limit.
    pub(crate) queued: Option<usize>,
    /// Not zero.
    pub(crate) attempts: u32,
    /// After their end; none is for ever.
    pub(crate) kept: Option<Duration>,
}

impl Jobs {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            workers: values.get(Key::JobWorkers)?,
            queued: values.limit(Key::JobQueueLimit)?,
            attempts: values.above_zero(Key::JobAttempts)?,
            kept: values.limit(Key::JobRetention)?,
        })
    }
}
