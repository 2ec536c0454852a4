//! What a recorder tells the user while it runs. `cli` puts it into words.

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::queue::{Dropped, LinkEnd};
use crate::event::{RecordingId, Timestamp};
use crate::store::Holder;

/// Why there is no link, as far as one can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody listens there, or the network does not lead there.
    Unreachable,
    /// A proxy or server in front wants to know who asks.
    Denied,
    /// The certificate is signed by nobody we trust.
    UnknownAuthority,
    /// The certificate is for another name.
    WrongName,
    /// There is something else wrong with the certificate.
    Certificate,
    /// The server speaks no TLS.
    NotTls,
    /// Something else.
    Other,
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A signal (SIGUSR1) asks where the recording stands.
    StatusAsked,
    /// Metrics are served at this address.
    Metrics(std::net::SocketAddr),
    /// This is about one of several sources.
    Of {
        /// Its name.
        source: String,
        /// What there is to tell.
        notice: Box<Self>,
    },
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
        /// Why, as far as that shows.
        why: Why,
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
    /// Frames of this source go to a file of their own.
    SavesFrames(PathBuf),
    /// Frames can no longer be saved to the file of `--save-frames`.
    SaveFailed(String),
    /// The index of exchanges cannot be made; the recording goes on without.
    ExchangesFailed(String),
    /// The recording ends before the index of exchanges is complete.
    ExchangesLeft,
    /// The recording goes on in another file.
    GoesOnIn(PathBuf),
    /// The file before is complete, and has this name now.
    SetAside(PathBuf),
    /// A signal asked for another file, and there are no events in this one.
    NothingToSetAside,
    /// A signal asked for another file, and somebody moved this one away while it is written. The recording goes on in it.
    MovedAway(PathBuf),
    /// The next file cannot be begun; the recording goes on in the one that is open, and it is tried again.
    CannotSwitch {
        /// The next file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file that the recording went on from has no complete index of exchanges.
    ExchangesLeftIn(PathBuf),
    /// A reader held a file that the recording went on from: it keeps its `-wal`.
    FileHeld(PathBuf),
    /// A file that the recording went on from could not be completed: it keeps its `-wal`.
    FileLeft {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file that is one too many cannot be removed.
    CannotRemove {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
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
    /// This host's clock was set since that was told last, by so many nanoseconds.
    ClockSet {
        /// Negative if it was set back.
        by_ns: i64,
        /// In so many jumps.
        jumps: u64,
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

/// Tells what is about one source, and which one if there are several.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    notices: Sender<Notice>,
    source: Option<String>,
}

impl Teller {
    /// `source` is the name, if there are several.
    pub(super) fn new(notices: Sender<Notice>, source: Option<String>) -> Self {
        Self { notices, source }
    }

    pub(super) fn tell(&self, notice: Notice) {
        let notice = match &self.source {
            Some(source) => Notice::Of {
                source: source.clone(),
                notice: Box::new(notice),
            },
            None => notice,
        };
        // Nobody listens any more only when the program is about to end.
        self.notices.send(notice).ok();
    }
}
