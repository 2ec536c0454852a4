//! The index on time, written: between which times the events of some hundred neighbors in order of arrival lie.

use rusqlite::{Connection, Result, params};

/// How many neighboring events share one entry.
pub(super) const SPAN_EVENTS: i64 = 512;

/// An entry that is still growing.
#[derive(Clone, Copy)]
struct Span {
    first: i64,
    last: i64,
    min: i64,
    max: i64,
    events: i64,
}

/// Writes the index on time.
#[derive(Default)]
pub(super) struct SpanWriter {
    span: Option<Span>,
}

impl SpanWriter {
    /// Takes in the next event in order of id.
    pub(super) fn add(&mut self, db: &Connection, id: i64, time: i64) -> Result<()> {
        if self.span.is_some_and(|span| span.events >= SPAN_EVENTS) {
            self.save(db)?;
            self.span = None;
        }
        let span = self.span.get_or_insert(Span {
            first: id,
            last: id,
            min: time,
            max: time,
            events: 0,
        });
        *span = Span {
            last: id,
            min: span.min.min(time),
            max: span.max.max(time),
            events: span.events + 1,
            ..*span
        };
        Ok(())
    }

    /// Writes the entry that is still growing, as it is now.
    pub(super) fn save(&self, db: &Connection) -> Result<()> {
        let Some(span) = self.span else { return Ok(()) };
        db.prepare_cached(
            "INSERT INTO spans (first_id, last_id, min_ns, max_ns) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (first_id) DO UPDATE SET
                last_id = excluded.last_id, min_ns = excluded.min_ns, max_ns = excluded.max_ns",
        )?
        .execute(params![span.first, span.last, span.min, span.max])?;
        Ok(())
    }
}
