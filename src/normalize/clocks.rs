//! From what a message tells of its time to a point in time, and to the clock that gave it.
//!
//! The choice is a function of the frames seen in this run and their receive times, and of nothing else. Whatever is
//! chosen, the clock gives back the reading that was sent.

use super::civil::Civil;
use super::reading::Told;
use crate::event::{Clock, ClockKind, Timestamp};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;
const YEAR: i64 = 365 * DAY;

/// eCapture is younger than this; a time before it is no Unix time.
const EARLIEST: i64 = 1_420_070_400 * SECOND;
/// How far a time can lie behind its receive time, and before it.
const OLDEST: i64 = 20 * YEAR;
const NEWEST: i64 = DAY;
/// Zone offsets are whole quarters of an hour, so the receive time tells which if it is off by less than half of one.
const QUARTER: i64 = 15 * MINUTE;
const TOLERANCE: i64 = QUARTER / 2;
/// No zone is further from UTC.
const FURTHEST_ZONE: i64 = 15 * 60 * MINUTE;
/// No monotonic clock reads more: a host that has been up for longer is not expected.
const LONGEST_UPTIME: i64 = 20 * YEAR;
/// How long a least distance of the monotonic clock is remembered, once in the current window and once more.
const WINDOW: i64 = 10 * MINUTE;
/// A distance is given up for a lower one only if that is lower by this much.
const STEP: i64 = 1_000_000;

/// What is known of the capturing host's clocks.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    zone_offset_seconds: Option<i32>,
    monotonic: Monotonic,
    /// Whether receive times are only stand-ins.
    pub(super) estimated: bool,
}

impl Clocks {
    /// Forgets what a run of eCapture taught.
    pub(super) fn start_run(&mut self) {
        *self = Self {
            estimated: self.estimated,
            ..Self::default()
        };
    }

    pub(super) fn learn_zone(&mut self, offset_seconds: i32) {
        self.zone_offset_seconds = Some(offset_seconds);
    }

    /// The time of a message, and its clock.
    pub(super) fn tell(&mut self, told: Told, received: Timestamp) -> (Clock, Timestamp) {
        let told = match told {
            Told::Nothing => None,
            Told::Field(value) => self.field(value, received),
            Told::Local(local) => self.local(local, received),
            Told::Monotonic(reading) => self.monotonic(reading, received),
        };
        told.unwrap_or((Clock::RECEIVED, received))
    }

    /// A field's size tells its unit: seconds up to 10^11, and so on (`docs/wire.md` section 2.1).
    fn field(&mut self, value: i64, received: Timestamp) -> Option<(Clock, Timestamp)> {
        if value == 0 {
            return None;
        }
        let (kind, unit) = if value < 100_000_000_000 {
            (ClockKind::FieldSeconds, SECOND)
        } else if value < 100_000_000_000_000 {
            (ClockKind::FieldMillis, 1_000_000)
        } else if value < 100_000_000_000_000_000 {
            (ClockKind::FieldMicros, 1000)
        } else {
            (ClockKind::FieldNanos, 1)
        };
        match value.checked_mul(unit) {
            Some(time) if self.plausible(time, received) => {
                let clock = Clock { kind, offset_ns: 0 };
                Some((clock, clock.time(time)))
            }
            _ => self.monotonic(value, received),
        }
    }

    fn plausible(&self, time: i64, received: Timestamp) -> bool {
        let age = received.nanos_since(Timestamp::from_nanos(time));
        time >= EARLIEST && (self.estimated || (-NEWEST..=OLDEST).contains(&age))
    }

