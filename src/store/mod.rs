//! The capture file.

mod reader;

pub use reader::{Error, Order, Payload, Reader, Rows, Stats};
