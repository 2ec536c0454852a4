//! An event's place in the blocks and indexes of a file that is made from another: payload, lists, time, search filter.

use bytes::Bytes;

use super::copy::Copying;
use crate::event::{Direction, Envelope, StoredEvent};
use crate::filter::push_end;
use crate::store::block::Class;
use crate::store::digest::EventHasher;
use crate::store::error::{At, Error};
use crate::store::grams::{self, CROSSING_BYTES};
use crate::store::payload::Payload;
use crate::store::postings::Postings;
use crate::store::press::Press;
use crate::store::span_writer::SpanWriter;
use crate::store::stream_ends::{NO_DIRECTION, StreamEnds};
use crate::store::tail::Tail;
use crate::store::undecoded;

/// Places events, in order of id. Knows nothing of the new file's transactions.
pub(in crate::store) struct Placer<'a> {
    copying: Copying<'a>,
    tail: Tail,
    press: Press,
    postings: Postings,
    ends: StreamEnds,
    spans: SpanWriter,
}

impl<'a> Placer<'a> {
    pub(in crate::store) fn new(copying: Copying<'a>) -> Result<Self, Error> {
        let Copying {
            db, path, vault, ..
        } = copying;
        Ok(Self {
            copying,
            tail: Tail::new(db, vault.clone()).map_err(|error| error.at(path))?,
            press: Press::new(vault.clone()).map_err(|error| Error::from_io(path, error))?,
            postings: Postings::new(db).at(path)?,
            ends: StreamEnds::new(0, 0),
            spans: SpanWriter::default(),
        })
    }

    /// Writes lists if enough has come.
    pub(in crate::store) fn save_lists(&mut self) -> Result<(), Error> {
        let Copying { db, path, .. } = self.copying;
        self.postings.save(db).at(path)
    }

    /// Writes what waits.
    pub(in crate::store) fn finish(mut self) -> Result<(), Error> {
        let Copying { db, path, .. } = self.copying;
        self.spans.save(db).at(path)?;
        self.postings.flush(db).at(path)?;
        self.tail
            .flush(db, &mut self.press)
            .map_err(|error| error.at(path))
    }

    /// Places an event whose row and envelope are there, with its payload from the original if no other is given, and gives
    /// its digest. `stream` is its row of `streams`.
    pub(in crate::store) fn place(
        &mut self,
        stored: &StoredEvent,
        stream: i64,
        envelope: &Envelope,
        given: Option<&Bytes>,
    ) -> Result<[u8; 32], Error> {
        let Copying {
            db, path, vault, ..
        } = self.copying;
        let id = stored.id.number();
        let mut hasher = EventHasher::new(
            vault,
            stored.id,
            &stored.event,
            envelope,
            stored.payload_bytes,
        );
        let place = stored.connection.map(|_| {
            let direction = stored.event.direction.map_or(NO_DIRECTION, Direction::code);
            (stream, direction)
        });
        let class = Class::of(stored.event.content, stored.payload_bytes);
        let before = if class == Some(Class::Large) {
            let end = self.place_large(stored, given, &mut hasher)?;
            self.ends.add(id, place, &end)
        } else {
            let payload = self.payload(stored, given)?.start(usize::MAX)?;
            hasher.update(&payload);
            let before = self.ends.add(id, place, &payload);
            if let Some(class) = class {
                // A copy: this one keeps a whole block of the original in memory, and there may be one for each event.
                let payload = Bytes::copy_from_slice(&payload);
                self.tail
                    .add(db, &mut self.press, id, class, (&payload, before.clone()))
                    .map_err(|error| error.at(path))?;
            }
            before
        };
        if !before.is_known() {
            grams::add_junction(db, id).at(path)?;
        }
        self.postings.add(stream, id);
        self.spans
            .add(db, id, stored.event.time.as_nanos())
            .at(path)?;
        Ok(hasher.finish())
    }

    fn payload(&self, stored: &StoredEvent, given: Option<&Bytes>) -> Result<Payload<'a>, Error> {
        let Copying { reader, .. } = self.copying;
        match given {
            Some(payload) => Ok(Payload::given(reader, stored.id, payload.clone())),
            None => reader.payload(stored),
        }
    }

    /// Places a large payload part by part, and gives its last bytes.
    fn place_large(
        &mut self,
        stored: &StoredEvent,
        given: Option<&Bytes>,
        hasher: &mut EventHasher,
    ) -> Result<Vec<u8>, Error> {
        let Copying { db, path, .. } = self.copying;
        let id = stored.id.number();
        let mut payload = self.payload(stored, given)?;
        let (mut at, mut end) = (0, Vec::new());
        while let Some(part) = payload.next_piece()? {
            hasher.update(&part);
            push_end(&mut end, &part, CROSSING_BYTES);
            let length = part.len();
            self.tail
                .add_part(db, &mut self.press, id, (at, part))
                .map_err(|error| error.at(path))?;
            at += length;
        }
        let payload = self.payload(stored, given)?;
        if let Some(defect) = undecoded::defect_of_large(payload, stored.payload_bytes)? {
            grams::store_undecoded(db, &[(id, defect)]).at(path)?;
        }
        Ok(end)
    }
}