    fn local(&mut self, local: i64, received: Timestamp) -> Option<(Clock, Timestamp)> {
        if local < EARLIEST {
            return self.monotonic(local, received);
        }
        let logged = self
            .zone_offset_seconds
            .map(|seconds| (ClockKind::LocalText, -i64::from(seconds) * SECOND));
        let distance = received.nanos_since(Timestamp::from_nanos(local));
        let inferred = || {
            let rounded = distance
                .saturating_add(TOLERANCE)
                .div_euclid(QUARTER)
                .saturating_mul(QUARTER);
            (rounded.unsigned_abs() <= FURTHEST_ZONE.unsigned_abs())
                .then_some((ClockKind::LocalTextInferred, rounded))
        };
        let near = |(_, offset): &(ClockKind, i64)| {
            distance.saturating_sub(*offset).unsigned_abs() <= TOLERANCE.unsigned_abs()
        };
        let (kind, offset_ns) = if self.estimated {
            logged.unwrap_or((ClockKind::LocalTextInferred, 0))
        } else {
            logged.filter(near).or_else(inferred).or(logged)?
        };
        let clock = Clock { kind, offset_ns };
        Some((clock, clock.time(local)))
    }

    fn monotonic(&mut self, reading: i64, received: Timestamp) -> Option<(Clock, Timestamp)> {
        if !(0..=LONGEST_UPTIME).contains(&reading) {
            return None;
        }
        let distance = received.nanos_since(Timestamp::from_nanos(reading));
        let clock = Clock {
            kind: ClockKind::Monotonic,
            offset_ns: self
                .monotonic
                .offset(distance, received.as_nanos(), self.estimated),
        };
        Some((clock, clock.time(reading)))
    }
}

/// The distance from the monotonic clock to 1970: the least that was seen lately, because a message can only arrive
/// late. Two windows make sure that a clock that was set, or that drifts, is followed within 20 minutes.
#[derive(Debug, Default)]
struct Monotonic {
    adopted: Option<i64>,
    window: Option<Window>,
    previous: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    start: i64,
    least: i64,
}

impl Monotonic {
    fn offset(&mut self, distance: i64, received: i64, fixed: bool) -> i64 {
        if fixed {
            return *self.adopted.get_or_insert(distance);
        }
        let window = match self.window {
            Some(window) if received.abs_diff(window.start) < WINDOW.unsigned_abs() => Window {
                least: window.least.min(distance),
                ..window
            },
            old => {
                let recent = |window: &Window| {
                    received.abs_diff(window.start) < WINDOW.unsigned_abs().saturating_mul(2)
                };
                self.previous = old.filter(recent).map(|window| window.least);
                Window {
                    start: received,
                    least: distance,
                }
            }
        };
        self.window = Some(window);
        let least = self
            .previous
            .map_or(window.least, |least| least.min(window.least));
        let adopted = match self.adopted {
            Some(adopted) if least <= adopted && adopted.saturating_sub(least) < STEP => adopted,
            _ => least,
        };
        self.adopted = Some(adopted);
        adopted
    }
}

