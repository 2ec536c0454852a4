//! What a search in bodies could not look into.

use std::collections::BTreeMap;

use super::block::{Class, PART_BYTES};
use super::error::{At, Error};
use super::payload::Payload;
use super::plan::Plan;
use super::reader::Reader;
use super::vault::{Column, Place};
use crate::filter::{Expr, MAX_TEXT_BYTES};
use crate::http::body::{self, Defect, MAX_DECODED_BYTES};

/// Why the body in a large payload cannot be decoded, if it has one and that is so.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub(super) fn defect_of_large(
    payload: Payload<'_>,
    payload_bytes: u64,
) -> Result<Option<Defect>, Error> {
    if payload_bytes > MAX_TEXT_BYTES as u64 {
        let start = payload.start(PART_BYTES)?;
        return Ok(body::needs_decoding(&start).then_some(Defect::TooLarge));
    }
    let whole = payload.start(usize::MAX)?;
    Ok(body::defect(&whole, MAX_DECODED_BYTES))
}

impl Reader {
    /// How many events, of those that the filter looks at, have an HTTP body that could not be decoded, or not to its end,
    /// by the reason; what could be decoded of it was searched. `None` if the capture does not know that, as an earlier
    /// version recorded it.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn undecoded(&self, filter: &Expr) -> Result<Option<BTreeMap<&'static str, u64>>, Error> {
        if !self.has_search_filter() || self.lacks_filters()? {
            return Ok(None);
        }
        let mut counts = BTreeMap::new();
        if !self.may_be_undecoded()? {
            return Ok(Some(counts));
        }
        let plan = Plan::new(&self.db, Some(filter), None).at(&self.path)?;
        let sql = format!(
            "SELECT u.defect, COUNT(*) AS events FROM undecoded AS u CROSS JOIN events AS e ON e.id = u.event_id
             WHERE {} GROUP BY u.defect",
            plan.conditions()
        );
        let mut statement = self.db.prepare(&sql).at(&self.path)?;
        let mut rows = statement
            .query(plan.parameters(i64::MIN, i64::MAX))
            .at(&self.path)?;
        while let Some(row) = rows.next().at(&self.path)? {
            let code: u8 = row.get("defect").at(&self.path)?;
            let defect = Defect::ALL.into_iter().find(|defect| defect.code() == code);
            let name = defect.map_or("unknown", Defect::name);
            let count: &mut u64 = counts.entry(name).or_default();
            *count = count.saturating_add(row.get("events").at(&self.path)?);
        }
        // Of what waits for a block it is not noted yet.
        let sql = format!(
            "SELECT t.event_id, t.data FROM tail AS t CROSS JOIN events AS e ON e.id = t.event_id WHERE {}",
            plan.conditions()
        );
        let mut statement = self.db.prepare(&sql).at(&self.path)?;
        let mut rows = statement
            .query(plan.parameters(i64::MIN, i64::MAX))
            .at(&self.path)?;
        while let Some(row) = rows.next().at(&self.path)? {
            let payload = row
                .get_ref("data")
                .and_then(|data| Ok(data.as_blob()?))
                .at(&self.path)?;
            let place = Place::new(Column::Tail, row.get("event_id").at(&self.path)?);
            let payload = self.vault.decrypt(place, payload).at(&self.path)?;
            if let Some(defect) = body::defect(&payload, MAX_DECODED_BYTES) {
                *counts.entry(defect.name()).or_default() += 1;
            }
        }
        Ok(Some(counts))
    }

    /// Whether a body is noted, or not looked at yet.
    fn may_be_undecoded(&self) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM undecoded) OR EXISTS (SELECT 1 FROM tail)";
        self.db.query_row(sql, [], |row| row.get(0)).at(&self.path)
    }

    /// Whether a block has no search filter: what cannot be decoded in it was not noted either.
    fn lacks_filters(&self) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM blocks AS b WHERE b.class <> ?1
            AND NOT EXISTS (SELECT 1 FROM grams AS g WHERE g.part = 0 AND g.block_id = b.id))";
        self.db
            .query_row(sql, [Class::Large.code()], |row| row.get(0))
            .at(&self.path)
    }
}
