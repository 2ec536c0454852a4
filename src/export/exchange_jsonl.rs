//! placeholder
use crate::http::exchange::{Bodies, Exchange};
use std::io::{self, Write};
/// Jsonl.
#[derive(Debug, Default)]
pub struct ExchangeJsonl;
impl super::exchanges::ExchangeWriter for ExchangeJsonl {
    fn write(
        &mut self,
        out: &mut dyn Write,
        _: Option<&str>,
        exchange: &Exchange,
        _: &dyn Bodies,
    ) -> io::Result<()> {
        writeln!(out, "{{\"id\":{}}}", exchange.id)
    }
    fn finish(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
