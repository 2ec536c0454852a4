//! Numbers as lists show them: of an event, an exchange or a connection, with that of its capture where there are several.

use std::fmt;
use std::str::FromStr;

/// `12`, or `2:12` of the second capture; of an exchange `x12`, or `2:x12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListedId {
    /// The number of the capture, from 1.
    pub(super) capture: Option<usize>,
    /// What of that capture.
    pub(super) number: Number,
}

/// A number within a capture; at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// Without a letter: of an event or a connection.
    Plain(i64),
    /// Of an exchange.
    Exchange(i64),
}

impl FromStr for ListedId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected the number of an event, such as 12, or of an exchange, such as x12; of several \
                                captures as lists show it, such as 1:x12";
        let (capture, text) = match text.split_once(':') {
            Some((capture, number)) => (Some(capture.parse().map_err(|_| EXPECTED)?), number),
            None => (None, text),
        };
        let (digits, of): (_, fn(i64) -> Number) = match text.strip_prefix('x') {
            Some(digits) => (digits, Number::Exchange),
            None => (text, Number::Plain),
        };
        match digits.parse() {
            Ok(number) if number > 0 => Ok(Self {
                capture,
                number: of(number),
            }),
            _ => Err(EXPECTED),
        }
    }
}

impl fmt::Display for ListedId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(capture) = self.capture {
            write!(formatter, "{capture}:")?;
        }
        match self.number {
            Number::Plain(id) => write!(formatter, "{id}"),
            Number::Exchange(id) => write!(formatter, "x{id}"),
        }
    }
}

/// A connection, `7` or `2:7`.
pub(super) fn connection(text: &str) -> Result<ListedId, &'static str> {
    match text.parse() {
        Ok(
            id @ ListedId {
                number: Number::Plain(_),
                ..
            },
        ) => Ok(id),
        _ => Err(
            "expected the number of a connection, such as 7; of several captures with that of the capture, such as 1:7",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_shown() {
        for text in ["12", "x12", "1:12", "3:x12"] {
            assert_eq!(text.parse::<ListedId>().unwrap().to_string(), text);
        }
        for text in [
            "", "x", "0", "-1", "x0", "y1", "1:", ":1", "1:2:3", "a:1", "x1:1", "1:y1",
        ] {
            assert!(text.parse::<ListedId>().is_err(), "{text}");
        }
        assert_eq!(connection("2:7").unwrap().to_string(), "2:7");
        assert!(connection("x7").is_err() && connection("2:x7").is_err());
    }
}
