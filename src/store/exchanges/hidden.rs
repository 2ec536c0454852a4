//! Whether exchanges hold a text that no event shows.

use rusqlite::{OptionalExtension, Statement, params};

use super::index;
use super::prepare::VERSION;
use crate::filter::{Expr, Level};
use crate::store::error::{At, Error};
use crate::store::gram_search::OpenTexts;
use crate::store::plan::ExchangePlan;
use crate::store::reader::Reader;

impl Reader {
    /// Whether the filter is true of an exchange with text that no search of events finds: fields of HTTP/2, and bodies that
    /// lie in several events. `None` if that would take reconstructing them all: there is no index of exchanges, or nothing
    /// that the search filter could be asked for. Stops at the first, and looks only where the search filter says that it
    /// may be.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn is_in_hidden_text(&self, filter: &Expr) -> Result<Option<bool>, Error> {
        let is_indexed = self.schema_version() >= VERSION
            && self.uses_search_filter
            && index::indexed(&self.db).at(&self.path)? > 0
            && !index::is_outdated(&self.db).at(&self.path)?;
        if !is_indexed {
            return Ok(None);
        }
        let plan = ExchangePlan::new(&self.db, Some(filter), None).at(&self.path)?;
        let Some(required) = &plan.required else {
            return Ok(None);
        };
        let texts = OpenTexts::new(self, required).at(&self.path)?;
        // Text 0 says that there is none; NULL, that it is not known.
        let mut numbers = self
            .db
            .prepare(
                "SELECT DISTINCT text_id FROM exchanges WHERE text_id IS NOT 0 ORDER BY text_id DESC",
            )
            .at(&self.path)?;
        let mut next = self
            .db
            .prepare(
                "SELECT id FROM exchanges
                 WHERE text_id IS ?1 AND text_id IS NOT 0 AND id > ?2 ORDER BY id LIMIT 1",
            )
            .at(&self.path)?;
        let mut numbers = numbers.query([]).at(&self.path)?;
        while let Some(row) = numbers.next().at(&self.path)? {
            let number: Option<i64> = row.get("text_id").at(&self.path)?;
            if number.is_none_or(|number| texts.is_open(number))
                && self.one_fits(&mut next, number, filter)?
            {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }

    /// Whether the filter is true of one of the exchanges with this text.
    fn one_fits(
        &self,
        next: &mut Statement<'_>,
        text: Option<i64>,
        filter: &Expr,
    ) -> Result<bool, Error> {
        let needs_whole = filter.levels().contains(&Level::Payload);
        let mut after = 0_i64;
        while !self.watch().is_stopped() {
            let id: Option<i64> = next
                .query_row(params![text, after], |row| row.get("id"))
                .optional()
                .at(&self.path)?;
            let Some(id) = id else { break };
            after = id;
            if let Some(summary) = self.exchange_summary(id)?
                && self.judge_exchange(filter, &summary, needs_whole)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
