//! A circuit breaker: a backend that fails too often is left alone for a while, and then tried with one attempt.

use crate::settings::BreakerSettings;
use std::collections::VecDeque;
use tokio::time::Instant;

/// How many attempts are remembered at most: more tell nothing new.
const REMEMBERED: usize = 256;

/// Whether a backend can be asked, by what is known of its health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It can.
    Well,
    /// One attempt is finding out.
    Probed,
    /// Not before then.
    Resting(Instant),
}

#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    /// When attempts ended, and whether they failed.
    attempts: VecDeque<(Instant, bool)>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open(Instant),
    HalfOpen,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, attempts: VecDeque::new(), state: State::Closed }
    }

    pub(super) fn health(&self, now: Instant) -> Health {
        match self.state {
            State::Open(until) if until > now => Health::Resting(until),
            State::Closed | State::Open(_) => Health::Well,
            State::HalfOpen => Health::Probed,
        }
    }

    /// An attempt begins: where the rest is over, it is the one that finds out.
    pub(super) fn begin(&mut self) {
        if matches!(self.state, State::Open(_)) {
            self.state = State::HalfOpen;
        }
    }

    /// An attempt ended. None: it tells nothing of the backend.
    pub(super) fn end(&mut self, failed: Option<bool>, now: Instant) {
        match (self.state, failed) {
            (State::HalfOpen, Some(false)) => *self = Self::new(self.settings),
            (State::HalfOpen, Some(true)) => self.open(now),
            (State::HalfOpen, None) => self.state = State::Open(now),
            (State::Closed, Some(failed)) => self.count(failed, now),
            (State::Closed, None) | (State::Open(_), _) => {}
        }
    }

    fn count(&mut self, failed: bool, now: Instant) {
        self.attempts.push_back((now, failed));
        let old = |(at, _): &(Instant, bool)| now.duration_since(*at) > self.settings.window;
        while self.attempts.len() > REMEMBERED || self.attempts.front().is_some_and(old) {
            self.attempts.pop_front();
        }
        let failures = self.attempts.iter().filter(|(_, failed)| *failed).count();
        let enough = self.attempts.len() >= self.settings.minimum as usize;
        if failed && enough && failures * 100 >= self.attempts.len() * self.settings.failures as usize {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        self.attempts.clear();
        self.state = State::Open(now + self.settings.cooldown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SETTINGS: BreakerSettings = BreakerSettings {
        window: Duration::from_secs(10),
        minimum: 4,
        failures: 50,
        cooldown: Duration::from_secs(5),
    };

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    /// Protects a backend with a bad minute from being given up for one failure, and the turns from a dead one.
    #[tokio::test(start_paused = true)]
    async fn it_opens_at_the_ratio_and_not_before_the_minimum() {
        let (now, mut breaker) = (Instant::now(), Breaker::new(SETTINGS));
        for failed in [true, false, true] {
            breaker.end(Some(failed), now);
            assert_eq!(breaker.health(now), Health::Well);
        }
        breaker.end(None, now); // stopped by a user: tells nothing
        breaker.end(Some(false), now);
        assert_eq!(breaker.health(now), Health::Well, "half of four failed, but the last one was good");
        breaker.end(Some(true), now);
        assert_eq!(breaker.health(now), Health::Resting(after(now, 5)));
    }

    /// Protects from old failures: what is out of the window does not count.
    #[tokio::test(start_paused = true)]
    async fn failures_are_forgotten_with_the_window() {
        let (now, mut breaker) = (Instant::now(), Breaker::new(SETTINGS));
        (0..3).for_each(|_| breaker.end(Some(true), now));
        breaker.end(Some(true), after(now, 11));
        assert_eq!(breaker.health(after(now, 11)), Health::Well);
    }

    /// Protects a backend that comes back from a crowd: one attempt finds out, and only its end decides.
    #[tokio::test(start_paused = true)]
    async fn one_probe_decides() {
        let (start, mut breaker) = (Instant::now(), Breaker::new(SETTINGS));
        (0..4).for_each(|_| breaker.end(Some(true), start));
        let mut now = after(start, 5);
        assert_eq!(breaker.health(now), Health::Well);
        breaker.begin();
        assert_eq!(breaker.health(now), Health::Probed);
        breaker.end(Some(true), now);
        assert_eq!(breaker.health(now), Health::Resting(after(now, 5)));
        now = after(now, 5);
        breaker.begin();
        breaker.end(None, now);
        assert_eq!(breaker.health(now), Health::Well, "a probe that was stopped is made again");
        breaker.begin();
        breaker.end(Some(false), now);
        assert_eq!(breaker.health(now), Health::Well);
        breaker.end(Some(true), now);
        assert_eq!(breaker.health(now), Health::Well, "it begins anew");
    }
}
