//! Points in time.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// A point in time: nanoseconds since 1970-01-01 00:00 UTC, without leap seconds.
///
/// The range is that of an `i64`, the years 1677 to 2262. Arithmetic saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest point in time.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest point in time.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since 1970; saturates.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since 1970.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// This time plus a number of nanoseconds, which may be negative; saturates.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// This time plus `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }

    /// This time minus `duration`; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        self.plus_nanos(i64::try_from(duration.as_nanos()).map_or(i64::MIN, |nanos| -nanos))
    }

    /// How many nanoseconds `earlier` lies before this; negative if it lies after. Saturates.
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long `earlier` lies before this; zero if it lies after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos_since(earlier)).unwrap_or(0))
    }

    /// As chrono's type.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// From chrono's type; saturates.
    pub fn from_utc(time: DateTime<Utc>) -> Self {
        let limit = if time.timestamp() < 0 {
            i64::MIN
        } else {
            i64::MAX
        };
        Self(time.timestamp_nanos_opt().unwrap_or(limit))
    }
}

/// RFC 3339 in UTC with nine digits of a second.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Nanos, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_rfc_3339() {
        assert_eq!(
            Timestamp::from_nanos(1_795_430_936_000_000_001).to_string(),
            "2026-11-23T10:48:56.000000001Z"
        );
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.plus(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::from_seconds(i64::MAX), Timestamp::MAX);
        assert_eq!(
            Timestamp::from_nanos(1).since(Timestamp::from_nanos(2)),
            Duration::ZERO
        );
    }
}
