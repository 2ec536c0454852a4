//! What one message says, before it is given a time and a form.

use bytes::Bytes;

use crate::event::{Details, Direction, Encoding, Kind, Layout, Probe, Process, Provenance, Tuple};

/// What a message tells of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing.
    Nothing,
    /// A number that its size gives a unit.
    Field(i64),
    /// The capturing host's wall clock, as nanoseconds since 1970 in its own zone.
    Local(i64),
    /// The kernel's monotonic clock, in nanoseconds.
    Monotonic(i64),
}

/// What one message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) process: Process,
    pub(super) fd: Option<u32>,
    pub(super) direction: Option<Direction>,
    pub(super) tuple: Option<Tuple>,
    pub(super) kind: Kind,
    pub(super) probe: Option<Probe>,
    pub(super) ecapture_type: Option<u32>,
    pub(super) layout: Layout,
    pub(super) encoding: Encoding,
    pub(super) provenance: Provenance,
    pub(super) details: Details,
    pub(super) told: Told,
    pub(super) payload: Bytes,
}

impl Reading {
    /// With nothing but a kind, a layout and a payload.
    pub(super) fn new(kind: Kind, layout: Layout, payload: Bytes) -> Self {
        Self {
            process: Process::default(),
            fd: None,
            direction: None,
            tuple: None,
            kind,
            probe: None,
            ecapture_type: None,
            layout,
            encoding: Encoding::Plain,
            provenance: Provenance::empty(),
            details: Details::default(),
            told: Told::Nothing,
            payload,
        }
    }

    /// Says that the payload was written as `--hex` of 2.x writes it, if it was.
    pub(super) fn hex(&mut self, hex: bool) {
        if hex {
            self.encoding = Encoding::Hex;
            self.provenance |= Provenance::HEX_UNDONE;
        }
    }

    /// Says that more may have followed, if so.
    pub(super) fn truncated(&mut self, maybe: bool) {
        self.provenance.set(Provenance::MAYBE_TRUNCATED, maybe);
    }
}
