//! How a filter is answered, in words and in SQL.

use rusqlite::Connection;

use super::error::{At, Error};
use super::reader::Reader;
use super::rows::Rows;
use super::spans::Order;
use crate::filter::Expr;

impl Reader {
    /// How a filter is answered: lines of what is told and what it is.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn explain(&self, filter: Option<&Expr>) -> Result<Vec<(&'static str, String)>, Error> {
        let mut lines = Vec::new();
        lines.push((
            "filter",
            filter.map_or_else(|| "none: every event".to_owned(), Expr::to_string),
        ));
        let rows = Rows::new(self, filter, Order::NewestFirst, Some(0))?;
        let plan = rows.plan();
        lines.extend(plan.steps.iter().map(|step| ("list", step.clone())));
        for sql in &plan.asked {
            lines.extend(
                plan_of(&self.db, sql)
                    .at(&self.path)?
                    .into_iter()
                    .map(|step| ("by", step)),
            );
        }
        lines.push(("rows", rows.way()));
        lines.push(("sql", plan.select().to_owned()));
        let steps = plan_of(&self.db, plan.select()).at(&self.path)?;
        lines.extend(steps.into_iter().map(|step| ("plan", step)));
        for (what, part) in [("payload", &plan.payload), ("residual", &plan.residual)] {
            if let Some(part) = part {
                lines.push((what, part.to_string()));
            }
        }
        Ok(lines)
    }
}

impl Reader {
    /// How a filter on exchanges is answered: lines of what is told and what it is.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn explain_exchanges(
        &self,
        filter: Option<&Expr>,
    ) -> Result<Vec<(&'static str, String)>, Error> {
        let mut lines = vec![(
            "filter",
            filter.map_or_else(|| "none: every exchange".to_owned(), Expr::to_string),
        )];
        let exchanges = self.exchanges(filter, Order::NewestFirst, Some(0))?;
        let plan = exchanges.plan();
        lines.extend(plan.steps.iter().map(|step| ("list", step.clone())));
        for sql in &plan.asked {
            let steps = plan_of(&self.db, sql).at(&self.path)?;
            lines.extend(steps.into_iter().map(|step| ("by", step)));
        }
        lines.push(("rows", exchanges.way().to_owned()));
        if let Some(residual) = &plan.residual {
            lines.push(("residual", residual.to_string()));
        }
        Ok(lines)
    }
}

/// What SQLite does for a statement.
pub(super) fn plan_of(db: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    // Plans do not depend on values, and unbound ones are NULL.
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get("detail")?);
    }
    Ok(steps)
}
