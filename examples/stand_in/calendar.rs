//! The clock and the calendar, as eCapture prints them. Years have any length: `--hex` needs that.

use std::io::Write as _;
use std::time::SystemTime;

/// The time now, in nanoseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge of an example: nobody passes the time in"
)]
pub(crate) fn now_ns() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}

/// Nanoseconds of one second.
pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// Year, month, day, hour, minute and second of a local time in seconds since 1970.
fn parts(local_seconds: i64) -> (i64, i64, i64, i64, i64, i64) {
    let days = local_seconds.div_euclid(86_400);
    let second = local_seconds.rem_euclid(86_400);
    // Howard Hinnant's civil_from_days: years begin in March, so that the leap day is the last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (
        year,
        month,
        day,
        second / 3_600,
        second / 60 % 60,
        second % 60,
    )
}

/// Appends `YYYY-MM-DD HH:MM:SS.mmm`.
pub(crate) fn write_local(unix_ns: i64, zone_seconds: i32, out: &mut Vec<u8>) {
    let millis = unix_ns.rem_euclid(SECOND_NS) / 1_000_000;
    write_local_seconds(unix_ns.div_euclid(SECOND_NS), millis, zone_seconds, out);
}

/// Appends `YYYY-MM-DD HH:MM:SS.mmm` for a time in seconds.
pub(crate) fn write_local_seconds(seconds: i64, millis: i64, zone_seconds: i32, out: &mut Vec<u8>) {
    let (year, month, day, hour, minute, second) =
        parts(seconds.saturating_add(i64::from(zone_seconds)));
    for (number, digits, end) in [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b' '),
        (hour, 2, b':'),
        (minute, 2, b':'),
        (second, 2, b'.'),
    ] {
        padded(number, digits, out);
        out.push(end);
    }
    padded(millis, 3, out);
}

/// Appends `number`, which must not be negative, with zeros before it up to `digits` digits.
fn padded(number: i64, digits: u32, out: &mut Vec<u8>) {
    let number = number.unsigned_abs();
    for position in (1..digits).rev() {
        if number < 10_u64.pow(position) {
            out.push(b'0');
        }
    }
    super::random::decimal(number, out);
}

/// RFC 3339 in whole seconds with the zone's offset, `Z` for none.
pub(crate) fn rfc_3339(unix_ns: i64, zone_seconds: i32) -> String {
    let (year, month, day, hour, minute, second) =
        parts(unix_ns.div_euclid(SECOND_NS) + i64::from(zone_seconds));
    let time = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if zone_seconds == 0 {
        return format!("{time}Z");
    }
    let sign = if zone_seconds < 0 { '-' } else { '+' };
    let minutes = zone_seconds.unsigned_abs() / 60;
    format!("{time}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Appends the value of an HTTP `Date` header. Every day of the traffic is the same Monday.
pub(crate) fn write_http_date(offset_ns: i64, out: &mut Vec<u8>) {
    let (_, _, _, hour, minute, second) = parts(offset_ns.div_euclid(SECOND_NS) + 38_400);
    let written = write!(
        out,
        "Mon, 23 Nov 2026 {hour:02}:{minute:02}:{second:02} GMT"
    );
    written.expect("a Vec takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        assert_eq!(
            rfc_3339(1_795_430_453 * SECOND_NS, 28_800),
            "2026-11-23T18:40:53+08:00"
        );
        assert_eq!(
            rfc_3339(1_795_430_435 * SECOND_NS, 0),
            "2026-11-23T10:40:35Z"
        );
        let mut out = Vec::new();
        write_local(1_795_430_438_036_000_000, 0, &mut out);
        assert_eq!(out, b"2026-11-23 10:40:38.036");
    }
}
