//! Exchanges in the order of their times.
//!
//! Three ways lead to them, and the one that reads least is taken: by what many have in common (host, status and so on),
//! by the streams of a process or an address, or by time. Ids are fetched some at a time, in statements that are over
//! before the caller sees any, and what SQL cannot decide is judged on the exchange.

use std::collections::VecDeque;

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::row::ExchangeSummary;
use super::texts::unwrapped;
use crate::event::Timestamp;
use crate::filter::{ExchangeContent, Expr, Facts, Level};
use crate::store::error::{At, Error};
use crate::store::gram_search::{OpenBlocks, OpenTexts};
use crate::store::plan::{Bounds, ExchangePlan};
use crate::store::reader::Reader;
use crate::store::spans::Order;

/// How many exchanges the ways by facts and by streams may give before that by time is the better one.
const FEW: i64 = 20_000;

/// How many ids are fetched in one statement.
const FETCHED: usize = 1024;

/// The columns that tell whether an exchange can hold a text.
const COLUMNS: &str = "x.id, x.time_ns, x.text_id, x.request_first_id, x.request_last_id, x.response_first_id, x.response_last_id";

/// Exchanges, one at a time.
pub struct Exchanges<'a> {
    reader: &'a Reader,
    plan: ExchangePlan,
    order: Order,
    left: u64,
    upper: i64,
    ready: VecDeque<i64>,
    way: Way,
    open: Option<(OpenBlocks, OpenTexts)>,
    needs_whole: bool,
}

/// How the rest is found.
enum Way {
    /// All that may fit is ready.
    Listed,
    /// By time, from the exchange behind this one on.
    ByTime(Option<(i64, i64)>),
    /// There are no more.
    End,
}

/// What a row says about an exchange's place.
struct Place {
    id: i64,
    time: i64,
    text: Option<i64>,
    events: [Option<(i64, i64)>; 2],
}

impl Place {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let range = |first: &str, last: &str| -> rusqlite::Result<Option<(i64, i64)>> {
            let (first, last): (Option<i64>, Option<i64>) = (row.get(first)?, row.get(last)?);
            // The last in time can be one that arrived earlier.
            Ok(first
                .zip(last)
                .map(|(one, other)| (one.min(other), one.max(other))))
        };
        Ok(Self {
            id: row.get("id")?,
            time: row.get("time_ns")?,
            text: row.get("text_id")?,
            events: [
                range("request_first_id", "request_last_id")?,
                range("response_first_id", "response_last_id")?,
            ],
        })
    }
}

impl Reader {
    /// The exchanges that the filter is true of, ordered by the time of their first event and then by number. `limit`
    /// counts what is left after the whole filter. One query at a time, events included.
    ///
    /// [`Self::prepare_exchanges`] must have been called.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn exchanges(
        &self,
        filter: Option<&Expr>,
        order: Order,
        limit: Option<u64>,
    ) -> Result<Exchanges<'_>, Error> {
        Exchanges::new(self, filter, order, limit)
    }
}

impl<'a> Exchanges<'a> {
    fn new(
        reader: &'a Reader,
        filter: Option<&Expr>,
        order: Order,
        limit: Option<u64>,
    ) -> Result<Self, Error> {
        let path = &reader.path;
        let plan = ExchangePlan::new(&reader.db, filter, limit).at(path)?;
        let upper = reader
            .db
            .query_row("SELECT COALESCE(MAX(id), 0) FROM exchanges", [], |row| {
                row.get(0)
            })
            .at(path)?;
        let needs_whole = plan
            .residual
            .as_ref()
            .is_some_and(|residual| residual.levels().contains(&Level::Payload));
        let open = match plan.required.as_ref().filter(|_| reader.uses_search_filter) {
            Some(required) if reader.has_search_filter() => Some((
                OpenBlocks::new(reader, required, 1, reader.newest_id()?).at(path)?,
                OpenTexts::new(reader, required).at(path)?,
            )),
            Some(_) => Some((OpenBlocks::everything(), OpenTexts::everything())),
            None => None,
        };
        let mut exchanges = Self {
            reader,
            plan,
            order,
            left: limit.unwrap_or(u64::MAX),
            upper,
            ready: VecDeque::new(),
            way: Way::ByTime(None),
            open,
            needs_whole,
        };
        if let Some(ids) = exchanges.few()? {
            exchanges.ready = ids.into();
            exchanges.way = Way::Listed;
        }
        Ok(exchanges)
    }

