//! What a recorder is told.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::autostop::Autostop;
use super::judge::RecordFilter;
use super::ring::Ring;
use super::source::Header;
use crate::event::{Timestamp, Zone};
use crate::redact::Redactor;
use crate::store::{ChainKey, Protection, Rules};

/// How a live recording is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The capture file; created if there is none.
    pub db: PathBuf,
    /// The eCaptures; at least one.
    pub sources: Vec<SourceOptions>,
    /// Files of certificates, in PEM form, that are trusted beside those of the system.
    pub authorities: Vec<PathBuf>,
    /// How many bytes of frames may wait for the disk, shared evenly by the sources. Beyond that the newest are dropped
    /// and counted.
    pub queue_bytes: usize,
    /// The largest message that is accepted. A larger one ends the link.
    pub max_message_bytes: usize,
    /// Whether TLS secrets are stored.
    pub keep_keys: bool,
    /// Which events are stored; all of them without it.
    pub filter: Option<RecordFilter>,
    /// How many bytes of a payload are stored at most; all of them without it.
    pub snaplen_bytes: Option<usize>,
    /// What takes secrets out before anything is stored, if anything does.
    pub redactor: Option<Redactor>,
    /// The key of the chain of commits.
    pub chain_key: Option<ChainKey>,
    /// Whether the capture is encrypted, and what opens it.
    pub protection: Protection,
    /// Where to save the frames as well. With several sources each has a file of its own: a dot and its name, or its
    /// number from 1 if it has none, come behind this one's name.
    pub save_frames: Option<PathBuf>,
    /// Whether `/proc` is asked who the processes are, of an eCapture on this host.
    pub identifies: bool,
    /// Whether it is asked for their arguments, too.
    pub reads_cmdline: bool,
    /// What is kept.
    pub rules: Rules,
    /// When the recording goes on in another file; `db` is then what their names are made of.
    pub ring: Option<Ring>,
    /// The zone of the times in those names.
    pub zone: Zone,
    /// When the recording ends by itself.
    pub autostop: Autostop,
    /// Where to serve metrics to Prometheus.
    pub metrics: Option<SocketAddr>,
}

/// One eCapture.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// What the user calls it.
    pub name: Option<String>,
    /// Its `--ecaptureq` address.
    pub url: String,
    /// Sent with the handshake.
    pub headers: Vec<Header>,
    /// Where it runs, if it is this host.
    pub host: Host,
}

impl SourceOptions {
    /// Its name, or its URL if it has none.
    pub(super) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.url)
    }
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
    /// The key of the chain of commits.
    pub chain_key: Option<ChainKey>,
    /// Whether the capture is encrypted, and what opens it.
    pub protection: Protection,
    /// Whether a file may be imported that the capture holds already.
    pub again: bool,
    /// Whether TLS secrets are stored.
    pub keep_keys: bool,
    /// Which events are stored; all of them without it.
    pub filter: Option<RecordFilter>,
    /// How many bytes of a payload are stored at most; all of them without it.
    pub snaplen_bytes: Option<usize>,
    /// What takes secrets out before anything is stored, if anything does.
    pub redactor: Option<Redactor>,
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
