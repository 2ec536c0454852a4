//! What happened on the imagined host, before any release of eCapture puts it into its own words.

use std::net::SocketAddr;

use bytes::Bytes;

/// One thing that eCapture's probes would see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GeneratedEvent {
    /// When, in nanoseconds since the traffic began.
    pub(crate) offset_ns: i64,
    /// The process.
    pub(crate) pid: u32,
    /// The thread.
    pub(crate) tid: u32,
    /// The user.
    pub(crate) uid: u32,
    /// The thread's command name, at most 15 bytes.
    pub(crate) comm: Bytes,
    /// The socket's descriptor; 0 where the probe does not know it.
    pub(crate) fd: u32,
    /// Whether the process wrote.
    pub(crate) written: bool,
    /// The ends of the connection, where known.
    pub(crate) tuple: Option<Ends>,
    /// Which probe saw it, and what only that probe says.
    pub(crate) probe: Probe,
    /// What was read, written, typed or asked.
    pub(crate) payload: Bytes,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The end that opened it.
    pub(crate) initiator: SocketAddr,
    /// The end that accepted it.
    pub(crate) acceptor: SocketAddr,
    /// Whether the traced process is the initiator.
    pub(crate) local_is_initiator: bool,
}

/// Which probe saw an event, and what only that probe says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// `SSL_read` or `SSL_write`.
    OpenSsl,
    /// GnuTLS; sends nothing in 2.x.
    GnuTls,
    /// Go's `crypto/tls`.
    GoTls,
    /// A TCP connect or accept (2.x).
    Connect,
    /// A TCP socket was destroyed somewhere on the host (2.x).
    Destroy,
    /// A command typed into bash, with its exit status.
    Bash(i32),
    /// A command typed into zsh.
    Zsh,
    /// A query that mysqld ran.
    MySql {
        /// The full length of the query in bytes, of which at most 256 are captured.
        total_bytes: usize,
        /// The status word of 2.x, such as `SUCCESS`.
        status: &'static str,
    },
    /// A query that postgres ran.
    Postgres,
    /// OpenSSL's secrets of one connection: the 32 bytes of the client's random, then the 48 of the master key, are
    /// the payload.
    OpenSslKey,
    /// Go's secrets of one connection, likewise, with the label of the key log.
    GoKey(&'static str),
    /// A network packet of so many bytes on the interface with this index; its bytes are not sent.
    Packet {
        /// Its length.
        bytes: u32,
        /// The interface.
        interface: u32,
    },
}
