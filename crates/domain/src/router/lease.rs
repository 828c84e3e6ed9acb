//! A turn's place at a backend, for one attempt.

use super::Router;
use super::pool::{Member, MemberId};
use crate::ports::Backend;
use crate::prices::Prices;
use std::sync::Arc;
use std::time::Duration;

/// What an attempt tells of its backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: it was stopped, or the request itself was wrong.
    #[default]
    Nothing,
    /// It works.
    Well,
    /// It does not.
    Failed,
    /// It asks to be left alone for so long.
    Busy(Duration),
}

impl Verdict {
    pub(super) fn of_backend(self) -> (Option<bool>, Option<Duration>) {
        match self {
            Self::Nothing => (None, None),
            Self::Well => (Some(false), None),
            Self::Failed => (Some(true), None),
            Self::Busy(wait) => (None, Some(wait)),
        }
    }
}

/// A turn's place at a backend. Dropping it gives it back, to who waits for it.
pub(crate) struct Lease {
    router: Option<Arc<Router>>,
    member: MemberId,
    backend: Arc<dyn Backend>,
    prices: Prices,
    verdict: Verdict,
}

impl Lease {
    pub(super) fn new(router: Arc<Router>, member: &Member) -> Self {
        Self {
            router: Some(router),
            member: member.id,
            backend: Arc::clone(&member.backend),
            prices: member.prices.clone(),
            verdict: Verdict::Nothing,
        }
    }

    pub(crate) fn member(&self) -> MemberId {
        self.member
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    pub(crate) fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Gives it back with what was learnt.
    pub(crate) fn end(mut self, verdict: Verdict) {
        self.verdict = verdict;
    }

    /// Dropping it does nothing any more.
    pub(super) fn disarm(&mut self) -> MemberId {
        self.router = None;
        self.member
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(router) = self.router.take() {
            router.give_back(self.member, self.verdict);
        }
    }
}
