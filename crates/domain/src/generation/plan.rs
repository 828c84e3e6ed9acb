//! What a turn has tried, and may try again.

use super::attempt::Failure;
use crate::router::{MemberId, Wish};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

pub(super) struct Plan {
    pub(super) wish: Wish,
    /// Those that failed in passing.
    passing: HashSet<MemberId>,
    /// How often all that serve the model were asked, this time included.
    round: u32,
    /// How long it may still wait for a place, over all its waits.
    wait_left: Duration,
    waiting_since: Option<Instant>,
}

impl Plan {
    pub(super) fn new(model: Option<String>, wait: Duration) -> Self {
        let wish = Wish { model, excluded: HashSet::new(), patient: false };
        Self { wish, passing: HashSet::new(), round: 1, wait_left: wait, waiting_since: None }
    }

    /// A wait begins. Until when it may last.
    pub(super) fn begin_wait(&mut self) -> Instant {
        let now = Instant::now();
        self.waiting_since = Some(now);
        now + self.wait_left
    }

    pub(super) fn end_wait(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.wait_left = self.wait_left.saturating_sub(since.elapsed());
        }
    }

    pub(super) fn failed(&mut self, member: MemberId, failure: &Failure) {
        self.wish.excluded.insert(member);
        if failure.is_passing() {
            self.passing.insert(member);
        }
    }

    /// The next round, from 2, if one is left in which somebody may be asked again.
    pub(super) fn next_round(&self, rounds: u32) -> Option<u32> {
        (self.round < rounds && !self.passing.is_empty()).then_some(self.round + 1)
    }

    /// Those that failed in passing may be asked again.
    pub(super) fn begin_round(&mut self) {
        self.round += 1;
        for member in self.passing.drain() {
            self.wish.excluded.remove(&member);
        }
    }
}
