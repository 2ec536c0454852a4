//! What a recorder is told.

use std::path::PathBuf;

use super::autostop::Autostop;
use super::judge::RecordFilter;
use crate::event::Timestamp;
use crate::store::Rules;

/// How a live recording is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The capture file; created if there is none.
    pub db: PathBuf,
    /// eCapture's `--ecaptureq` address.
    pub url: String,
    /// Where eCapture runs, if it is this host.
    pub host: Host,
    /// How many bytes of frames may wait for the disk. Beyond that the newest are dropped and counted.
    pub queue_bytes: usize,
    /// The largest message that is accepted. A larger one ends the link.
    pub max_message_bytes: usize,
    /// Whether TLS secrets are stored.
    pub keep_keys: bool,
    /// Which events are stored; all of them without it.
    pub filter: Option<RecordFilter>,
    /// Where to save the frames as well.
    pub save_frames: Option<PathBuf>,
    /// What is kept.
    pub rules: Rules,
    /// When the recording ends by itself.
    pub autostop: Autostop,
}

/// How a file of frames is imported.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The capture file; created if there is none.
    pub db: PathBuf,
    /// The file of frames.
    pub file: PathBuf,
    /// When a file without receive times was received.
    pub received_at: Option<Timestamp>,
    /// Whether a file may be imported that the capture holds already.
    pub again: bool,
    /// Whether TLS secrets are stored.
    pub keep_keys: bool,
    /// Which events are stored; all of them without it.
    pub filter: Option<RecordFilter>,
}

/// The host that eCapture runs on, where it is this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: Option<String>,
    /// The id that the kernel gave to its present boot.
    pub boot_id: Option<String>,
}

/// The default of [`Options::queue_bytes`]: 64 MiB.
pub const DEFAULT_QUEUE_BYTES: usize = 64 << 20;

/// The default of [`Options::max_message_bytes`]: 128 MiB. eCapture 1.x puts everything that a direction carried until a
/// pause of 1.1 s into one message.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 128 << 20;
