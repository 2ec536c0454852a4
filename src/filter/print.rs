//! Filters written out: as text that reads as the same filter again.
//!
//! That holds for every filter that [`parse`](super::parse) can give. Names are the canonical ones, times are in UTC, and
//! only those parentheses are written that are needed.

use std::fmt::{self, Display, Formatter, Write as _};

use super::expr::{AddressPattern, Comparison, Expr, Literal, Operand, Test};
use super::field::Type;
use super::needle::{Form, Needle};
use super::number::shown_duration;
use super::operand::{FORMS, FUNCTIONS};
use super::pattern::Pattern;
use super::value::shown_bytes;
use crate::event::{Timestamp, is_hazard};

/// How close an expression holds together: one in another of the same or a higher level needs parentheses.
fn level(expr: &Expr) -> u8 {
    match expr {
        Expr::Or(_) => 0,
        Expr::Xor(..) => 1,
        Expr::And(_) => 2,
        Expr::Not(_) => 3,
        Expr::Test(_) => 4,
    }
}

/// Writes `expr`, in parentheses if its level is below `least`.
fn write_within(expr: &Expr, least: u8, formatter: &mut Formatter<'_>) -> fmt::Result {
    if level(expr) < least {
        write!(formatter, "({expr})")
    } else {
        expr.fmt(formatter)
    }
}

fn write_joined(
    parts: &[Expr],
    joint: &str,
    least: u8,
    formatter: &mut Formatter<'_>,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            formatter.write_str(joint)?;
        }
        write_within(part, least, formatter)?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(parts) => write_joined(parts, " || ", 1, formatter),
            Self::Xor(left, right) => {
                write_within(left, 1, formatter)?;
                formatter.write_str(" ^^ ")?;
                write_within(right, 2, formatter)
            }
            Self::And(parts) => write_joined(parts, " && ", 3, formatter),
            Self::Not(inner) => {
                formatter.write_str("not ")?;
                write_within(inner, 3, formatter)
            }
            Self::Test(test) => test.fmt(formatter),
        }
    }
}

impl Display for Test {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(operand) => operand.fmt(formatter),
            Self::Compare(operand, comparison, literal) => {
                let literal = Written {
                    kind: operand.value_type(),
                    literal,
                    is_in_set: false,
                };
                write!(formatter, "{operand} {comparison} {literal}")
            }
            Self::In(operand, literals) => {
                write!(formatter, "{operand} in {{")?;
                for (index, literal) in literals.iter().enumerate() {
                    let literal = Written {
                        kind: operand.value_type(),
                        literal,
                        is_in_set: true,
                    };
                    let comma = if index > 0 { ", " } else { "" };
                    write!(formatter, "{comma}{literal}")?;
                }
                formatter.write_char('}')
            }
            Self::Contains(operand, needle) => {
                write!(formatter, "{operand} contains ")?;
                write_needle(operand.value_type(), needle, formatter)
            }
            Self::Matches(operand, pattern) => {
                write!(formatter, "{operand} matches ")?;
                write_pattern(pattern, formatter)
            }
            Self::CompareOperands(left, comparison, right) => {
                write!(formatter, "{left} {comparison} {right}")
            }
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Operand {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let function = FUNCTIONS
            .iter()
            .find(|(_, function)| Some(*function) == self.function);
        if let Some((name, _)) = function {
            write!(formatter, "{name}(")?;
        }
        formatter.write_str(self.field.name)?;
        if let Some(key) = &self.key {
            formatter.write_char('[')?;
            write_quoted(key.as_bytes(), formatter)?;
            formatter.write_char(']')?;
        }
        if let Some(slice) = self.slice {
            write!(formatter, "[{}:{}]", slice.start, slice.length)?;
        }
        if function.is_some() {
            formatter.write_char(')')?;
        }
        Ok(())
    }
}

/// A value, written so that it reads as one of a field of this sort.
struct Written<'a> {
    kind: Type,
    literal: &'a Literal,
    is_in_set: bool,
}

impl Display for Written<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.literal {
            Literal::Int(number) if self.kind == Type::Duration => {
                formatter.write_str(&shown_duration(*number))
            }
            Literal::Int(number) => number.fmt(formatter),
            Literal::Ints(first, last) => self.write_ints(*first, *last, formatter),
            Literal::Time(time) => write_time(*time, formatter),
            Literal::Times(first, last) => {
                write_time(*first, formatter)?;
                formatter.write_str("..")?;
                write_time(*last, formatter)
            }
            Literal::Bytes(bytes) => write_bytes(self.kind, bytes, formatter),
            Literal::Net(net) if net.prefix_len() == net.max_prefix_len() => {
                net.addr().fmt(formatter)
            }
            Literal::Net(net) => net.fmt(formatter),
            Literal::Ips(first, last) => write!(formatter, "{first}..{last}"),
            Literal::Endpoint(pattern) => pattern.fmt(formatter),
            Literal::Bool(is_so) => is_so.fmt(formatter),
        }
    }
}

