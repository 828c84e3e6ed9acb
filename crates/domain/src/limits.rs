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
use std::num::NonZeroU32;
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

/// A window that is longer is taken for this one: governor counts in 64 bits of nanoseconds. A year.
const WINDOW_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

fn governor_quota(quota: Quota) -> Option<governor::Quota> {
    let interval = quota.window.min(WINDOW_MAX) / quota.requests.get();
    governor::Quota::with_period(interval).map(|it| it.allow_burst(quota.requests))
}

fn refusal(code: ErrorCode, clock: &GovernorClock, until: &NotUntil<Duration>) -> Refusal {
    Refusal::retry_after(code, until.wait_time_from(clock.now()))
}

/// What a refused frame means for its connection.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is answered, and the connection stays.
    Refused(Refusal),
    /// The client does not listen: the connection ends.
    Flooding,
}

/// What is counted by user, each with a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Frames, over all connections.
    Frames,
    /// Completions that belong to no conversation.
    Completions,
    /// Messages that come by the AI API, over HTTP and over sockets together.
    AiChats,
    /// Embeddings, and documents that are added.
    Embeddings,
    /// Kibibytes of uploads.
    Uploads,
}

impl Counted {
    /// What is counted, and how much of it there may be.
    fn quotas(limits: &Limits) -> [(Self, Option<Quota>); 5] {
        [
            (Self::Frames, limits.user_frames),
            (Self::Completions, limits.completions),
            (Self::AiChats, limits.ai_chats),
            (Self::Embeddings, limits.embeddings),
            (Self::Uploads, limits.uploads),
        ]
    }

    fn code(self) -> ErrorCode {
        match self {
            Self::Frames | Self::Completions | Self::Embeddings | Self::Uploads => ErrorCode::RateLimit,
            Self::AiChats => ErrorCode::ChatRateLimitExceeded,
        }
    }
}

/// The limits of all users, kept by user. What has no limit is not in it.
pub(crate) struct UserLimits {
    clock: GovernorClock,
    limiters: Vec<(Counted, UserLimiter)>,
    /// The whole quota of uploads.
    upload_burst: u32,
}

impl UserLimits {
    pub(crate) fn new(clock: Arc<dyn Clock>, limits: &Limits) -> Self {
        let clock = GovernorClock(clock);
        let limiter = |(counted, quota): (Counted, Option<Quota>)| {
            let quota = quota.and_then(governor_quota)?;
            Some((counted, RateLimiter::new(quota, HashMapStateStore::default(), clock.clone())))
        };
        let limiters = Counted::quotas(limits).into_iter().filter_map(limiter).collect();
        let upload_burst = limits.uploads.map_or(u32::MAX, |quota| quota.requests.get());
        Self { clock, limiters, upload_burst }
    }

    fn limiter(&self, counted: Counted) -> Option<&UserLimiter> {
        self.limiters.iter().find(|(it, _)| *it == counted).map(|(_, limiter)| limiter)
    }

    /// Counts one of these. Error: there were too many.
    pub(crate) fn check(&self, counted: Counted, user: UserId) -> Result<(), Refusal> {
        let Some(limiter) = self.limiter(counted) else { return Ok(()) };
        limiter.check_key(&user).map_err(|until| refusal(counted.code(), &self.clock, &until))
    }

    /// Counts bytes of uploads, in kibibytes begun, and nothing as one. More than the whole quota at once counts as the whole.
    pub(crate) fn check_upload(&self, user: UserId, bytes: usize) -> Result<(), Refusal> {
        let Some(limiter) = self.limiter(Counted::Uploads) else { return Ok(()) };
        let wanted = u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX).min(self.upload_burst);
        let Some(wanted) = NonZeroU32::new(wanted) else { return Ok(()) };
        match limiter.check_key_n(&user, wanted) {
            Ok(Err(until)) => Err(refusal(Counted::Uploads.code(), &self.clock, &until)),
            Ok(Ok(())) | Err(_) => Ok(()), // it asks for no more than there ever is
        }
    }

    /// Forgets the users that have their whole quota again.
    pub(crate) fn forget_rested(&self) {
        self.limiters.iter().for_each(|(_, limiter)| limiter.retain_recent());
    }
}

/// The limits of one connection.
pub(crate) struct ConnectionLimits {
    users: Arc<UserLimits>,
    user: UserId,
    frames: Option<OneLimiter>,
    chats: Option<OneLimiter>,
    refused: Mutex<Refused>,
    window: Duration,
    flooding: Option<u32>,
}

#[derive(Default)]
struct Refused {
    since: Duration,
    count: u32,
}

