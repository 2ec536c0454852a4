//! How a stand-in behaves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::UPTIME_NS;
use super::calendar;
use super::dialect::{Dialect, Encoder, Release};

/// How a stand-in behaves. Start from `for_dialect` or `for_release` and change what matters.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The release; it decides the dialect.
    pub(crate) release: Release,
    /// Whether eCapture runs with `--hex`.
    pub(crate) hex: bool,
    /// The capturing host's zone, in seconds east of Greenwich.
    pub(crate) zone_seconds: i32,
    /// When the traffic began, in nanoseconds since 1970: an event's offset counts from there. `None` stands for
    /// live traffic, in which an event happens when it is sent.
    pub(crate) start_ns: Option<i64>,
    /// Where to listen: loopback, and a port of the system's choice.
    pub(crate) listen: SocketAddr,
    /// The time between two heartbeats; `None` is the release's: 15 seconds, or 60 before 1.5.0.
    pub(crate) heartbeat_every: Option<Duration>,
    /// The time from the handshake to the first heartbeat. A client that leaves in it crashes 1.5.0 and later.
    pub(crate) first_heartbeat_after: Duration,
    /// How many messages may wait for one client, until it is kicked.
    pub(crate) queue: usize,
    /// Every so many events, one is lost without a trace, as in eCapture's hub when it is busy.
    pub(crate) lose_every: Option<u64>,
    /// Whether it can crash as eCapture does. Off, a client may do what it likes.
    pub(crate) crashes: bool,
    /// Whether `stop` closes the links with code 1000. eCapture just ends.
    pub(crate) closes_politely: bool,
    /// Speaks TLS below the WebSocket, as a proxy in front of eCapture would.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Headers, by their names in lower case, that a proxy in front wants in the handshake; 401 without.
    pub(crate) wanted_headers: Vec<(&'static str, &'static str)>,
    /// Further lines for the run log of a start: JSON objects.
    pub(crate) logs: Vec<String>,
}

impl Options {
    /// As the newest release that speaks `dialect`.
    pub(crate) fn for_dialect(dialect: Dialect) -> Self {
        Self::for_release(dialect.newest_release())
    }

    /// As `release`.
    pub(crate) fn for_release(release: Release) -> Self {
        Self {
            release,
            hex: false,
            zone_seconds: 0,
            start_ns: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            heartbeat_every: None,
            first_heartbeat_after: Duration::from_millis(20),
            queue: 256,
            lose_every: None,
            crashes: true,
            closes_politely: false,
            tls: None,
            wanted_headers: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// The time between two heartbeats.
    pub(super) fn heartbeat_every(&self) -> Duration {
        let usual = if self.release.greets() { 15 } else { 60 };
        self.heartbeat_every.unwrap_or(Duration::from_secs(usual))
    }

    /// The encoder for these options; it fixes when the host was booted.
    pub(crate) fn encoder(&self) -> Encoder {
        Encoder {
            release: self.release,
            hex: self.hex,
            zone_seconds: self.zone_seconds,
            boot_ns: self.start_ns.unwrap_or_else(calendar::now_ns) - UPTIME_NS,
        }
    }
}