    /// The next exchange; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn next_exchange(&mut self) -> Result<Option<ExchangeSummary>, Error> {
        while self.left > 0 && !self.reader.watch().is_stopped() {
            let Some(id) = self.next_id()? else { break };
            let Some(summary) = self.reader.exchange_summary(id)? else {
                continue;
            };
            if self.fits(&summary)? {
                self.left -= 1;
                return Ok(Some(summary));
            }
        }
        Ok(None)
    }

    /// The plan, for people.
    pub(in crate::store) fn plan(&self) -> &ExchangePlan {
        &self.plan
    }

    /// How exchanges are found, in words.
    pub(in crate::store) fn way(&self) -> &'static str {
        match (&self.way, self.plan.facts, self.plan.streams) {
            (Way::ByTime(_), ..) => "through the index on time",
            (_, Some(_), _) => "through the index on facts, or that on streams",
            (_, None, _) => "through the index on streams",
        }
    }

    fn next_id(&mut self) -> Result<Option<i64>, Error> {
        while self.ready.is_empty() {
            let Way::ByTime(after) = self.way else {
                return Ok(None);
            };
            let places = self.by_time(after)?;
            self.way = match places.last().filter(|_| places.len() >= FETCHED) {
                Some(last) => Way::ByTime(Some((last.time, last.id))),
                None => Way::End,
            };
            self.ready = places
                .into_iter()
                .filter(|place| self.may_hold(place))
                .map(|place| place.id)
                .collect();
            if self.reader.watch().is_stopped() {
                return Ok(None);
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Whether an exchange may hold what is required, as far as filters of blocks and of texts tell.
    fn may_hold(&self, place: &Place) -> bool {
        let Some((blocks, texts)) = &self.open else {
            return true;
        };
        let in_text = match place.text {
            None => true,
            Some(0) => false,
            Some(text) => texts.is_open(text),
        };
        in_text
            || place
                .events
                .iter()
                .flatten()
                .any(|(first, last)| blocks.touches(*first, *last))
    }

    fn fits(&self, summary: &ExchangeSummary) -> Result<bool, Error> {
        let Some(residual) = &self.plan.residual else {
            return Ok(true);
        };
        self.reader
            .judge_exchange(residual, summary, self.needs_whole)
    }

    /// The ids by facts or by streams, in order, if they are few.
    fn few(&self) -> Result<Option<Vec<i64>>, Error> {
        let ways = [
            (
                self.plan.facts,
                "temp.wanted AS d CROSS JOIN exchanges AS x ON x.facts_id = d.id",
                "",
            ),
            (
                self.plan.streams,
                "temp.wanted AS d CROSS JOIN streams AS s ON s.id = d.id
                 CROSS JOIN exchanges AS x ON x.connection_id = s.connection_id",
                " AND x.stream_id = s.id",
            ),
        ];
        for (list, from, also) in ways {
            let Some(list) = list else { continue };
            let count: i64 = self
                .reader
                .db
                .prepare_cached(&format!(
                    "SELECT COUNT(*) FROM (SELECT 1 FROM {from} WHERE d.list = ?1 LIMIT ?2)"
                ))
                .and_then(|mut statement| statement.query_row([list, FEW + 1], |row| row.get(0)))
                .at(&self.reader.path)?;
            if count > FEW {
                continue;
            }
            let number = self.plan.parameters.len() + 5;
            let sql = format!(
                "SELECT {COLUMNS} FROM {from}
                 WHERE d.list = ?{number}{also} AND x.id BETWEEN ?1 AND ?2 AND x.time_ns BETWEEN ?3 AND ?4{}
                 ORDER BY x.time_ns, x.id",
                self.plan.condition
            );
            let mut places = self.places(&sql, &self.plan.bounds, [Value::Integer(list)])?;
            if self.order == Order::NewestFirst {
                places.reverse();
            }
            let ids = places.iter().filter(|place| self.may_hold(place));
            return Ok(Some(ids.map(|place| place.id).collect()));
        }
        Ok(None)
    }

    fn by_time(&self, after: Option<(i64, i64)>) -> Result<Vec<Place>, Error> {
        let first = self.plan.parameters.len() + 5;
        let second = first + 1;
        let (sign, order, (time, id)) = match self.order {
            Order::NewestFirst => ("<", "DESC", after.unwrap_or((i64::MAX, i64::MAX))),
            Order::OldestFirst => (">", "ASC", after.unwrap_or((i64::MIN, i64::MIN))),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM exchanges AS x
             WHERE x.id BETWEEN ?1 AND ?2 AND x.time_ns BETWEEN ?3 AND ?4{}
                AND (x.time_ns, x.id) {sign} (?{first}, ?{second})
             ORDER BY x.time_ns {order}, x.id {order} LIMIT {FETCHED}",
            self.plan.condition
        );
        // The pair alone would not take the index to where this page begins.
        let mut bounds = self.plan.bounds;
        match self.order {
            Order::NewestFirst => bounds.until = bounds.until.min(time),
            Order::OldestFirst => bounds.since = bounds.since.max(time),
        }
        self.places(&sql, &bounds, [Value::Integer(time), Value::Integer(id)])
    }

    fn places(
        &self,
        sql: &str,
        bounds: &Bounds,
        more: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Place>, Error> {
        let fixed = [
            bounds.first_id,
            bounds.last_id.min(self.upper),
            bounds.since,
            bounds.until,
        ];
        let parameters = fixed
            .into_iter()
            .map(Value::Integer)
            .chain(self.plan.parameters.iter().cloned())
            .chain(more);
        self.reader
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement
                    .query_map(params_from_iter(parameters), Place::read)?
                    .collect()
            })
            .at(&self.reader.path)
    }
}

impl ExchangeSummary {
    /// What is known of it without its heads. `source` is the URL or file that its run came from.
    pub fn facts<'a>(&'a self, source: Option<&'a str>) -> Facts<'a> {
        Facts {
            pname: self.exchange.process.pname.as_deref(),
            method: self.method.as_deref(),
            host: self.host.as_deref(),
            path: self.path.as_deref(),
            status: self.status,
            content_type: self.response_type.as_deref(),
            request_type: self.request_type.as_deref(),
            ..Facts::of_exchange(&self.exchange, source)
        }
    }

    /// When it began.
    pub fn time(&self) -> Timestamp {
        self.exchange.time()
    }
}

impl Reader {
    /// Whether the filter is true of the exchange; `needs_whole` if it asks for heads or bodies.
    pub(super) fn judge_exchange(
        &self,
        filter: &Expr,
        summary: &ExchangeSummary,
        needs_whole: bool,
    ) -> Result<bool, Error> {
        let source = self.source_of(summary.exchange.run)?;
        let facts = summary.facts(source.as_deref());
        if !needs_whole {
            return Ok(filter.matches_facts(&facts));
        }
        let judged = self.whole_exchange(summary).and_then(|whole| {
            filter
                .matches(&facts, &ExchangeContent::new(&whole, self))
                .map_err(|error| unwrapped(error, self))
        });
        match judged {
            // It was pruned since it was found.
            Err(Error::Pruned { .. }) => Ok(false),
            judged => judged,
        }
    }

    /// The values of an operand that are worth showing.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn exchange_values(
        &self,
        summary: &ExchangeSummary,
        operand: &crate::filter::Operand,
    ) -> Result<Vec<crate::filter::Value<'static>>, Error> {
        let source = self.source_of(summary.exchange.run)?;
        let facts = summary.facts(source.as_deref());
        let mut values = Vec::new();
        let mut each = |value: &crate::filter::Value<'_>| values.push(value.clone().into_owned());
        if operand.field.level == Level::Payload {
            let whole = self.whole_exchange(summary)?;
            operand
                .for_each_shown(&facts, &ExchangeContent::new(&whole, self), &mut each)
                .map_err(|error| unwrapped(error, self))?;
        } else {
            let nothing = bytes::Bytes::new();
            let content = crate::filter::Content::new(&nothing);
            match operand.for_each_shown(&facts, &content, &mut each) {
                Ok(()) => {}
                Err(never) => match never {},
            }
        }
        Ok(values)
    }

    /// The id of the newest event.
    pub(in crate::store) fn newest_id(&self) -> Result<i64, Error> {
        self.db
            .query_row("SELECT COALESCE(MAX(id), 0) FROM events", [], |row| {
                row.get(0)
            })
            .at(&self.path)
    }

    /// The id of the first event behind `after` and up to `upper`. In a file that somebody else made, ids can be too far apart to
    /// go through those in between.
    pub(in crate::store) fn next_id(&self, after: i64, upper: i64) -> Result<Option<i64>, Error> {
        self.db
            .prepare_cached("SELECT MIN(id) FROM events WHERE id > ?1 AND id <= ?2")
            .and_then(|mut statement| statement.query_row([after, upper], |row| row.get(0)))
            .at(&self.path)
    }
}
