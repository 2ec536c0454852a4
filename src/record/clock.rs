//! Whether this host's clock was set while we recorded: it is compared with one that cannot be.

use crate::event::Timestamp;

/// A difference up to this is no jump: a clock that is slewed, or a thread that was not run between two readings.
const TOLERANCE_NS: i64 = 2_000_000_000;

/// A reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// The wall clock.
    pub(super) wall: Timestamp,
    /// Nanoseconds since the host was started, its sleep included.
    pub(super) steady_ns: i64,
}

/// Nanoseconds since the host was started, its sleep included.
pub(super) fn steady_ns() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec)
}

impl Reading {
    /// With the wall clock as it was read just now.
    pub(super) fn at(wall: Timestamp) -> Self {
        Self {
            wall,
            steady_ns: steady_ns(),
        }
    }

    /// How far the wall clock was set since an earlier reading, in nanoseconds; `None` if it just went on.
    pub(super) fn jump_since(&self, earlier: &Self) -> Option<i64> {
        let wall = self.wall.nanos_since(earlier.wall);
        let by = wall.saturating_sub(self.steady_ns.saturating_sub(earlier.steady_ns));
        (by.saturating_abs() > TOLERANCE_NS).then_some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_told_from_waiting() {
        let reading = |wall, steady_seconds: i64| Reading {
            wall: Timestamp::from_seconds(wall),
            steady_ns: steady_seconds * 1_000_000_000,
        };
        let first = reading(1000, 50);
        assert_eq!(reading(1100, 150).jump_since(&first), None);
        assert_eq!(reading(1101, 150).jump_since(&first), None);
        assert_eq!(
            reading(5000, 51).jump_since(&first),
            Some(3_999_000_000_000)
        );
        assert_eq!(reading(900, 51).jump_since(&first), Some(-101_000_000_000));
    }
}
