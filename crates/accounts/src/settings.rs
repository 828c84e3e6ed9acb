//! Every figure of our own accounts.

use std::num::NonZeroU32;
use std::time::Duration;

/// How often something may happen in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How often.
    pub times: u32,
    /// In which time, from the first of them on.
    pub window: Duration,
}

/// What a password's hash costs (RFC 9106), and how many are made at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// How many are made at once, each on a thread of its own.
    pub at_once: usize,
    /// How many may wait for that. Whoever comes then gets `RATE_LIMIT`.
    pub waiting: usize,
}

/// How our own accounts behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    /// How long an access token is good. 1 h.
    pub access_token: Duration,
    /// How long a refresh token is good, from its own making on. 30 days.
    pub refresh_token: Duration,
    /// How long a code by mail is good. 10 min.
    pub code: Duration,
    /// How many guesses a code bears. 5.
    pub code_tries: u32,
    /// How many codes of one address and purpose are good at the same time. 3.
    pub live_codes: usize,
    /// Wrong passwords of an address, known or not; a right one clears the count. 10 in 15 min.
    pub wrong_passwords: Allowance,
    /// Codes that are guessed at, of an address and purpose; a right one clears the count. 20 in an hour.
    pub guesses: Allowance,
    /// Mails to an address, of each purpose. 5 in an hour.
    pub mails: Allowance,
    /// Whether people without an account may try the server. Not unless said.
    pub guest_access: bool,
    /// Guests from one IP address (of IPv6: one /64). 30 in an hour.
    pub guests: Allowance,
    /// Requests from one IP address (of IPv6: one /64) in a minute, in this process; none: as many as they like. 60.
    pub requests: Option<NonZeroU32>,
    /// How long every answer takes at least that could tell by its time whether an address is known. 300 ms.
    pub answer_floor: Duration,
    /// Passwords.
    pub hashing: Hashing,
}

impl Default for Hashing {
    /// The OWASP Password Storage Cheat Sheet's parameters of argon2id: 19 MiB, 2 passes, one lane. As many at once as
    /// there are cores, at most 4, so that the rest of the server goes on.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { memory: 19 * 1024, passes: 2, at_once: cores.min(4), waiting: 64 }
    }
}

impl Default for AccountSettings {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            access_token: minutes(60),
            refresh_token: minutes(30 * 24 * 60),
            code: minutes(10),
            code_tries: 5,
            live_codes: 3,
            wrong_passwords: Allowance { times: 10, window: minutes(15) },
            guesses: Allowance { times: 20, window: minutes(60) },
            mails: Allowance { times: 5, window: minutes(60) },
            guest_access: false,
            guests: Allowance { times: 30, window: minutes(60) },
            requests: NonZeroU32::new(60),
            answer_floor: Duration::from_millis(300),
            hashing: Hashing::default(),
        }
    }
}
