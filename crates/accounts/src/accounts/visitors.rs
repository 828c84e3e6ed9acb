//! How often one IP address may knock: governor's GCRA, with a minute's worth as burst, in this process alone.

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use parlor_domain::ports::Clock;
use parlor_domain::{ErrorCode, Refusal};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// How often visitors are forgotten who have their whole quota again. What is kept is what came in about a minute.
const FORGET: Duration = Duration::from_secs(60);

/// The server's clock as governor wants it.
#[derive(Clone)]
struct GovernorClock(Arc<dyn Clock>);

impl governor::clock::Clock for GovernorClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

type Limiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, GovernorClock, NoOpMiddleware<Duration>>;

/// The limits of all visitors.
pub(super) struct Visitors {
    clock: GovernorClock,
    limiter: Option<Limiter>,
    forgot_at: Mutex<Duration>,
}

impl Visitors {
    /// So many requests a minute for each; none: as many as they like.
    pub(super) fn new(clock: Arc<dyn Clock>, requests: Option<NonZeroU32>) -> Self {
        let clock = GovernorClock(clock);
        let limiter = requests.map(|requests| {
            RateLimiter::new(Quota::per_minute(requests), HashMapStateStore::default(), clock.clone())
        });
        let forgot_at = Mutex::new(clock.now());
        Self { clock, limiter, forgot_at }
    }

    /// Counts one request. Who does not say from where they come is one of us. Error: `RATE_LIMIT`.
    pub(super) fn check(&self, from: Option<IpAddr>) -> Result<(), Refusal> {
        let (Some(limiter), Some(from)) = (&self.limiter, from) else { return Ok(()) };
        self.forget(limiter);
        let checked = limiter.check_key(&household(from));
        checked.map_err(|until| {
            Refusal::retry_after(ErrorCode::RateLimit, until.wait_time_from(self.clock.now()))
        })
    }

    fn forget(&self, limiter: &Limiter) {
        let now = self.clock.now();
        let mut forgot_at = self.forgot_at.lock();
        if now.saturating_sub(*forgot_at) >= FORGET {
            *forgot_at = now;
            drop(forgot_at);
            limiter.retain_recent();
        }
    }
}

/// Whom an address stands for: of IPv6, a customer gets at least a whole /64 (RFC 6177 §2).
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::testing::ManualClock;

    /// Protects the server from one visitor, and the others from being taken for them.
    #[test]
    fn each_household_has_its_own_quota_which_comes_back() {
        let clock = Arc::new(ManualClock::default());
        let visitors = Visitors::new(Arc::clone(&clock) as Arc<dyn Clock>, NonZeroU32::new(2));
        let ask = |from: &str| visitors.check(Some(from.parse().unwrap())).map_err(|it| it.retry_after);
        for (from, wanted) in [
            ("192.0.2.1", Ok(())),
            ("::ffff:192.0.2.1", Ok(())),
            ("192.0.2.1", Err(Some(30))),
            ("192.0.2.2", Ok(())),
            ("2001:db8::1", Ok(())),
            ("2001:db8::ffff:0:0:1", Ok(())),
            ("2001:db8::2", Err(Some(30))),
            ("2001:db8:0:1::2", Ok(())),
        ] {
            assert_eq!(ask(from), wanted, "{from}");
        }
        assert_eq!(visitors.check(None), Ok(()));
        clock.advance(Duration::from_secs(120));
        assert_eq!(ask("192.0.2.1"), Ok(()));
        assert_eq!(visitors.limiter.as_ref().unwrap().len(), 1, "the others are forgotten");
        let open = Visitors::new(clock, None);
        assert!((0..1_000).all(|_| open.check(Some(Ipv6Addr::LOCALHOST.into())).is_ok()));
    }
}
