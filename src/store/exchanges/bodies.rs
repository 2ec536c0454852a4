//! Reads the bodies of exchanges from the payloads that they are in.

use std::io::{self, Read};

use bytes::{Buf, Bytes};

use super::index::place_of;
use super::source::Place;
use crate::event::{EventId, Timestamp};
use crate::http::body::MAX_DECODED_BYTES;
use crate::http::decode::{self, BodyRead};
use crate::http::exchange::{Bodies, BodyForm, Ending, Message, Span, Spans};
use crate::store::block::{Class, PART_BYTES};
use crate::store::error::Error;
use crate::store::payload::{self, Payload};
use crate::store::reader::Reader;

/// How many bytes of one body are decoded at most: so many, and so many for each that was sent. Deflate makes up to 1032 bytes
/// of one; a body in several codings, in brotli or zstd can be some kilobytes and claim to be terabytes.
const DECODED_BYTES: u64 = MAX_DECODED_BYTES as u64;
const DECODED_FOR_SENT: u64 = 1100;

impl Bodies for Reader {
    fn open<'a>(
        &'a self,
        message: &'a Message,
        form: BodyForm,
    ) -> io::Result<Box<dyn BodyRead + 'a>> {
        let pieces = self.pieces(&message.body);
        Ok(match form {
            BodyForm::AsSent => decode::as_sent(pieces),
            BodyForm::Decoded => {
                let is_whole = may_be_whole(message.ending);
                let sent = message.body.iter().map(|span| span.length);
                let limit = sent
                    .fold(0, u64::saturating_add)
                    .saturating_mul(DECODED_FOR_SENT)
                    .saturating_add(DECODED_BYTES);
                decode::decoded(message.head.as_ref(), pieces, is_whole, limit)
            }
        })
    }

    fn tunnels(&self) -> Option<&dyn Spans> {
        Some(self)
    }
}

/// Whether a body may have all its bytes, given how its message ended. Of one that was closed, nothing but a coding that is
/// not at its end shows that it has not.
fn may_be_whole(ending: Ending) -> bool {
    matches!(
        ending,
        Ending::Complete | Ending::Consistent | Ending::Closed
    )
}

impl Spans for Reader {
    fn read<'a>(&'a self, spans: &'a [Span]) -> Box<dyn Read + 'a> {
        Box::new(self.pieces(spans))
    }

    fn time(&self, event: EventId) -> io::Result<Option<Timestamp>> {
        let event = self.event(event).map_err(io::Error::other)?;
        Ok(event.map(|stored| stored.event.time))
    }
}

impl Reader {
    fn pieces<'a>(&'a self, spans: &'a [Span]) -> impl Read + 'a {
        Pieces {
            reader: self,
            spans: spans.iter(),
            rest: None,
            bytes: Bytes::new(),
            place: None,
        }
    }
}

/// Bytes of events, one after another.
struct Pieces<'a> {
    reader: &'a Reader,
    spans: std::slice::Iter<'a, Span>,
    /// What is left of the span that was begun.
    rest: Option<Span>,
    bytes: Bytes,
    /// The event that was looked up last.
    place: Option<Place>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.bytes.is_empty() {
            let Some(span) = self.rest.take().or_else(|| self.spans.next().copied()) else {
                return Ok(0);
            };
            self.load(span).map_err(io::Error::other)?;
        }
        let count = buffer.len().min(self.bytes.len());
        let (taken, _) = buffer.split_at_mut(count);
        self.bytes.copy_to_slice(taken);
        Ok(count)
    }
}

impl Pieces<'_> {
    /// Loads the beginning of a span; the rest is left for the next time.
    fn load(&mut self, span: Span) -> Result<(), Error> {
        let reader = self.reader;
        let damaged = || Error::Corrupt {
            path: reader.path.clone(),
            detail: format!(
                "an exchange has bytes of event {} that it has not",
                span.event
            ),
        };
        let at_hand = reader.blocks.borrow_mut().payload(span.event.number());
        let (raw, begins) = match at_hand {
            Some(payload) => (payload, 0),
            None => self.fetch(span)?.ok_or_else(damaged)?,
        };
        let start = usize::try_from(span.offset.saturating_sub(begins)).map_err(|_| damaged())?;
        let length = usize::try_from(span.length).unwrap_or(usize::MAX);
        let end = start.saturating_add(length).min(raw.len());
        if start >= end {
            return Err(damaged());
        }
        let taken = (end - start) as u64;
        self.bytes = raw.slice(start..end);
        self.rest = (taken < span.length).then(|| Span {
            offset: span.offset.saturating_add(taken),
            length: span.length - taken,
            ..span
        });
        Ok(())
    }

    /// The payload of the span's event, or the part of it that holds the beginning of the span, and where that begins; `None`
    /// if it has none.
    fn fetch(&mut self, span: Span) -> Result<Option<(Bytes, u64)>, Error> {
        let place = self.place(span.event)?;
        let Some(class) = place.class() else {
            return Ok(None);
        };
        if class == Class::Large {
            let Ok(offset) = usize::try_from(span.offset) else {
                return Ok(None);
            };
            let at = offset - offset % PART_BYTES;
            let part = payload::part(self.reader, place.id, at)?;
            return Ok(Some((part, at as u64)));
        }
        let mut payload = Payload::of(self.reader, place.id, Some(class), place.payload_bytes)?;
        Ok(payload.next_piece()?.map(|payload| (payload, 0)))
    }

    fn place(&mut self, event: EventId) -> Result<Place, Error> {
        if let Some(place) = self.place.filter(|place| place.id == event.number()) {
            return Ok(place);
        }
        // An exchange goes with the first of its events, so it was pruned while it was read.
        let place = place_of(self.reader, event.number())?.ok_or_else(|| Error::Pruned {
            path: self.reader.path.clone(),
            what: format!("event {event}"),
        })?;
        self.place = Some(place);
        Ok(place)
    }
}
