//! Bodies for cells, which hold only so much.

use std::io::{self, Read as _};

use super::table::MAX_CELL_BYTES;
use crate::http::body::State;
use crate::http::exchange::{Bodies, BodyForm, Message};

/// How much of a body is read at a time.
const READ_BYTES: usize = 64 << 10;

/// A body that was read to its end.
pub(super) struct Body {
    /// What fits into a cell.
    pub(super) start: Vec<u8>,
    /// The size of all of it.
    pub(super) bytes: u64,
    pub(super) state: State,
}

impl Body {
    /// Reads all of it and keeps what fits.
    pub(super) fn read(message: &Message, bodies: &dyn Bodies) -> io::Result<Self> {
        let mut body = bodies.open(message, BodyForm::Decoded)?;
        let (mut start, mut bytes) = (Vec::new(), 0_u64);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            bytes = bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            let kept = read.min(MAX_CELL_BYTES.saturating_sub(start.len()));
            start.extend_from_slice(buffer.get(..kept).unwrap_or_default());
        }
        Ok(Self {
            start,
            bytes,
            state: body.state(),
        })
    }

    /// Whether more was read than fits.
    pub(super) fn is_truncated(&self) -> bool {
        u64::try_from(self.start.len()).unwrap_or(u64::MAX) < self.bytes
    }
}
