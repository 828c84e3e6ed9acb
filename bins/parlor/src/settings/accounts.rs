//! What tokens are signed with and how long they are good, what lets workers in, and how fast people may sign in.

use super::read::FromText;
use super::server::Host;
use super::{Key, Problem, Values};
use parlor_accounts::service_keys::SERVICE_KEY_MIN;
use parlor_accounts::tokens::SECRET_MIN;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long a token from a sign-in may be good. Whose sign-in was ended is remembered for as long as the longest: those of
/// a stolen sign-in must be over by then.
const ACCESS_TTL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// The settings of accounts.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// None: the one that is kept in the data folder.
    pub(crate) secret: Option<Secret>,
    /// Of workers; none lets none in.
    pub(crate) service_keys: ServiceKeyList,
    /// How long an access token is good that comes of a sign-in, and how long its refresh token is.
    pub(crate) access_token: Duration,
    pub(crate) refresh_token: Duration,
    /// From one IP address in a minute; none is no limit.
    pub(crate) requests: Option<NonZeroU32>,
    /// Whether people without an account may try the server.
    pub(crate) guests: bool,
    /// How long an answer takes at least. Zero: as long as it takes.
    pub(crate) minimum_time: Duration,
}

impl Accounts {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            secret: values.find(Key::JwtSecret)?,
            service_keys: values.find(Key::AiServiceKey)?.unwrap_or_default(),
            access_token: values.get(Key::AccessTokenTtl).map(|AccessTtl(ttl)| ttl)?,
            refresh_token: values.get(Key::RefreshTokenTtl).map(|RefreshTtl(ttl)| ttl)?,
            requests: values.limit(Key::AuthRateLimitRequests)?.and_then(NonZeroU32::new),
            guests: match values.find(Key::GuestAccess)? {
                Some(chosen) => chosen,
                None => values.get::<Host>(Key::Host)?.is_loopback(),
            },
            minimum_time: values.get(Key::AuthMinimumTime)?,
        })
    }
}

struct AccessTtl(Duration);

impl FromText for AccessTtl {
    fn from_text(text: &str) -> Option<Self> {
        Duration::from_text(text).filter(|ttl| ACCESS_TTL.contains(ttl)).map(Self)
    }
}

struct RefreshTtl(Duration);

impl FromText for RefreshTtl {
    fn from_text(text: &str) -> Option<Self> {
        Duration::from_text(text).filter(|ttl| ttl >= ACCESS_TTL.start()).map(Self)
    }
}

/// A signing secret.
pub(crate) struct Secret(pub(crate) Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromText for Secret {
    fn from_text(text: &str) -> Option<Self> {
        (text.len() >= SECRET_MIN).then(|| Self(text.as_bytes().to_vec()))
    }
}

/// Keys that are long enough.
#[derive(Default)]
pub(crate) struct ServiceKeyList(pub(crate) Vec<String>);

impl std::fmt::Debug for ServiceKeyList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceKeyList({} keys)", self.0.len())
    }
}

impl FromText for ServiceKeyList {
    fn from_text(text: &str) -> Option<Self> {
        let key = |key: &str| (key.len() >= SERVICE_KEY_MIN).then(|| key.to_owned());
        text.split(',').map(|it| key(it.trim())).collect::<Option<_>>().map(Self)
    }
}