impl Written<'_> {
    fn write_ints(&self, first: i64, last: i64, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.kind == Type::Duration {
            return write!(
                formatter,
                "{}..{}",
                shown_duration(first),
                shown_duration(last)
            );
        }
        let is_class = (100..=900).contains(&first) && first % 100 == 0 && last == first + 99;
        if self.kind == Type::Status && is_class {
            write!(formatter, "{}xx", first / 100)
        } else if self.kind == Type::Status && !self.is_in_set {
            write!(formatter, "{first}-{last}")
        } else {
            write!(formatter, "{first}..{last}")
        }
    }
}

impl Display for AddressPattern {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if let Some(net) = self.net {
            let is_one = net.prefix_len() == net.max_prefix_len();
            let text = if is_one {
                net.addr().to_string()
            } else {
                net.to_string()
            };
            if self.port.is_some() && net.addr().is_ipv6() {
                write!(formatter, "[{text}]")?;
            } else {
                formatter.write_str(&text)?;
            }
        }
        self.port
            .map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

fn write_time(time: Timestamp, formatter: &mut Formatter<'_>) -> fmt::Result {
    let text = time.to_string();
    match text.strip_suffix(".000000000Z") {
        Some(seconds) => write!(formatter, "\"{seconds}Z\""),
        None => write!(formatter, "\"{text}\""),
    }
}

/// Text in quotes; where bytes are looked at and these are no text, as bytes.
fn write_bytes(kind: Type, bytes: &[u8], formatter: &mut Formatter<'_>) -> fmt::Result {
    if kind == Type::Bytes && !bytes.is_empty() && !is_text(bytes) {
        return formatter.write_str(&shown_bytes(bytes));
    }
    write_quoted(bytes, formatter)
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars()
            .all(|each| !is_hazard(each) || matches!(each, '\n' | '\r' | '\t'))
    })
}

fn write_quoted(bytes: &[u8], formatter: &mut Formatter<'_>) -> fmt::Result {
    formatter.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => formatter.write_str("\\\"")?,
                '\\' => formatter.write_str("\\\\")?,
                '\n' => formatter.write_str("\\n")?,
                '\r' => formatter.write_str("\\r")?,
                '\t' => formatter.write_str("\\t")?,
                other if !is_hazard(other) => formatter.write_char(other)?,
                other => match u32::from(other) {
                    code @ 0..0x80 => write!(formatter, "\\x{code:02x}")?,
                    code @ 0x80..0x1_0000 => write!(formatter, "\\u{code:04x}")?,
                    code => write!(formatter, "\\U{code:08x}")?,
                },
            }
        }
        for byte in chunk.invalid() {
            write!(formatter, "\\x{byte:02x}")?;
        }
    }
    formatter.write_char('"')
}

fn write_needle(kind: Type, needle: &Needle, formatter: &mut Formatter<'_>) -> fmt::Result {
    if needle.form() == Form::Plain {
        return write_bytes(kind, needle.text(), formatter);
    }
    let name = FORMS
        .iter()
        .find(|(_, form)| *form == needle.form())
        .map_or("", |(name, _)| name);
    write!(formatter, "{name}(")?;
    write_bytes(kind, needle.text(), formatter)?;
    formatter.write_char(')')
}

/// A pattern with backslashes as a raw string, if it can be one; any other in quotes.
fn write_pattern(pattern: &Pattern, formatter: &mut Formatter<'_>) -> fmt::Result {
    let text = pattern.text();
    if text.contains('\\') && can_be_raw(text) {
        write!(formatter, "r\"{text}\"")
    } else {
        write_quoted(text.as_bytes(), formatter)
    }
}

/// Whether no quote ends it too early, no backslash takes the last one, and nothing in it steers a terminal.
fn can_be_raw(text: &str) -> bool {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let is_escape = character == '\\';
        let next = if is_escape { characters.next() } else { None };
        if character == '"'
            || is_hazard(character)
            || next.is_some_and(is_hazard)
            || (is_escape && next.is_none())
        {
            return false;
        }
    }
    true
}
