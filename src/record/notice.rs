//! What a recorder tells the user while it runs. `cli` puts it into words.

use std::time::Duration;

use super::queue::{Dropped, LinkEnd};
use crate::event::{RecordingId, Timestamp};
use crate::store::Holder;

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The capture is open.
    Opened {
        /// The recording that begins.
        recording: RecordingId,
    },
    /// An earlier recording ended without a word; the gap is noted.
    UncleanEnd {
        /// That recording.
        recording: RecordingId,
        /// Its last commit.
        last_commit: Timestamp,
    },
    /// A link is up.
    Connected,
    /// There is no link; another attempt follows.
    CannotConnect {
        /// What the system or eCapture said.
        reason: String,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// A link ended.
    LinkEnded {
        /// How.
        end: LinkEnd,
        /// How long until the next attempt; `None` if there will be none.
        wait: Option<Duration>,
    },
    /// The run log shows eCapture's version.
    Version(String),
    /// Frames were dropped because the disk did not keep up.
    Dropped(Dropped),
    /// eCapture says that it lost samples in the kernel.
    LostSamples(u64),
    /// Another connection holds the capture's write lock; frames wait in memory.
    WaitingForLock,
    /// The lock is free again.
    LockFree,
    /// Frames can no longer be saved to the file of `--save-frames`.
    SaveFailed(String),
    /// The index of exchanges cannot be made; the recording goes on without.
    ExchangesFailed(String),
    /// The recording ends before the index of exchanges is complete.
    ExchangesLeft,
    /// The first signal: stopping.
    Stopping,
    /// A limit of `--autostop` is reached: stopping.
    LimitReached,
    /// A reader keeps the `-wal` from being written back, so that it grows.
    LogHeld {
        /// By how many bytes it is larger than it need be.
        bytes: u64,
        /// Who reads, as far as the system tells.
        holders: Vec<Holder>,
    },
    /// Nobody keeps the `-wal` any more.
    LogFree,
    /// A rule on size is not met, and nothing is left that may go.
    CannotShrink,
    /// Nothing is pruned by age for so long: everything is too old by a clock that may be wrong.
    PruningWaits(Duration),
    /// This host's clock was set, by so many nanoseconds.
    ClockSet {
        /// Negative if it was set back.
        by_ns: i64,
    },
    /// Nothing is pruned any more; the recording goes on.
    PruningFailed(String),
    /// An imported file ends in the middle of a frame.
    ImportCutOff {
        /// How many bytes at the end are no whole frame.
        bytes: u64,
    },
    /// Nothing more will be told.
    Over,
    /// An imported file has no receive times; this one stands in for them.
    ReceivedEstimated(Timestamp),
}
