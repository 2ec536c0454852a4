//! From a filter to what SQLite does about it, and what is left to be judged afterwards.
//!
//! What many events share (process, connection, shape, HTTP head, request target) is decided once, on the small tables
//! that hold it: the ids of the rows that fit are put into lists, and an event is then judged by the numbers in its row.
//! Any combination of such parts, and of the numbers in the row itself, becomes one SQL condition. What SQL cannot say
//! becomes the *residual*: it is judged on the event, and the condition then lets through more than the filter means, never
//! less. The SQL text is put together from fixed pieces; every value is a parameter.

mod bounds;
mod exchanges;
mod lists;
mod numbers;
mod processes;
#[cfg(test)]
mod tests;

use rusqlite::types::Value;
use rusqlite::{Connection, Result};

pub(super) use self::bounds::Bounds;
pub(super) use self::exchanges::ExchangePlan;
use self::lists::{Home, Lists};
use super::patience;
use super::scan::Found;
use crate::filter::{Expr, Level, Required};

/// How a filter is answered.
pub(super) struct Plan {
    /// The times and ids that it is limited to.
    pub(super) bounds: Bounds,
    /// The condition on an event's row `e` beyond those, as SQL, and its parameters from `?5` on; empty if there is none.
    condition: String,
    parameters: Vec<Value>,
    select: String,
    /// The list of the streams that every wanted event belongs to, if the filter says something about those and they were
    /// listed.
    pub(super) streams: Option<i64>,
    /// What is to be judged on the payload alone.
    pub(super) payload: Option<Expr>,
    /// What is to be judged on the event with its payload.
    pub(super) residual: Option<Expr>,
    /// What the event's text must hold.
    pub(super) required: Option<Required>,
    /// How the lists were made, for people.
    pub(super) steps: Vec<String>,
    /// The statements that made them.
    pub(super) asked: Vec<&'static str>,
}

/// A condition as SQL, and whether it means exactly what the filter means or lets through more.
struct Condition {
    sql: String,
    is_exact: bool,
}

impl Plan {
    /// Decides what can be decided before looking at events, of which at most `limit` are wanted. The lists of an earlier
    /// plan on this connection are gone.
    pub(super) fn new(db: &Connection, filter: Option<&Expr>, limit: Option<u64>) -> Result<Self> {
        let mut compiler = Compiler {
            lists: Lists::new(db, is_few(limit))?,
            parameters: Vec::new(),
        };
        let mut bounds = Bounds::default();
        let mut rest = Vec::new();
        for part in filter.into_iter().flat_map(conjuncts) {
            if !bounds.narrow(part) {
                rest.push(part.clone());
            }
        }
        let streams = compiler.list_of_streams(&rest)?;
        let mut conditions = Vec::new();
        let mut left = Vec::new();
        for part in joined_by_home(rest, Expr::all::<Vec<_>>) {
            match compiler.condition(&part)? {
                Some(condition) => {
                    if !condition.is_exact {
                        left.push(part);
                    }
                    conditions.push(condition.sql);
                }
                None => left.push(part),
            }
        }
        let (payload, residual): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|part| part.levels() == [Level::Payload]);
        let required = filter.and_then(Expr::required);
        let condition = conditions.join(" AND ");
        Ok(Self {
            bounds,
            select: format!(
                "SELECT e.id, e.time_ns FROM events AS e WHERE {} ORDER BY e.id",
                with_bounds(&condition)
            ),
            condition,
            parameters: compiler.parameters,
            streams,
            payload: Expr::all(payload),
            residual: Expr::all(residual),
            required,
            steps: compiler.lists.steps,
            asked: compiler.lists.asked,
        })
    }

    /// The statement that gives `id` and `time_ns` of the wanted events among those with ids from `?1` to `?2`, with
    /// times from `?3` to `?4`, in order of id.
    pub(super) fn select(&self) -> &str {
        &self.select
    }

    /// What that gives for these ids: the times and ids of the events that SQL lets through.
    pub(super) fn find(&self, db: &Connection, first: i64, last: i64) -> Result<Found> {
        let mut statement = db.prepare_cached(&self.select)?;
        let mut rows = statement.query(self.parameters(first, last))?;
        let mut found = Found::new();
        while let Some(row) = rows.next()? {
            let id = row.get("id")?;
            if found.last().is_some_and(|(_, before)| id <= *before) {
                return Err(patience::not_rising());
            }
            found.push((row.get("time_ns")?, id));
        }
        Ok(found)
    }

    /// The condition on an event's row `e`, with `?1` to `?4` as in [`Plan::select`].
    pub(super) fn conditions(&self) -> String {
        with_bounds(&self.condition)
    }

    /// The parameters of that, for these ids.
    pub(super) fn parameters(&self, first: i64, last: i64) -> impl rusqlite::Params + use<> {
        rusqlite::params_from_iter(self.values(first, last))
    }

    /// The parameters as a list, to which more can be added.
    pub(super) fn values(&self, first: i64, last: i64) -> Vec<Value> {
        let first = first.max(self.bounds.first_id);
        let last = last.min(self.bounds.last_id);
        let bounds = [first, last, self.bounds.since, self.bounds.until].map(Value::Integer);
        bounds.into_iter().chain(self.parameters.clone()).collect()
    }

    /// The number of the first parameter that can be added.
    pub(super) fn next_parameter(&self) -> usize {
        self.parameters.len() + 5
    }

    /// Whether SQL decides all of it.
    pub(super) fn is_exact(&self) -> bool {
        self.payload.is_none() && self.residual.is_none()
    }

    /// Whether anything is asked about an event's row beyond its time and id.
    pub(super) fn has_condition(&self) -> bool {
        !self.condition.is_empty()
    }
}

