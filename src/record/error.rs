//! Why a recording cannot begin or go on.

use std::path::PathBuf;

use super::frames_file::FramesError;
use crate::store;

/// Why a recording cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The capture file.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The capture file failed while recording; what had been committed is in it.
    #[error(
        "recording stopped, {lost_events} events and {lost_frames} waiting frames are lost: {source}"
    )]
    WriteFailed {
        /// What failed.
        source: store::Error,
        /// Events that were decoded and are not in the file.
        lost_events: u64,
        /// Frames that were waiting.
        lost_frames: u64,
    },
    /// A filter for what is stored asks for `id`.
    #[error("the filter asks for `id`, and an event gets its id only when it is stored")]
    FilterOnId,
    /// A filter for what is stored asks for what is read of a process.
    #[error("the filter asks for `{0}`, and that is not known yet when an event comes in")]
    FilterOnIdentity(&'static str),
    /// The URL is none that eCapture could have.
    #[error("{url}: {reason}")]
    BadUrl {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address for metrics cannot be listened at.
    #[error("cannot serve metrics at {address}: {source}")]
    Metrics {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The URL has a user name or a password in it.
    #[error("the URL has a user name or password in it: it would be stored in the capture")]
    SecretInUrl,
    /// Two URLs have one name, or are the same.
    #[error("{0} is given twice")]
    GivenTwice(String),
    /// A header of the user's is none, or none that can be sent. What it holds is not shown.
    #[error("header{}{name}: {reason}", if .name.is_empty() { "" } else { " " })]
    BadHeader {
        /// Its name, as far as it has one.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file with a header's value cannot be read.
    #[error("{}: {source}", .path.display())]
    HeaderFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of certificates cannot be used.
    #[error("{}: {reason}", .path.display())]
    BadAuthority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of frames to be written cannot be.
    #[error("{}: {source}", .path.display())]
    SaveFrames {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file of frames to be imported cannot be.
    #[error("{}: {source}", .path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FramesError,
    },
    /// The file of frames to be imported is damaged in the middle; what came before that is in the capture.
    #[error("{}: {source}; the {stored_events} events before that are in the capture", .path.display())]
    ImportStopped {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FramesError,
        /// How many events were stored.
        stored_events: u64,
    },
    /// Nothing in a bare file tells when its frames were received.
    #[error("{}: has no receive times and no run log to take a time from", .path.display())]
    NoTime {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no thread, timer or signal handler.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
    /// A part of the program failed in a way that it should not.
    #[error("internal failure in the {0}; this is a bug")]
    Panicked(&'static str),
}
