//! A payload as it is written in a frame.

use std::io::{self, Write};

use crate::event::{Encoding, Event, Layout};
use crate::normalize::dump::{self, Dump};

/// A payload and the way to write it.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// As it is.
    Plain(&'a [u8]),
    /// As hex digits.
    Digits(&'a [u8]),
    /// As a dump.
    Dumped(Dump, &'a [u8]),
}

impl<'a> Body<'a> {
    /// The payload as the event's form has it.
    pub(super) fn new(event: &Event, payload: &'a [u8]) -> Self {
        match (event.form.encoding, event.form.layout) {
            (Encoding::Plain, _) => Self::Plain(payload),
            (Encoding::GoHexDump, _) => Self::Dumped(Dump::Go, payload),
            (Encoding::Hex, Layout::OpensslText) => Self::Dumped(Dump::Openssl, payload),
            (Encoding::Hex, _) => Self::Digits(payload),
        }
    }

    /// The size of what `write` writes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.len(),
            Self::Digits(bytes) => bytes.len().saturating_mul(2),
            Self::Dumped(dump, bytes) => dump.size(bytes.len()),
        }
    }

    /// Whether what `write` writes ends in a newline.
    pub(super) fn ends_in_newline(self) -> bool {
        match self {
            Self::Plain(bytes) => bytes.ends_with(b"\n"),
            Self::Digits(_) => false,
            Self::Dumped(_, bytes) => !bytes.is_empty(),
        }
    }

    pub(super) fn write(self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Plain(bytes) => out.write_all(bytes),
            Self::Digits(bytes) => dump::write_digits(bytes, out),
            Self::Dumped(dump, bytes) => dump.write(bytes, out),
        }
    }
}