/// A date read from openssl's text, as `--hex` writes it or as it should be.
pub(super) fn told_by(date: &[u8], hex: bool) -> Told {
    match Civil::parse(date) {
        // Nanoseconds of the monotonic clock, printed as if they were seconds (internal/probe/openssl/event.go:198@v2.5.1).
        Some(date) if hex => Told::Monotonic(date.seconds),
        Some(date) => date.to_nanos().map_or(Told::Nothing, Told::Local),
        None => Told::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn clocks(zone: Option<i32>, estimated: bool) -> Clocks {
        Clocks {
            zone_offset_seconds: zone,
            estimated,
            ..Clocks::default()
        }
    }

    #[test]
    fn fields_by_size() {
        for (value, kind) in [
            (1_800_000_000, ClockKind::FieldSeconds),
            (1_800_000_000_000, ClockKind::FieldMillis),
            (1_800_000_000_000_000, ClockKind::FieldMicros),
            (1_800_000_000_000_000_000, ClockKind::FieldNanos),
        ] {
            let (clock, time) = clocks(None, false).tell(Told::Field(value), NOW);
            assert_eq!((clock.kind, time), (kind, NOW));
        }
        for value in [1, 5_000_000_000_000, 86_400_000_000_000] {
            let (clock, time) = clocks(None, false).tell(Told::Field(value), NOW);
            assert_eq!((clock.kind, time), (ClockKind::Monotonic, NOW), "{value}");
            assert_eq!(clock.reading_ns(time), value);
        }
        for value in [0, -1, i64::MIN, i64::MAX] {
            let told = clocks(None, false).tell(Told::Field(value), NOW);
            assert_eq!(told, (Clock::RECEIVED, NOW), "{value}");
        }
    }

    #[test]
    fn local_text_by_log_or_by_receive_time() {
        let local = |hours: i64, minutes: i64| {
            Told::Local(NOW.as_nanos() + hours * 60 * MINUTE + minutes * MINUTE)
        };
        for (zone, estimated, told, kind, offset_minutes) in [
            (Some(28_800), false, local(8, 0), ClockKind::LocalText, -480),
            (
                Some(28_800),
                false,
                local(8, -7),
                ClockKind::LocalText,
                -480,
            ),
            // Summer time began since the log line.
            (
                Some(3600),
                false,
                local(2, 0),
                ClockKind::LocalTextInferred,
                -120,
            ),
            (
                None,
                false,
                local(5, 44),
                ClockKind::LocalTextInferred,
                -345,
            ),
            (
                None,
                false,
                local(-3, -30),
                ClockKind::LocalTextInferred,
                210,
            ),
            (None, false, local(16, 0), ClockKind::Received, 0),
            (Some(3600), false, local(16, 0), ClockKind::LocalText, -60),
            (None, true, local(500, 0), ClockKind::LocalTextInferred, 0),
            (Some(3600), true, local(500, 0), ClockKind::LocalText, -60),
        ] {
            let (clock, _) = clocks(zone, estimated).tell(told, NOW);
            assert_eq!(
                (clock.kind, clock.offset_ns),
                (kind, offset_minutes * MINUTE),
                "{zone:?} {told:?}"
            );
        }
        let (clock, _) = clocks(Some(0), false).tell(Told::Local(77 * SECOND), NOW);
        assert_eq!(clock.kind, ClockKind::Monotonic);
    }

    #[test]
    fn the_monotonic_clock_keeps_the_least_distance() {
        let mut monotonic = Monotonic::default();
        let at = |minutes: i64| minutes * MINUTE;
        assert_eq!(monotonic.offset(100 * STEP, at(0), false), 100 * STEP);
        // Later arrivals, and earlier ones by too little, change nothing.
        assert_eq!(monotonic.offset(500 * STEP, at(1), false), 100 * STEP);
        assert_eq!(monotonic.offset(100 * STEP - 1, at(1), false), 100 * STEP);
        assert_eq!(monotonic.offset(90 * STEP, at(2), false), 90 * STEP);
        // The clock was set forward: the old distance is forgotten after two windows.
        assert_eq!(monotonic.offset(900 * STEP, at(11), false), 90 * STEP);
        assert_eq!(monotonic.offset(910 * STEP, at(19), false), 90 * STEP);
        assert_eq!(monotonic.offset(910 * STEP, at(22), false), 900 * STEP);
        // After a long silence, at once.
        assert_eq!(monotonic.offset(950 * STEP, at(100), false), 950 * STEP);
    }

    #[test]
    fn an_estimated_receive_time_counts_once() {
        let mut clocks = clocks(None, true);
        let first = clocks.tell(Told::Monotonic(5000), NOW);
        let second = clocks.tell(Told::Monotonic(4000), NOW.plus_nanos(-9 * SECOND));
        assert_eq!(first.0, second.0);
        assert_eq!(second.1, NOW.plus_nanos(-1000));
        clocks.start_run();
        assert!(clocks.estimated);
        let third = clocks.tell(Told::Monotonic(1), NOW);
        assert_eq!(third.1, NOW);
    }
}
