//! Numbers as they are written: with units, as classes, in hexadecimal digits.

use super::expr::Literal;
use super::literal::status;

/// What a unit of a size stands for. A `B` may follow.
const UNITS: [(&str, i64); 10] = [
    ("", 1),
    ("k", 1000),
    ("K", 1000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
];

const NUMBER: &str = "expected a whole number, such as 443 or 0x1bb";
const SIZE: &str = "expected a size in bytes, such as 1500, 100k, 2M or 1Gi";

/// Reads a whole number.
pub(super) fn int(text: &str) -> Result<i64, String> {
    let (digits, base) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let plain = digits
        .strip_prefix('-')
        .filter(|_| base == 10)
        .unwrap_or(digits);
    if plain.is_empty() || !plain.chars().all(|digit| digit.is_digit(base)) {
        return Err(NUMBER.to_owned());
    }
    i64::from_str_radix(digits, base).map_err(|_| "this number is too large".to_owned())
}

/// Reads a size in bytes.
pub(super) fn size(text: &str) -> Result<i64, String> {
    if text.starts_with("0x") {
        return int(text);
    }
    let unit = text
        .find(|each: char| !each.is_ascii_digit() && each != '-')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit).unwrap_or((text, ""));
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    let factor = UNITS.iter().find(|(name, _)| *name == unit);
    let Some((_, factor)) = factor.filter(|_| !number.is_empty()) else {
        return Err(SIZE.to_owned());
    };
    int(number)
        .map_err(|message| {
            if message == NUMBER {
                SIZE.to_owned()
            } else {
                message
            }
        })?
        .checked_mul(*factor)
        .ok_or_else(|| "this number is too large".to_owned())
}

/// What a unit of a length of time stands for, in nanoseconds.
const DURATION_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1000),
    ("\u{b5}s", 1000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const DURATION: &str = "expected a length of time, such as 250ms, 1.5s or 2m";

/// Reads a length of time, in nanoseconds.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let unit = text
        .find(|each: char| !each.is_ascii_digit() && each != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit).unwrap_or((text, ""));
    let factor = DURATION_UNITS.iter().find(|(name, _)| *name == unit);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_dotted = number.contains('.');
    let Some((_, factor)) =
        factor.filter(|_| !whole.is_empty() && is_dotted != fraction.is_empty())
    else {
        return Err(DURATION.to_owned());
    };
    let too_large = || "this length of time is too large".to_owned();
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    // Digits beyond the nanosecond say nothing.
    let mut part = 0_u64;
    let mut worth = *factor;
    for digit in fraction.chars().filter_map(|digit| digit.to_digit(10)) {
        worth /= 10;
        part += u64::from(digit) * worth;
    }
    whole
        .checked_mul(*factor)
        .and_then(|whole| whole.checked_add(part))
        .and_then(|nanos| i64::try_from(nanos).ok())
        .ok_or_else(too_large)
}

/// A length of time as [`duration`] reads it, in the largest unit that says it in a whole number.
pub(super) fn shown_duration(nanos: i64) -> String {
    let units = ["h", "m", "s", "ms", "us", "ns"];
    let shown = units.iter().find_map(|unit| {
        let (_, factor) = DURATION_UNITS.iter().find(|(name, _)| name == unit)?;
        let factor = i64::try_from(*factor).ok()?;
        (nanos % factor == 0).then(|| format!("{}{unit}", nanos / factor))
    });
    shown.unwrap_or_else(|| format!("{nanos}ns"))
}

/// Whether a word without quotes looks like a number.
pub(super) fn is_number(word: &str) -> bool {
    size(word).is_ok()
        || duration(word).is_ok()
        || word
            .bytes()
            .all(|each| each.is_ascii_digit() || each == b'.')
}

/// A number, a class or a range.
pub(super) fn status_literal(text: &str) -> Result<Literal, String> {
    let is_number = text.strip_prefix('-').unwrap_or(text);
    if !is_number.is_empty() && is_number.bytes().all(|digit| digit.is_ascii_digit()) {
        return int(text).map(Literal::Int);
    }
    status(text)
        .map(|pattern| Literal::Ints(i64::from(pattern.first), i64::from(pattern.last)))
        .map_err(|error| error.to_string())
}
