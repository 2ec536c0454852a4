//! Events as they are recorded, and what is asked about single ones.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};

use super::error::{At, Error};
use super::patience;
use super::reader::Reader;
use super::scan::{self, StoredPayload};
use crate::event::{EventId, StoredEvent, Timestamp};
use crate::filter::{Content, Expr, Facts, Operand, Value};

/// How many events are looked at in one read transaction.
const LOOKED_AT: i64 = 512;

impl Reader {
    /// The next events behind `after`, in order of arrival, of which the filter is true, and the last one that was looked
    /// at: `after` itself if there are no more. Judged one by one: nothing of the capture is gone through for it.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn newer(
        &self,
        after: EventId,
        filter: Option<&Expr>,
    ) -> Result<(Vec<StoredEvent>, EventId), Error> {
        let transaction =
            Transaction::new_unchecked(&self.db, TransactionBehavior::Deferred).at(&self.path)?;
        let ids: Vec<i64> = self
            .db
            .prepare_cached("SELECT id FROM events WHERE id > ?1 ORDER BY id LIMIT ?2")
            .and_then(|mut statement| {
                statement
                    .query_map([after.number(), LOOKED_AT], |row| row.get("id"))?
                    .collect()
            })
            .and_then(|ids: Vec<i64>| {
                let rises = ids.iter().all(|id| *id > after.number()) && ids.is_sorted_by(i64::lt);
                rises.then_some(ids).ok_or_else(patience::not_rising)
            })
            .at(&self.path)?;
        let mut found = Vec::new();
        for id in &ids {
            let is_fitting = match filter {
                Some(filter) => scan::fits(self, *id, filter)?,
                None => true,
            };
            if is_fitting {
                found.extend(self.event(EventId::new(*id))?);
            }
        }
        transaction.finish().at(&self.path)?;
        Ok((found, ids.last().map_or(after, |id| EventId::new(*id))))
    }

    /// The values of a field of an event that are worth showing.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn values(
        &self,
        event: &StoredEvent,
        operand: &Operand,
    ) -> Result<Vec<Value<'static>>, Error> {
        let source = self.source_of(event.run)?;
        let payload = StoredPayload::of(self, event);
        let mut values = Vec::new();
        operand.for_each_shown(
            &Facts::of_stored(event, source.as_deref()),
            &Content::new(&payload),
            |value| values.push(value.clone().into_owned()),
        )?;
        Ok(values)
    }

    /// When the newest commit was, by the clock of the recorder; `None` if nothing was recorded.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_commit(&self) -> Result<Option<Timestamp>, Error> {
        self.db
            .query_row(
                "SELECT MAX(last_commit_ns) AS last FROM recordings",
                [],
                |row| row.get::<_, Option<i64>>("last"),
            )
            .map(|time| time.map(Timestamp::from_nanos))
            .at(&self.path)
    }

    /// When the first recording began; `None` if there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn began(&self) -> Result<Option<Timestamp>, Error> {
        self.db
            .query_row(
                "SELECT started_ns FROM recordings ORDER BY id LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()
            .map(|time| time.map(Timestamp::from_nanos))
            .at(&self.path)
    }
}
