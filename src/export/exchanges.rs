//! Writing exchanges one after the other: what all their exporters have in common.
//!
//! A writer holds no body: it reads each from its source as often as it must, in pieces. So its memory does not grow
//! with the exchanges that it writes.

use std::io::{self, Write};

use crate::http::exchange::{Bodies, Exchange};

/// Writes exchanges in one format.
pub trait ExchangeWriter {
    /// Writes one exchange; `capture` names the capture where several are read as one. `bodies` reads the bodies of
    /// this exchange.
    ///
    /// # Errors
    /// What `bodies` says, or `out`.
    fn write(
        &mut self,
        out: &mut dyn Write,
        capture: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()>;

    /// Writes what must follow the last one, also when there was none.
    ///
    /// # Errors
    /// What `out` says.
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()>;
}
