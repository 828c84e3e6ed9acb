//! From a setting's text to its value: one implementation a kind of value, none of which knows a setting's name.

use super::table::Key;
use super::values::{Problem, Values};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// A kind of value. What it looks like is in the table, for the complaint.
pub(crate) trait FromText: Sized {
    /// The value, if the text is one.
    fn from_text(text: &str) -> Option<Self>;
}

impl Values {
    /// A setting that always has a value.
    pub(crate) fn get<T: FromText>(&self, key: Key) -> Result<T, Problem> {
        self.find(key)?.ok_or_else(|| self.problem(key))
    }

    /// A setting that may be unset.
    pub(crate) fn find<T: FromText>(&self, key: Key) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(key) else { return Ok(None) };
        T::from_text(text).map(Some).ok_or_else(|| self.problem(key))
    }

    /// A limit; none where it is 0 or unset.
    pub(crate) fn limit<T: FromText + Zero>(&self, key: Key) -> Result<Option<T>, Problem> {
        self.find(key).map(|limit: Option<T>| limit.filter(|limit| !limit.is_zero()))
    }

    /// What cannot be zero.
    pub(crate) fn above_zero<T: FromText + Zero>(&self, key: Key) -> Result<T, Problem> {
        self.limit(key)?.ok_or_else(|| self.problem(key))
    }
}

/// What can be no limit.
pub(crate) trait Zero {
    fn is_zero(&self) -> bool;
}

macro_rules! whole_numbers {
    ($($number:ty)*) => {$(
        impl FromText for $number {
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }

        impl Zero for $number {
            fn is_zero(&self) -> bool {
                *self == 0
            }
        }
    )*};
}

whole_numbers!(u16 u32 u64 usize);

impl FromText for NonZeroU32 {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Zero for Duration {
    fn is_zero(&self) -> bool {
        Duration::is_zero(self)
    }
}

impl FromText for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromText for PathBuf {
    fn from_text(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }
}

/// The units of time, the longer word first where one ends another.
const UNITS: [(&str, f64); 5] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)];

impl FromText for Duration {
    /// Seconds, or a number with a unit; at most 100 years.
    fn from_text(text: &str) -> Option<Self> {
        let unit = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
        let (number, seconds) = unit.unwrap_or((text, 1.0));
        // Not what else Rust takes for a number: inf, nan, +1, 1e9.
        let plain = number.bytes().all(|digit| digit.is_ascii_digit() || digit == b'.');
        let seconds = number.parse::<f64>().ok().filter(|_| plain)? * seconds;
        (seconds <= 100.0 * 365.0 * 86400.0).then(|| Self::from_secs_f64(seconds))
    }
}

/// Characters that may stand in an HTTP header: no spaces, no line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visible(pub(crate) String);

impl FromText for Visible {
    fn from_text(text: &str) -> Option<Self> {
        text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_have_a_unit() {
        let check = |text: &str, millis: u64| {
            assert_eq!(Duration::from_text(text), Some(Duration::from_millis(millis)), "{text}");
        };
        check("30", 30_000);
        check("0.5", 500);
        check("250ms", 250);
        check("30s", 30_000);
        check("5m", 300_000);
        check("24h", 86_400_000);
        check("7d", 604_800_000);
        check("0", 0);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", "s", "-1", "+1", "1e9", "inf", "nan", "1 s", "1y", "1m30s", ".", "1..2", "99999999999999"]
        {
            assert_eq!(Duration::from_text(text), None, "{text}");
        }
    }
}
