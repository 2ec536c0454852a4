//! The inverse of normalization: the frame's bytes again, from what is stored.
//!
//! `render` gives what eCapture would have sent for an event of that form. Everything comes from the event's columns
//! and its payload; nothing is allocated in proportion to the payload. Whether it is the frame that did arrive is
//! checked when an event is made, and what differs is in the envelope.

mod body;
mod json;
mod short;
mod structured;
mod text;

use std::io::{self, Write};

use body::Body;
use short::Short;

use crate::event::{Carrier, Envelope, Event, Provenance};

/// Writes the frame that eCapture sends for an event like this one. The result is false if its form cannot give it,
/// because the columns do not hold what it takes; something may have been written then.
///
/// # Errors
/// Those of `out`.
pub fn render(event: &Event, payload: &[u8], out: &mut impl Write) -> io::Result<bool> {
    match event.form.carrier {
        Carrier::Unknown => out.write_all(payload).map(|()| true),
        // Each has its own time, and escapes that can be undone but not redone.
        Carrier::EventLine | Carrier::ConsoleLine => Ok(false),
        Carrier::BareText => match text::Text::new(event, payload) {
            Some(text) => text.write(out).map(|()| true),
            None => Ok(false),
        },
        Carrier::ProtobufText => match text::Text::new(event, payload) {
            Some(text) => text.write_framed(out),
            None => Ok(false),
        },
        Carrier::Protobuf => match structured::Columns::new(event, payload) {
            Some(columns) => columns.write_protobuf(out),
            None => Ok(false),
        },
        Carrier::Json | Carrier::BareJson => match structured::Columns::new(event, payload) {
            Some(columns) => columns.write_json(event.form.carrier, out),
            None => Ok(false),
        },
    }
}

/// Writes the frame of an event, byte for byte as it was received, whatever its envelope. The result is false, and nothing
/// is written, of a payload that was lost or redacted, or of which only the first bytes were stored. It is also false if
/// the envelope says that the form gives the frame and the form does not: the event is not the one that the envelope is of.
///
/// # Errors
/// Those of `out`.
pub fn rebuild(
    event: &Event,
    payload: &[u8],
    envelope: &Envelope,
    out: &mut impl Write,
) -> io::Result<bool> {
    let is_other = Provenance::SHORTENED | Provenance::LOST | Provenance::REDACTED;
    if event.provenance.intersects(is_other) {
        return Ok(false);
    }
    match envelope {
        Envelope::Rendered => render(event, payload, out),
        Envelope::Around { head, tail } => {
            out.write_all(head)?;
            out.write_all(payload)?;
            out.write_all(tail)?;
            Ok(true)
        }
        Envelope::Whole(frame) => {
            out.write_all(frame)?;
            Ok(true)
        }
    }
}
