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

/// Whether a word without quotes looks like a number.
pub(super) fn is_number(word: &str) -> bool {
    size(word).is_ok()
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
