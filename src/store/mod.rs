//! The capture file.

mod batch;
mod begin;
mod block;
mod digest;
mod error;
mod intern;
mod migrate;
mod open;
mod row_writer;
mod tail;
mod writer;

pub use batch::{
    Batch, Counters, GapReason, GapRow, HeartbeatRow, KnownRun, LinkRow, LogRow, NewEvent, NextIds,
    RecordingStart, RunRow, UncleanEnd,
};
pub use error::Error;
pub use migrate::{APPLICATION_ID, MIGRATIONS, newest_version};
pub use writer::{Sealed, Writer};
