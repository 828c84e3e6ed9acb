//! Time on the wire: RFC 3339 in UTC, always with milliseconds and `Z`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An instant, kept to the microsecond and written to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, format = "date-time"))]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The instant, cut to whole microseconds: what both databases can keep, so that a value survives a round trip.
    pub fn from_jiff(instant: jiff::Timestamp) -> Self {
        let nanos = instant.subsec_nanosecond() % 1_000;
        Self(instant - jiff::SignedDuration::from_nanos(i64::from(nanos)))
    }

    /// The instant that lies `micros` microseconds after the Unix epoch; the nearest end of jiff's range
    /// (years -9999 to 9999) where it lies outside.
    pub fn from_microsecond(micros: i64) -> Self {
        let edge = if micros < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(jiff::Timestamp::from_microsecond(micros).unwrap_or(edge))
    }

    /// Microseconds since the Unix epoch.
    pub fn as_microsecond(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Whole seconds since the Unix epoch, as JWT claims have it (RFC 7519 §2, `NumericDate`).
    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }

    /// The instant `duration` later; the last representable one where that lies beyond it.
    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        Self(self.0.checked_add(duration).unwrap_or(jiff::Timestamp::MAX))
    }

    /// The instant `duration` earlier; the first representable one where that lies before it.
    #[must_use]
    pub fn minus(self, duration: std::time::Duration) -> Self {
        Self(self.0.checked_sub(duration).unwrap_or(jiff::Timestamp::MIN))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        self.0.duration_since(earlier.0).try_into().unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `{:.3}` pads and cuts: jiff writes `Z` for an instant.
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jiff::Timestamp::deserialize(deserializer).map(Self::from_jiff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_with_milliseconds_and_z() {
        let check = |micros, text: &str| assert_eq!(Timestamp::from_microsecond(micros).to_string(), text);
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_704_067_200_000_999, "2024-01-01T00:00:00.000Z");
        check(1_704_067_200_120_000, "2024-01-01T00:00:00.120Z");
    }
}
