//! Times as people write them.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::event::{Timestamp, Zone};

use super::Error;

/// The forms of a time, for a hint.
pub const TIME_FORMS: &str = "10m, 2h30m, 7d, \"2 hours ago\", 10:00, 2026-11-20, \"2026-11-20 10:00\", \
     2026-11-20T10:00:00Z, @1700000000, today, yesterday, now";

const WALL_FORMS: [&str; 4] = ["%F %T%.f", "%FT%T%.f", "%F %R", "%FT%R"];
const ZONED_FORMS: [&str; 4] = ["%FT%R%:z", "%F %R%:z", "%F %T%.f %z", "%F %T%.f%:z"];

/// Reads a time.
///
/// In this order: `now`, `today`, `yesterday` and `tomorrow` (midnight, or with a time of day behind it); `@` and the
/// time since 1970 in s, ms, µs or ns by its size; a duration, with or without `-` in front or `ago` behind, counted
/// back from `now`; a date, a time of day or both, in `zone` unless it says its own. `m` is always minutes; `M` and
/// `month` are months.
///
/// # Errors
///
/// If it is in none of these forms, or its meaning is anyone's guess.
pub fn time(text: &str, now: Timestamp, zone: Zone) -> Result<Timestamp, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(number) = text.strip_prefix('@') {
        return epoch(number);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::BareNumber(text.to_owned()));
    }
    if let Some(time) = day_word(text, now, zone) {
        return Ok(time);
    }
    if let Some(duration) = before_now(text) {
        return Ok(now.minus(duration));
    }
    if let Some(time) = calendar(text, now, zone) {
        return Ok(time);
    }
    if text.contains('/') {
        return Err(Error::AmbiguousDate);
    }
    Err(Error::UnknownTime)
}

/// `now`, `today`, `yesterday`, `tomorrow`, the last three with a time of day if there is one.
fn day_word(text: &str, now: Timestamp, zone: Zone) -> Option<Timestamp> {
    let lower = text.to_ascii_lowercase();
    if lower == "now" {
        return Some(now);
    }
    let (word, clock) = lower.split_once(' ').unwrap_or((lower.as_str(), "00:00"));
    let today = zone.at(now).date_naive();
    let day = match word {
        "today" => today,
        "yesterday" => today.checked_sub_days(Days::new(1))?,
        "tomorrow" => today.checked_add_days(Days::new(1))?,
        _ => return None,
    };
    Some(zone.time_of(day.and_time(time_of_day(clock.trim())?)))
}

/// The time since 1970; its size tells the unit, as times before 1973 in milliseconds are not captured.
fn epoch(text: &str) -> Result<Timestamp, Error> {
    const SECONDS_BELOW: i128 = 100_000_000_000;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(Error::UnknownTime);
    }
    let whole: i128 = whole.parse().map_err(|_| Error::TimeOutOfRange)?;
    let places: usize = match whole {
        n if n < SECONDS_BELOW => 9,
        n if n < SECONDS_BELOW * 1_000 => 6,
        n if n < SECONDS_BELOW * 1_000_000 => 3,
        _ => 0,
    };
    let unit = (0..places).fold(1_i128, |unit, _| unit * 10);
    let fraction = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(places)
        .fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let nanos = whole
        .checked_mul(unit)
        .map(|nanos| nanos + fraction)
        .map(|nanos| if negative { -nanos } else { nanos })
        .and_then(|nanos| i64::try_from(nanos).ok())
        .ok_or(Error::TimeOutOfRange)?;
    Ok(Timestamp::from_nanos(nanos))
}

/// A duration, which is meant backwards.
fn before_now(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let length = text.strip_suffix("ago").unwrap_or(text).trim();
    humantime::parse_duration(length).ok()
}

