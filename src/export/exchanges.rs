//! placeholder
use crate::http::exchange::{Bodies, Exchange};
use std::io::{self, Write};
/// Writes exchanges.
pub trait ExchangeWriter {
    /// Writes one.
    fn write(
        &mut self,
        out: &mut dyn Write,
        capture: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()>;
    /// Ends.
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()>;
}
