//! Counting the exchanges of a filter instead of listing them.

use super::texts::unwrapped;
use crate::event::Timestamp;
use crate::filter::{Content, ExchangeContent, Expr, Level, Operand};
use crate::http::exchange::Side;
use crate::store::aggregate::{Buckets, Total, combinations};
use crate::store::error::{At, Error};
use crate::store::exchanges::row::ExchangeSummary;
use crate::store::reader::Reader;
use crate::store::spans::Order;
use crate::store::tally::{Count, Key, Tally};

impl Reader {
    /// How many bytes the bodies of all exchanges have, about: framing taken off, codings not.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn body_bytes_of_exchanges(&self) -> Result<u64, Error> {
        // No row has the id 0. Without a condition, nothing would end this where pages lead in circles.
        let sql = "SELECT TOTAL(COALESCE(request_body_bytes, 0)) + TOTAL(COALESCE(response_body_bytes, 0))
            FROM exchanges WHERE id <> 0";
        let bytes: f64 = (self.db)
            .query_row(sql, [], |row| row.get(0))
            .at(&self.path)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is an estimate, and the cast saturates"
        )]
        Ok(bytes as u64)
    }

    /// Counts the exchanges that the filter is true of, and the bytes of their bodies.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn count_exchanges(&self, filter: Option<&Expr>) -> Result<Total, Error> {
        let mut total = Total::default();
        self.each_exchange(filter, |summary| {
            total.events += 1;
            total.bytes = total.bytes.saturating_add(body_bytes(summary));
            Ok(())
        })?;
        Ok(total)
    }

    /// Counts the exchanges that the filter is true of by the time they began. The key in `tally` is the start of a bucket
    /// in RFC 3339.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or there is no room for a temporary file.
    pub fn count_exchanges_by_time(
        &self,
        filter: Option<&Expr>,
        buckets: Buckets,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        self.each_exchange(filter, |summary| {
            let start = buckets.start_of(summary.time()).to_string();
            tally.add(&one(summary, vec![Some(start.into_bytes())]))
        })
    }

    /// Counts the exchanges that the filter is true of by the values of `keys`. An exchange with several values of a key
    /// counts for each of them; one without counts under its absence.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or there is no room for a temporary file.
    pub fn count_exchanges_by(
        &self,
        filter: Option<&Expr>,
        keys: &[Operand],
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let needs_whole = keys.iter().any(|key| key.field.level == Level::Payload);
        self.each_exchange(filter, |summary| {
            let source = self.source_of(summary.exchange.run)?;
            let facts = summary.facts(source.as_deref());
            let combined = if needs_whole {
                let whole = self.whole_exchange(summary)?;
                combinations(keys, &facts, &ExchangeContent::new(&whole, self))
                    .map_err(|error| unwrapped(error, self))?
            } else {
                let nothing = bytes::Bytes::new();
                let Ok(combined) = combinations(keys, &facts, &Content::new(&nothing));
                combined
            };
            for key in combined {
                tally.add(&one(summary, key))?;
            }
            Ok(())
        })
    }

    fn each_exchange(
        &self,
        filter: Option<&Expr>,
        mut each: impl FnMut(&ExchangeSummary) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut exchanges = self.exchanges(filter, Order::OldestFirst, None)?;
        while let Some(summary) = exchanges.next_exchange()? {
            each(&summary)?;
        }
        Ok(())
    }
}

fn one(summary: &ExchangeSummary, key: Key) -> Count {
    let time: Timestamp = summary.time();
    Count {
        key,
        events: 1,
        bytes: body_bytes(summary),
        first: time,
        last: time,
    }
}

fn body_bytes(summary: &ExchangeSummary) -> u64 {
    Side::BOTH
        .into_iter()
        .filter_map(|side| summary.exchange.half(side))
        .map(|message| message.body_bytes)
        .fold(0, u64::saturating_add)
}
