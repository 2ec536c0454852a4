//! When a recording goes on in another file.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::event::Timestamp;

/// When a recording goes on in another file: at the first of these limits, and when it is asked to. With none of them it
/// stays in one file until then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ring {
    /// When the file is so old, whether or not something is in it.
    pub duration: Option<Duration>,
    /// When the seconds since 1970 are a multiple of this, whether or not something is in the file; at least a second.
    pub interval: Option<Duration>,
    /// When the file, with what lies beside it, has this many bytes. The commit that gets there is its last.
    pub file_bytes: Option<u64>,
    /// When the file has so many events.
    pub events: Option<u64>,
    /// How many files are kept; of this recording's, the oldest goes when there are more. All of them without it.
    pub files: Option<NonZeroUsize>,
}

/// How far a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    pub(super) age: Duration,
    pub(super) began: Timestamp,
    pub(super) now: Timestamp,
    pub(super) events: u64,
    /// Whether it has as many bytes as it may.
    pub(super) is_large: bool,
}

impl Ring {
    /// Whether it is time for the next file.
    pub(super) fn is_due(&self, file: &Filled) -> bool {
        let is_old = self.duration.is_some_and(|limit| file.age >= limit);
        let is_over = self.interval.is_some_and(|interval| {
            let of = |time| part(time, interval);
            // Also where the clock was set back.
            of(file.began) != of(file.now)
        });
        let has_all = self.events.is_some_and(|limit| file.events >= limit);
        is_old || is_over || has_all || file.is_large
    }
}

/// The number of the interval that a time is in.
fn part(time: Timestamp, interval: Duration) -> i64 {
    let length = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX);
    time.as_nanos().div_euclid(length.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(age: u64, began: i64) -> Filled {
        Filled {
            age: Duration::from_secs(age),
            began: Timestamp::from_seconds(began),
            now: Timestamp::from_seconds(began + i64::try_from(age).unwrap()),
            events: 0,
            is_large: false,
        }
    }

    #[test]
    fn the_first_limit_counts() {
        let ring = Ring {
            duration: Some(Duration::from_secs(50)),
            interval: Some(Duration::from_secs(60)),
            events: Some(7),
            ..Ring::default()
        };
        for (file, expected) in [
            (filled(0, 60), false),
            (filled(49, 60), false),
            (filled(50, 60), true),
            (filled(9, 110), false),
            (filled(10, 110), true),
            (
                Filled {
                    now: Timestamp::from_seconds(59),
                    ..filled(1, 60)
                },
                true,
            ),
            (
                Filled {
                    events: 6,
                    ..filled(1, 60)
                },
                false,
            ),
            (
                Filled {
                    events: 7,
                    ..filled(1, 60)
                },
                true,
            ),
            (
                Filled {
                    is_large: true,
                    ..filled(1, 60)
                },
                true,
            ),
        ] {
            assert_eq!(ring.is_due(&file), expected, "{file:?}");
            let is_asked_for = Ring::default().is_due(&file);
            assert_eq!(is_asked_for, file.is_large, "{file:?}");
        }
    }
}
