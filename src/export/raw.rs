//! The decoded bodies of one side, one after the other, with nothing between them.

use std::io::{self, Write};

use super::body::each_step;
use super::exchanges::ExchangeWriter;
use crate::http::exchange::{Bodies, BodyForm, Exchange, Side};

/// Writes the bodies.
#[derive(Debug, Clone, Copy)]
pub struct Raw {
    side: Side,
}

impl Raw {
    /// Of requests or of responses.
    pub fn new(side: Side) -> Self {
        Self { side }
    }
}

impl ExchangeWriter for Raw {
    fn write(
        &mut self,
        out: &mut dyn Write,
        _: Option<&str>,
        exchange: &Exchange,
        bodies: &dyn Bodies,
    ) -> io::Result<()> {
        let Some(message) = exchange.half(self.side) else {
            return Ok(());
        };
        let mut reader = bodies.open(message, BodyForm::Decoded)?;
        each_step(&mut *reader, &mut |step| out.write_all(step))
    }

    fn finish(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn bodies_and_nothing_else() {
        let exchange = samples::exchange();
        let mut orphan = exchange.clone();
        orphan.request = None;
        let bodies = samples::bodies(&exchange);
        for (side, expected) in [
            (Side::Request, &b"a=1&b=2"[..]),
            (Side::Response, b"hellohello"),
        ] {
            let mut out = Vec::new();
            let mut raw = Raw::new(side);
            for exchange in [&exchange, &orphan] {
                raw.write(&mut out, None, exchange, &bodies).unwrap();
            }
            raw.finish(&mut out).unwrap();
            assert_eq!(out, expected);
        }
    }
}
