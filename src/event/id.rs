//! Row numbers, each with a type of its own.

use std::fmt;

use super::Direction;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// From a row number.
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// The row number.
            pub const fn number(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

row_id!(
    /// An event's place in the order of arrival, counted from 1 in each capture. Never changed or given twice.
    EventId
);
row_id!(
    /// One run of `ecq-record` (or one import) into a capture.
    RecordingId
);
row_id!(
    /// One eCapture that was listened to: an address on a host.
    SourceId
);
row_id!(
    /// One run of eCapture, from its start to its end, as its run log shows it.
    RunId
);
row_id!(
    /// One WebSocket connection to an eCapture.
    LinkId
);
row_id!(
    /// One connection of one process, in one epoch of its descriptor.
    ConnectionId
);
row_id!(
    /// One process as `/proc` told of it.
    IdentityId
);
row_id!(
    /// One direction of one connection of one process.
    StreamId
);

impl StreamId {
    /// The stream for a direction of the streams with this row number; what has no direction is a third.
    pub fn of(row: i64, direction: Option<Direction>) -> Self {
        let place = direction.map_or(2, |direction| i64::from(direction.code()));
        Self::new(row.saturating_mul(4).saturating_add(place))
    }

    /// The row number that it was made of.
    pub fn row(self) -> i64 {
        self.0.div_euclid(4)
    }
}
