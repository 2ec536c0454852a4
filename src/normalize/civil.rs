//! Dates as eCapture prints them, for years of any length.
//!
//! `--hex` prints nanoseconds as if they were seconds, which gives years of six digits and more; date libraries stop
//! far before. The day arithmetic is Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".

use std::io::{self, Write};

use super::scan::Scanner;

const SECONDS_PER_DAY: i64 = 86_400;
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// A date read from text: seconds since 1970 in the text's own zone, and milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) seconds: i64,
    pub(super) millis: i64,
}

impl Civil {
    /// Reads `YYYY-MM-DD HH:MM:SS.mmm`, with four or more digits for the year, and nothing behind it.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let mut part = |end: &[u8]| -> Option<i64> {
            let value = scanner.number::<i64>()?;
            scanner.tag(end)?;
            Some(value)
        };
        let (year, month, day) = (part(b"-")?, part(b"-")?, part(b" ")?);
        let (hour, minute, second, millis) = (part(b":")?, part(b":")?, part(b".")?, part(b"")?);
        let in_range = scanner.rest().is_empty()
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            && millis < 1000;
        if !in_range {
            return None;
        }
        let seconds = days(year, month, day)?
            .checked_mul(SECONDS_PER_DAY)?
            .checked_add(hour * 3600 + minute * 60 + second)?;
        Some(Self { seconds, millis })
    }

    /// From nanoseconds since 1970, if they are whole milliseconds.
    pub(super) fn from_nanos(nanos: i64) -> Option<Self> {
        (nanos % 1_000_000 == 0).then(|| Self {
            seconds: nanos.div_euclid(1_000_000_000),
            millis: nanos.rem_euclid(1_000_000_000) / 1_000_000,
        })
    }

    /// As nanoseconds since 1970, if they fit.
    pub(super) fn to_nanos(self) -> Option<i64> {
        self.seconds
            .checked_mul(1_000_000_000)?
            .checked_add(self.millis * 1_000_000)
    }

    /// Writes what `parse` reads.
    pub(super) fn write(self, out: &mut impl Write) -> io::Result<()> {
        let (year, month, day) = date(self.seconds.div_euclid(SECONDS_PER_DAY));
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY);
        write!(
            out,
            "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:03}",
            second / 3600,
            second / 60 % 60,
            second % 60,
            self.millis
        )
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` for a year that is too long.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era.checked_mul(DAYS_PER_ERA)?
        .checked_add(day_of_era - EPOCH_DAYS)
}

/// Year, month and day. `days` comes from a division, so that adding to it cannot overflow.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(seconds: i64, millis: i64) -> String {
        let mut text = Vec::new();
        Civil { seconds, millis }.write(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn prints_and_parses() {
        for (seconds, millis, text) in [
            (0, 0, "1970-01-01 00:00:00.000"),
            (1_795_430_438, 36, "2026-11-23 10:40:38.036"),
            (951_782_400, 0, "2000-02-29 00:00:00.000"),
        ] {
            assert_eq!(printed(seconds, millis), text);
            assert_eq!(
                Civil::parse(text.as_bytes()),
                Some(Civil { seconds, millis })
            );
        }
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "2026",
            "2026-13-01 00:00:00.000",
            "2026-01-01 24:00:00.000",
            "2026-01-01 00:00:00.000 ",
            "99999999999999999-01-01 00:00:00.000",
            "9223372036854775807-01-01 00:00:00.000",
        ] {
            assert_eq!(Civil::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(seconds in -62_167_219_200..i64::MAX, millis in 0..1000_i64) {
            let text = printed(seconds, millis);
            prop_assert_eq!(Civil::parse(text.as_bytes()), Some(Civil { seconds, millis }));
        }
    }
}
