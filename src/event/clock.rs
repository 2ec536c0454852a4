//! Where an event's time comes from.

use super::Timestamp;

/// What told the time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClockKind {
    /// Nothing did: it is the time at which the frame was received.
    Received,
    /// A field of the event, in seconds (1.4.0 to 1.4.2).
    FieldSeconds,
    /// A field of the event, in milliseconds.
    FieldMillis,
    /// A field of the event, in microseconds.
    FieldMicros,
    /// A field of the event, in nanoseconds (1.4.3 to 1.5.2).
    FieldNanos,
    /// Text in the capturing host's zone; the zone's offset is from eCapture's run log.
    LocalText,
    /// Text in the capturing host's zone; the zone's offset is inferred from the receive time.
    LocalTextInferred,
    /// The kernel's monotonic clock, in nanoseconds; its distance to 1970 is learned from receive times.
    Monotonic,
}

impl ClockKind {
    /// Every kind, in the order of its code.
    pub const ALL: [Self; 8] = [
        Self::Received,
        Self::FieldSeconds,
        Self::FieldMillis,
        Self::FieldMicros,
        Self::FieldNanos,
        Self::LocalText,
        Self::LocalTextInferred,
        Self::Monotonic,
    ];

    /// The number that stands for it in a capture file.
    pub fn code(self) -> u8 {
        match self {
            Self::Received => 0,
            Self::FieldSeconds => 1,
            Self::FieldMillis => 2,
            Self::FieldMicros => 3,
            Self::FieldNanos => 4,
            Self::LocalText => 5,
            Self::LocalTextInferred => 6,
            Self::Monotonic => 7,
        }
    }

    /// The kind that `code` stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Its name in output: `received`, `field`, `text`, `text_inferred` or `monotonic`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::FieldSeconds | Self::FieldMillis | Self::FieldMicros | Self::FieldNanos => {
                "field"
            }
            Self::LocalText => "text",
            Self::LocalTextInferred => "text_inferred",
            Self::Monotonic => "monotonic",
        }
    }
}

/// A clock: what told the time, and what was added to its reading, in nanoseconds, to get Unix time.
///
/// `time - offset_ns` is the reading that eCapture sent, in nanoseconds. The offset is 0 for a field and for
/// `Received`, minus the zone's offset for local text, and the learned distance for the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Clock {
    /// What told the time.
    pub kind: ClockKind,
    /// Nanoseconds that were added to its reading.
    pub offset_ns: i64,
}

impl Clock {
    /// The clock of an event that brought no time: the receive time is used.
    pub const RECEIVED: Self = Self {
        kind: ClockKind::Received,
        offset_ns: 0,
    };

    /// The Unix time for a reading of this clock, in nanoseconds.
    pub fn time(self, reading_ns: i64) -> Timestamp {
        Timestamp::from_nanos(reading_ns).plus_nanos(self.offset_ns)
    }

    /// The reading, in nanoseconds, that gave `time`.
    pub fn reading_ns(self, time: Timestamp) -> i64 {
        time.as_nanos().saturating_sub(self.offset_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_positions() {
        for kind in ClockKind::ALL {
            assert_eq!(ClockKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(ClockKind::from_code(8), None);
    }
}
