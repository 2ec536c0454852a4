//! From a filter to what SQLite does about it on exchanges.
//!
//! As for events: what many exchanges share is decided once, on `exchange_facts`, `exchange_paths` and the small tables of
//! streams; what is left over is judged on the exchange.

use std::fmt::Write as _;

use rusqlite::types::Value;
use rusqlite::{Connection, Result, Row};

use super::bounds::Bounds;
use super::lists::{Home, List, Lists};
use super::{conjuncts, is_few};
use crate::filter::{Expr, Facts, Required};

/// How a filter on exchanges is answered.
pub(in crate::store) struct ExchangePlan {
    /// The times and ids that it is limited to.
    pub(in crate::store) bounds: Bounds,
    /// The condition on the row `x` beyond those, as SQL, and its parameters from `?5` on; empty if there is none.
    pub(in crate::store) condition: String,
    pub(in crate::store) parameters: Vec<Value>,
    /// The lists of streams and of facts that every wanted exchange has one of.
    pub(in crate::store) streams: Option<i64>,
    pub(in crate::store) facts: Option<i64>,
    /// What is to be judged on the exchange.
    pub(in crate::store) residual: Option<Expr>,
    /// What its text must hold.
    pub(in crate::store) required: Option<Required>,
    /// How the lists were made, for people.
    pub(in crate::store) steps: Vec<String>,
    /// The statements that made them.
    pub(in crate::store) asked: Vec<&'static str>,
}

impl ExchangePlan {
    /// Decides what can be decided before looking at exchanges, of which at most `limit` are wanted. The lists of an
    /// earlier plan on this connection are gone.
    pub(in crate::store) fn new(
        db: &Connection,
        filter: Option<&Expr>,
        limit: Option<u64>,
    ) -> Result<Self> {
        let mut lists = Lists::new(db, is_few(limit))?;
        let mut bounds = Bounds::default();
        let (mut streams, mut facts, mut paths, mut left) = (vec![], vec![], vec![], vec![]);
        for part in filter.into_iter().flat_map(conjuncts) {
            if bounds.narrow(part) {
                continue;
            }
            let home = match Home::of(part) {
                Some(Home::Streams) => &mut streams,
                Some(Home::Heads) => &mut facts,
                Some(Home::Paths) => &mut paths,
                Some(Home::Shapes) | None => &mut left,
            };
            home.push(part.clone());
        }
        let mut plan = Self {
            bounds,
            condition: String::new(),
            parameters: Vec::new(),
            streams: None,
            facts: None,
            residual: Expr::all(left),
            required: filter.and_then(Expr::required),
            steps: Vec::new(),
            asked: Vec::new(),
        };
        if let Some(part) = Expr::all(streams) {
            let list = lists.list(Home::Streams, &part)?;
            plan.streams = (!list.is_of_processes).then_some(list.number);
            plan.add(list, "+x.stream_id");
        }
        if let Some(part) = Expr::all(facts) {
            let list = list_facts(&mut lists, &part)?;
            plan.facts = Some(list.number);
            plan.add(list, "+x.facts_id");
        }
        if let Some(part) = Expr::all(paths) {
            let list = list_paths(&mut lists, &part)?;
            plan.add(list, "+x.path_id");
        }
        plan.steps = lists.steps;
        plan.asked = lists.asked;
        Ok(plan)
    }

    /// Adds the condition that what is listed fits the row with the id in `column`.
    fn add(&mut self, list: List, column: &'static str) {
        self.parameters.push(Value::Integer(list.number));
        // Behind the four that every statement has.
        let number = self.parameters.len() + 4;
        write!(self.condition, " AND {}", list.condition(number, column))
            .expect("writing to a string cannot fail");
    }
}

/// Lists the rows of `exchange_facts` that fit.
fn list_facts(lists: &mut Lists<'_>, part: &Expr) -> Result<List> {
    const ALL: &str =
        "SELECT id, method, host, status, request_type, response_type FROM exchange_facts";
    const BY_HOST: &str = "
        SELECT id, method, host, status, request_type, response_type FROM exchange_facts
        WHERE host >= ?1 COLLATE NOCASE AND host < ?2 COLLATE NOCASE";
    let judge = |row: &Row<'_>| -> Result<bool> {
        let text = |name: &str| row.get::<_, Option<String>>(name);
        let (method, host) = (text("method")?, text("host")?);
        let (request_type, response_type) = (text("request_type")?, text("response_type")?);
        let facts = Facts {
            method: method.as_deref(),
            host: host.as_deref(),
            status: row.get("status")?,
            content_type: response_type.as_deref(),
            request_type: request_type.as_deref(),
            ..Facts::default()
        };
        Ok(part.matches_facts(&facts))
    };
    let list = List {
        number: lists.number(),
        fits_unknown: false,
        is_of_processes: false,
    };
    lists.add_by_host(list.number, part, (ALL, BY_HOST), judge)?;
    lists.tell(list.number, "facts", part)?;
    Ok(list)
}

/// Lists the rows of `exchange_paths` that fit.
fn list_paths(lists: &mut Lists<'_>, part: &Expr) -> Result<List> {
    let list = List {
        number: lists.number(),
        fits_unknown: part.matches_facts(&Facts::default()),
        is_of_processes: false,
    };
    lists.add_by_path(list.number, part, "SELECT id, path FROM exchange_paths")?;
    lists.tell(list.number, "paths", part)?;
    Ok(list)
}
