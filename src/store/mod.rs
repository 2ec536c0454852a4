//! The capture file.

mod batch;
mod begin;
mod block;
mod digest;
mod error;
mod intern;
mod migrate;
mod open;
mod payload;
mod plan;
mod postings;
mod reader;
mod row;
mod row_writer;
mod rows;
mod search;
mod stats;
mod tail;
mod varint;
mod writer;

pub use batch::{
    Batch, Counters, GapReason, GapRow, HeartbeatRow, KnownRun, LinkRow, LogRow, NewEvent, NextIds,
    RecordingStart, RunRow, UncleanEnd,
};
pub use digest::{BatchHasher, EventHasher};
pub use error::Error;
pub use migrate::{APPLICATION_ID, MIGRATIONS, newest_version};
pub use payload::Payload;
pub use reader::{Access, Reader};
pub use rows::{Order, Rows};
pub use writer::{Sealed, Writer};