/// Whether so few answers are wanted that they may be found before all that could fit is listed.
fn is_few(limit: Option<u64>) -> bool {
    limit.is_some_and(|limit| limit <= 1_000)
}

/// A condition together with that on ids and times, which every statement has.
fn with_bounds(condition: &str) -> String {
    let bounds = "e.id BETWEEN ?1 AND ?2 AND e.time_ns BETWEEN ?3 AND ?4";
    if condition.is_empty() {
        bounds.to_owned()
    } else {
        format!("{bounds} AND {condition}")
    }
}

/// The parts all of which must hold.
fn conjuncts(filter: &Expr) -> &[Expr] {
    match filter {
        Expr::And(parts) => parts,
        other => std::slice::from_ref(other),
    }
}

/// Puts the parts that are decided on the same rows together, so that they are decided at once.
fn joined_by_home(parts: Vec<Expr>, join: fn(Vec<Expr>) -> Option<Expr>) -> Vec<Expr> {
    let mut homes: Vec<(Option<Home>, Vec<Expr>)> = Vec::new();
    for part in parts {
        let home = Home::of(&part);
        match homes
            .iter_mut()
            .find(|(other, _)| home.is_some() && *other == home)
        {
            Some((_, together)) => together.push(part),
            None => homes.push((home, vec![part])),
        }
    }
    homes
        .into_iter()
        .filter_map(|(_, together)| join(together))
        .collect()
}

struct Compiler<'a> {
    lists: Lists<'a>,
    parameters: Vec<Value>,
}

impl Compiler<'_> {
    /// Lists the streams that every wanted event belongs to.
    fn list_of_streams(&mut self, parts: &[Expr]) -> Result<Option<i64>> {
        let about_streams = parts
            .iter()
            .filter(|part| Home::of(part) == Some(Home::Streams))
            .cloned();
        Expr::all(about_streams)
            .map(|filter| self.lists.list(Home::Streams, &filter))
            .transpose()
            .map(|list| {
                list.filter(|list| !list.is_of_processes)
                    .map(|list| list.number)
            })
    }

    /// The condition that a part becomes; `None` if SQL can say nothing about it.
    fn condition(&mut self, part: &Expr) -> Result<Option<Condition>> {
        let parameters = self.parameters.len();
        let condition = self.compiled(part)?;
        if condition.is_none() {
            // Those of what was given up.
            self.parameters.truncate(parameters);
        }
        Ok(condition)
    }

    fn compiled(&mut self, part: &Expr) -> Result<Option<Condition>> {
        if let Some(home) = Home::of(part) {
            let sql = self.by_list(home, part)?;
            return Ok(Some(Condition {
                sql,
                is_exact: true,
            }));
        }
        match part {
            Expr::And(parts) => self.all_of(parts),
            Expr::Or(parts) => self.any_of(parts),
            Expr::Xor(left, right) => self.one_of(left, right),
            Expr::Not(inner) => {
                Ok(self
                    .condition(inner)?
                    .filter(|inner| inner.is_exact)
                    .map(|inner| Condition {
                        sql: format!("NOT {}", inner.sql),
                        is_exact: true,
                    }))
            }
            Expr::Test(test) => Ok(numbers::condition(test, &mut |value| {
                self.parameters.push(value);
                // Behind the four that every statement has.
                self.parameters.len() + 4
            })
            .map(|sql| Condition {
                sql,
                is_exact: true,
            })),
        }
    }

    fn all_of(&mut self, parts: &[Expr]) -> Result<Option<Condition>> {
        let mut known = Vec::new();
        let mut is_exact = true;
        for part in joined_by_home(parts.to_vec(), Expr::all::<Vec<_>>) {
            match self.condition(&part)? {
                Some(condition) => {
                    is_exact &= condition.is_exact;
                    known.push(condition.sql);
                }
                None => is_exact = false,
            }
        }
        Ok((!known.is_empty()).then(|| Condition {
            sql: format!("({})", known.join(" AND ")),
            is_exact,
        }))
    }

    fn any_of(&mut self, parts: &[Expr]) -> Result<Option<Condition>> {
        let mut known = Vec::new();
        let mut is_exact = true;
        for part in joined_by_home(parts.to_vec(), Expr::any::<Vec<_>>) {
            let Some(condition) = self.condition(&part)? else {
                return Ok(None);
            };
            is_exact &= condition.is_exact;
            known.push(condition.sql);
        }
        Ok(Some(Condition {
            sql: format!("({})", known.join(" OR ")),
            is_exact,
        }))
    }

    fn one_of(&mut self, left: &Expr, right: &Expr) -> Result<Option<Condition>> {
        let (left, right) = (self.condition(left)?, self.condition(right)?);
        Ok(match (left, right) {
            (Some(left), Some(right)) if left.is_exact && right.is_exact => Some(Condition {
                // `<>`, `IS` and `IS NOT NULL` are of one precedence in SQLite, from left to right.
                sql: format!("(({}) <> ({}))", left.sql, right.sql),
                is_exact: true,
            }),
            _ => None,
        })
    }

    /// Lists the rows that fit, and asks whether the event's is among them. What the event has no row for is judged as
    /// if everything about it were unknown.
    fn by_list(&mut self, home: Home, part: &Expr) -> Result<String> {
        let list = self.lists.list(home, part)?;
        self.parameters.push(Value::Integer(list.number));
        let number = self.parameters.len() + 4;
        Ok(list.condition(number, home.column()))
    }
}
