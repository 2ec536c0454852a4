//! The filter language as text.

mod accepted;
mod reference;
mod refused;
mod round_trip;

use ecq::event::{Timestamp, Zone};
use ecq::filter::{Error, Expr, parse};

/// 2026-11-23 11:00 UTC.
const NOW: Timestamp = Timestamp::from_seconds(1_795_431_600);

fn parsed(text: &str) -> Result<Expr, Error> {
    parse(text, NOW, Zone::Utc)
}

/// What the filter is written as again; or the column of the fault and what it is.
#[track_caller]
fn read(text: &str) -> String {
    match parsed(text) {
        Ok(expr) => {
            let written = expr.to_string();
            assert_eq!(parsed(&written).as_ref(), Ok(&expr), "{text}: {written}");
            written
        }
        Err(Error::Filter(error)) => format!("{}: {}", error.column(), error.message()),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(read(text), *expected, "{text}");
    }
}