impl ConnectionLimits {
    pub(crate) fn new(users: Arc<UserLimits>, user: UserId, limits: &Limits) -> Self {
        let limiter = |quota: Option<Quota>| {
            let quota = quota.and_then(governor_quota)?;
            Some(RateLimiter::new(quota, InMemoryState::default(), users.clock.clone()))
        };
        let (frames, chats) = (limiter(limits.frames), limiter(limits.chats));
        let window = limits.frames.map_or(Duration::from_secs(60), |quota| quota.window);
        Self { users, user, frames, chats, refused: Mutex::default(), window, flooding: limits.flooding }
    }

    /// Counts one frame.
    pub(crate) fn check(&self) -> Result<(), Verdict> {
        let clock = &self.users.clock;
        let own = match &self.frames {
            Some(limiter) => limiter.check().map_err(|until| refusal(ErrorCode::RateLimit, clock, &until)),
            None => Ok(()),
        };
        own.and_then(|()| self.users.check(Counted::Frames, self.user))
            .map_err(|refusal| self.refused(refusal))
    }

    /// Counts one message, in a frame that was counted.
    pub(crate) fn check_chat(&self) -> Result<(), Verdict> {
        let clock = &self.users.clock;
        let Some(limiter) = &self.chats else { return Ok(()) };
        let refusal = |until| refusal(ErrorCode::ChatRateLimitExceeded, clock, &until);
        limiter.check().map_err(|until| self.refused(refusal(until)))
    }

    /// The same, where messages count by user and not by connection.
    pub(crate) fn check_user_chat(&self) -> Result<(), Verdict> {
        self.users.check(Counted::AiChats, self.user).map_err(|refusal| self.refused(refusal))
    }

    /// Counts the bytes of a chunk, whose frame is not counted.
    pub(crate) fn check_upload(&self, bytes: usize) -> Result<(), Verdict> {
        self.users.check_upload(self.user, bytes).map_err(|refusal| self.refused(refusal))
    }

    fn refused(&self, refusal: Refusal) -> Verdict {
        let now = self.users.clock.now();
        let mut refused = self.refused.lock();
        if now.saturating_sub(refused.since) > self.window {
            *refused = Refused { since: now, count: 0 };
        }
        refused.count += 1;
        let floods = self.flooding.is_some_and(|flooding| refused.count >= flooding);
        if floods { Verdict::Flooding } else { Verdict::Refused(refusal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    fn limits(requests: u32, seconds: u64) -> Limits {
        let frames = Quota::new(requests, Duration::from_secs(seconds));
        Limits { frames, user_frames: frames, flooding: Some(3), ..Limits::default() }
    }

    /// Protects the memory: a user who has their whole quota again is forgotten, and nobody else.
    #[test]
    fn rested_users_are_forgotten() {
        let clock = Arc::new(ManualClock::default());
        let users = UserLimits::new(Arc::clone(&clock) as Arc<dyn Clock>, &limits(2, 10));
        let (one, two) = (UserId::new(), UserId::new());
        users.check(Counted::Frames, one).unwrap();
        clock.advance(Duration::from_secs(20));
        users.check(Counted::Frames, two).unwrap();
        users.forget_rested();
        let frames = |users: &UserLimits| {
            users.limiters.iter().find(|(counted, _)| *counted == Counted::Frames).unwrap().1.len()
        };
        assert_eq!(frames(&users), 1, "the first has rested");
        users.check(Counted::Frames, two).unwrap();
        assert!(users.check(Counted::Frames, two).is_err());
        clock.advance(Duration::from_secs(60));
        users.forget_rested();
        assert_eq!(frames(&users), 0);
    }

    /// Protects a client that was refused long ago: the window of its refusals begins with the first of them.
    #[test]
    fn refusals_count_within_one_window() {
        let clock = Arc::new(ManualClock::default());
        let settings = limits(1, 10);
        let users = Arc::new(UserLimits::new(Arc::clone(&clock) as Arc<dyn Clock>, &settings));
        let connection = ConnectionLimits::new(users, UserId::new(), &settings);
        connection.check().unwrap();
        clock.advance(Duration::from_secs(5));
        for _ in 0..2 {
            assert!(matches!(connection.check(), Err(Verdict::Refused(_))));
        }
        clock.advance(Duration::from_secs(11));
        connection.check().unwrap();
        for _ in 0..2 {
            assert!(matches!(connection.check(), Err(Verdict::Refused(_))));
        }
        assert!(matches!(connection.check(), Err(Verdict::Flooding)));
    }

    /// Protects odd settings from a panic or a limit that is none.
    #[test]
    fn windows_of_every_size_work() {
        for (requests, window) in
            [(1, Duration::from_nanos(1)), (u32::MAX, Duration::from_secs(1)), (1, Duration::MAX)]
        {
            let frames = Quota::new(requests, window);
            let settings = Limits { frames, ..Limits::default() };
            let users = Arc::new(UserLimits::new(Arc::new(ManualClock::default()), &settings));
            ConnectionLimits::new(users, UserId::new(), &settings).check().unwrap();
        }
    }
}
