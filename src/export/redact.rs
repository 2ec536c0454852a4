//! Exchanges without their secrets, in every format; `crate::redact` takes the secrets out.

use std::io::{self, Write};

use super::exchanges::ExchangeWriter;
use crate::http::exchange::{Bodies, Exchange};
use crate::redact::Redactor;

/// Writes exchanges without their secrets, in whatever format.
pub struct Redacting {
    writer: Box<dyn ExchangeWriter>,
    redactor: Redactor,
}

impl std::fmt::Debug for Redacting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Redacting")
            .field("redactor", &self.redactor)
            .finish_non_exhaustive()
    }
}

impl Redacting {
    /// In the format of `writer`.
    pub fn new(writer: Box<dyn ExchangeWriter>, redactor: Redactor) -> Self {
        Self { writer, redactor }
    }
}

impl ExchangeWriter for Redacting {
    fn write(
        &mut self,
        out: &mut dyn Write,
        capture: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()> {
        let redacted = self.redactor.redact(exchange, bodies);
        self.writer
            .write(out, capture, redacted.exchange(), &redacted)
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.writer.finish(out)
    }
}
