//! How fast a connection and a user may ask: governor's GCRA, with the whole quota as burst.

use crate::ports::Clock;
use crate::settings::{Limits, Quota};
use crate::{ErrorCode, Refusal, UserId};
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, RateLimiter};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// The domain's clock as governor wants it.
#[derive(Clone)]
struct GovernorClock(Arc<dyn Clock>);

impl governor::clock::Clock for GovernorClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

type Middleware = NoOpMiddleware<Duration>;
type OneLimiter = RateLimiter<NotKeyed, InMemoryState, GovernorClock, Middleware>;
type UserLimiter = RateLimiter<UserId, HashMapStateStore<UserId>, GovernorClock, Middleware>;

fn governor_quota(quota: Quota) -> Option<governor::Quota> {
    let interval = quota.window / quota.requests.get();
    governor::Quota::with_period(interval).map(|it| it.allow_burst(quota.requests))
}

fn refusal(clock: &GovernorClock, until: &NotUntil<Duration>) -> Refusal {
    Refusal::retry_after(ErrorCode::RateLimit, until.wait_time_from(clock.now()))
}

/// What a refused frame means for its connection.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is answered, and the connection stays.
    Refused(Refusal),
    /// The client does not listen: the connection ends.
    Flooding,
}

/// The limits of all users, kept by user.
pub(crate) struct UserLimits {
    clock: GovernorClock,
    frames: Option<UserLimiter>,
}

impl UserLimits {
    pub(crate) fn new(clock: Arc<dyn Clock>, limits: &Limits) -> Self {
        let clock = GovernorClock(clock);
        let frames = limits
            .user_frames
            .and_then(governor_quota)
            .map(|quota| RateLimiter::new(quota, HashMapStateStore::default(), clock.clone()));
        Self { clock, frames }
    }

    fn check(&self, user: UserId) -> Result<(), Refusal> {
        let Some(limiter) = &self.frames else { return Ok(()) };
        limiter.check_key(&user).map_err(|until| refusal(&self.clock, &until))
    }

    /// Forgets the users that have their whole quota again.
    pub(crate) fn forget_rested(&self) {
        if let Some(limiter) = &self.frames {
            limiter.retain_recent();
        }
    }
}

/// The limits of one connection.
pub(crate) struct ConnectionLimits {
    users: Arc<UserLimits>,
    user: UserId,
    frames: Option<OneLimiter>,
    refused: Mutex<Refused>,
    window: Duration,
    flooding: u32,
}

#[derive(Default)]
struct Refused {
    since: Duration,
    count: u32,
}

impl ConnectionLimits {
    pub(crate) fn new(users: Arc<UserLimits>, user: UserId, limits: &Limits) -> Self {
        let frames = limits
            .frames
            .and_then(governor_quota)
            .map(|quota| RateLimiter::new(quota, InMemoryState::default(), users.clock.clone()));
        let window = limits.frames.map_or(Duration::from_secs(60), |quota| quota.window);
        Self { users, user, frames, refused: Mutex::default(), window, flooding: limits.flooding }
    }

    /// Counts one frame.
    pub(crate) fn check(&self) -> Result<(), Verdict> {
        let clock = &self.users.clock;
        let own = match &self.frames {
            Some(limiter) => limiter.check().map_err(|until| refusal(clock, &until)),
            None => Ok(()),
        };
        own.and_then(|()| self.users.check(self.user)).map_err(|refusal| self.refused(refusal))
    }

    fn refused(&self, refusal: Refusal) -> Verdict {
        let now = self.users.clock.now();
        let mut refused = self.refused.lock();
        if now.saturating_sub(refused.since) > self.window {
            *refused = Refused { since: now, count: 0 };
        }
        refused.count += 1;
        if refused.count >= self.flooding { Verdict::Flooding } else { Verdict::Refused(refusal) }
    }
}