/// A date, a time of day, or both.
fn calendar(text: &str, now: Timestamp, zone: Zone) -> Option<Timestamp> {
    let zoned = DateTime::parse_from_rfc3339(text).ok().or_else(|| {
        ZONED_FORMS
            .iter()
            .find_map(|form| DateTime::parse_from_str(text, form).ok())
    });
    if let Some(zoned) = zoned {
        return Some(Timestamp::from_utc(zoned.with_timezone(&Utc)));
    }
    let wall = WALL_FORMS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .or_else(|| {
            Some(
                NaiveDate::parse_from_str(text, "%F")
                    .ok()?
                    .and_time(NaiveTime::MIN),
            )
        })
        .or_else(|| Some(zone.at(now).date_naive().and_time(time_of_day(text)?)))?;
    Some(zone.time_of(wall))
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    ["%T%.f", "%R"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    /// 2026-11-23 11:00 UTC, a Monday, read two hours east of it.
    fn read(text: &str) -> Result<String, Error> {
        let now = Timestamp::from_seconds(1_795_431_600);
        let zone = Zone::Fixed(FixedOffset::east_opt(7200).unwrap());
        time(text, now, zone).map(|time| {
            time.to_string()
                .replace(".000000000Z", "")
                .replace(":00:00", "h")
        })
    }

    #[test]
    fn forms() {
        let cases = [
            ("now", "2026-11-23T11h"),
            ("today", "2026-11-22T22h"),
            ("Yesterday", "2026-11-21T22h"),
            ("yesterday 10:00", "2026-11-22T08h"),
            ("3 months ago", "2026-08-24T03:19:12"),
            ("today 10:00", "2026-11-23T08h"),
            ("10m", "2026-11-23T10:50:00"),
            ("-10m", "2026-11-23T10:50:00"),
            ("10m ago", "2026-11-23T10:50:00"),
            ("10 minutes ago", "2026-11-23T10:50:00"),
            ("2h30m", "2026-11-23T08:30:00"),
            ("2 hours ago", "2026-11-23T09h"),
            ("1 hour 30 min ago", "2026-11-23T09:30:00"),
            ("90s", "2026-11-23T10:58:30"),
            ("7d", "2026-11-16T11h"),
            ("1w", "2026-11-16T11h"),
            ("5m", "2026-11-23T10:55:00"),
            ("5 m ago", "2026-11-23T10:55:00"),
            ("2026-11-20", "2026-11-19T22h"),
            ("2026-11-20 10:00", "2026-11-20T08h"),
            ("2026-11-20T10:00", "2026-11-20T08h"),
            ("2026-11-20 10:00:01.5", "2026-11-20T08:00:01.500000000Z"),
            ("10:00", "2026-11-23T08h"),
            ("10:00:30", "2026-11-23T08:00:30"),
            ("2026-11-20T10:00:00Z", "2026-11-20T10h"),
            ("2026-11-20 10:00:00Z", "2026-11-20T10h"),
            ("2026-11-20T10:00+01:00", "2026-11-20T09h"),
            (
                "2026-11-20T10:00:00.123456789+02:00",
                "2026-11-20T08h.123456789Z",
            ),
            ("@1767348000", "2026-01-02T10h"),
            ("@1767348000.25", "2026-01-02T10h.250000000Z"),
            ("@1767348000000", "2026-01-02T10h"),
            ("@1767348000000.5", "2026-01-02T10h.000500000Z"),
            ("@1767348000000000", "2026-01-02T10h"),
            ("@1767348000000000001", "2026-01-02T10h.000000001Z"),
            ("@0", "1970-01-01T00h"),
            ("@-1", "1969-12-31T23:59:59"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        let cases = [
            ("", Error::Empty),
            ("10", Error::BareNumber("10".to_owned())),
            ("soon", Error::UnknownTime),
            ("01/02/2026", Error::AmbiguousDate),
            ("@", Error::UnknownTime),
            ("@1x", Error::UnknownTime),
            ("@99999999999999999999", Error::TimeOutOfRange),
            ("2026-13-01", Error::UnknownTime),
            ("25:00", Error::UnknownTime),
            ("today 25:00", Error::UnknownTime),
            ("friday 25:00", Error::UnknownTime),
            ("2026-11-20010T:00", Error::UnknownTime),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Err(expected), "{text}");
        }
    }
}
