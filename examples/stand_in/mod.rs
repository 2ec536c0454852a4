//! A stand-in for eCapture and a seeded generator of traffic, for tests, benchmarks and the quickstart.
//!
//! It is written after `docs/wire.md` and shares nothing with the library, so that a mistake in one does not hide the
//! same mistake in the other. Programs outside `examples/` include it by its path:
//!
//! ```ignore
//! #[path = "../../examples/stand_in/mod.rs"]
//! #[expect(dead_code, reason = "each program uses a part of it")]
//! mod stand_in;
//! ```
//!
//! - `server::StandIn`, started with `options::Options`, serves WebSocket clients on a port of its own;
//! - `traffic::Traffic` makes events, `dialect::Encoder` the messages that carry them;
//! - `frames` and `run_log` make messages without a server.

pub(crate) mod calendar;
pub(crate) mod dialect;
pub(crate) mod event;
pub(crate) mod options;
pub(crate) mod run_log;
pub(crate) mod server;
pub(crate) mod traffic;

mod connection;
mod fields;
mod handshake;
mod http1;
mod http2;
mod link;
mod pools;
mod protobuf;
mod random;
mod rendering;
mod text;

#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod tests;

use dialect::{Dialect, Encoder};
use traffic::{Corpus, Traffic};

/// When the traffic of `frames` begins: 2026-11-23T10:40:00Z.
pub(crate) const START_NS: i64 = 1_795_430_400_000_000_000;

/// How long before the start the capturing host was booted.
pub(crate) const UPTIME_NS: i64 = 3_946 * calendar::SECOND_NS;

/// The first `count` messages of the traffic of `seed`, each with its RFC 6455 opcode, in the newest release of
/// `dialect`, in UTC. Dialect C has none.
pub(crate) fn frames(
    dialect: Dialect,
    seed: u64,
    count: usize,
    corpus: Corpus,
) -> impl Iterator<Item = (u8, Vec<u8>)> {
    let encoder = Encoder {
        release: dialect.newest_release(),
        hex: false,
        zone_seconds: 0,
        boot_ns: START_NS - UPTIME_NS,
    };
    let count = if dialect == Dialect::LogsOnly {
        0
    } else {
        count
    };
    Traffic::new(seed, corpus)
        .filter_map(move |event| encoder.encode(&event, START_NS + event.offset_ns))
        .map(|message| (message.opcode, message.bytes.into()))
        .take(count)
}
