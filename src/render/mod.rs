//! Text for people: tables, one event in full, hex dumps, summaries.
//!
//! Whatever was captured goes through [`escape`] first, so that it can neither steer the reader's terminal nor pass
//! for something else. Nothing here knows whether there is a terminal: [`Style`] says all that is to be known.

mod coverage;
pub mod detail;
pub mod escape;
pub mod exchange;
pub mod exchange_row;
pub mod exchange_table;
pub mod grid;
mod growing;
pub mod hex;
mod identity;
mod length;
mod paper;
mod payload_form;
mod row;
mod size;
pub mod soundness;
pub mod summary;
pub mod table;

pub use coverage::sentence as coverage;
pub use length::length;
pub use paper::{Bounded, Paper};
pub use payload_form::PayloadForm;
pub use size::{bar, human};

use std::borrow::Cow;
use std::net::SocketAddr;

use chrono::{DateTime, Datelike, FixedOffset};

use crate::event::{Clock, ClockKind, Event, Timestamp, Zone};

/// How to write for a person: decided once, passed in.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether to use color.
    pub color: bool,
    /// How many columns there are.
    pub width: usize,
    /// The zone of times.
    pub zone: Zone,
    /// What time it is: times of the same day are shown without a date.
    pub now: Timestamp,
}

/// How much of a time a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeForm {
    /// All of it, to the millisecond.
    Millisecond,
    /// The same to the second.
    Second,
    /// The time of day alone, to the second.
    Clock,
}

/// What is set apart by color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Heading,
    Inbound,
    Outbound,
    Kind,
}

impl Style {
    /// `text` in its color, or as it is.
    pub(crate) fn paint<'a>(&self, paint: Paint, text: &'a str) -> Cow<'a, str> {
        if !self.color {
            return Cow::Borrowed(text);
        }
        let code = match paint {
            Paint::Heading => 1,
            Paint::Inbound => 36,
            Paint::Outbound => 32,
            Paint::Kind => 33,
        };
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }

    /// A time to the millisecond, with the date if that is not today's, and with the year if that is not this one.
    pub fn short_time(&self, time: Timestamp) -> String {
        self.dated(time, "%T%.3f")
    }

    /// The same to the second.
    fn short_second(&self, time: Timestamp) -> String {
        self.dated(time, "%T")
    }

    /// The time of day to the second.
    fn clock(&self, time: Timestamp) -> String {
        self.wall(time).format("%T").to_string()
    }

    fn dated(&self, time: Timestamp, form: &str) -> String {
        let (time, now) = (self.wall(time), self.wall(self.now));
        let date = if time.date_naive() == now.date_naive() {
            ""
        } else if time.year() == now.year() {
            "%m-%d "
        } else {
            "%F "
        };
        time.format(&format!("{date}{form}")).to_string()
    }

    /// A time to the second, with its date and its distance from UTC.
    pub fn second(&self, time: Timestamp) -> String {
        self.wall(time).format("%F %T %:z").to_string()
    }

    /// A time in full: to the nanosecond, with its distance from UTC.
    pub fn full_time(&self, time: Timestamp) -> String {
        self.wall(time).format("%F %T%.9f %:z").to_string()
    }

    fn wall(&self, time: Timestamp) -> DateTime<FixedOffset> {
        self.zone.at(time)
    }
}

/// `~` behind a time that is an estimate: that of the receipt, or one whose zone is inferred.
fn time_mark(event: &Event) -> &'static str {
    let Clock { kind, .. } = event.clock;
    match kind {
        ClockKind::Received | ClockKind::LocalTextInferred => "~",
        _ => "",
    }
}

/// An address, or `?` where there is none.
fn end(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "?".to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_shown_when_it_is_not_today() {
        let style = Style {
            color: false,
            width: 100,
            zone: Zone::Utc,
            now: Timestamp::from_seconds(1_795_431_600),
        };
        let at = |seconds| Timestamp::from_seconds(seconds).plus_nanos(7_000_000);
        assert_eq!(style.short_time(at(1_795_431_600)), "11:00:00.007");
        assert_eq!(style.short_time(at(1_795_345_200)), "11-22 11:00:00.007");
        assert_eq!(style.short_time(at(0)), "1970-01-01 00:00:00.007");
        assert_eq!(style.short_second(at(1_795_431_600)), "11:00:00");
        assert_eq!(style.short_second(at(1_795_345_200)), "11-22 11:00:00");
        assert_eq!(style.clock(at(0)), "00:00:00");
        assert_eq!(
            style.full_time(at(0)),
            "1970-01-01 00:00:00.007000000 +00:00"
        );
    }
}
