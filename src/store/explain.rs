//! How a filter is answered, in words and in SQL.

use super::error::{At, Error};
use super::plan::Plan;
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
        lines.push(("rows", rows.way()));
        lines.push(("sql", plan.select()));
        lines.extend(
            self.query_plan(plan)?
                .into_iter()
                .map(|step| ("plan", step)),
        );
        for (what, part) in [("payload", &plan.payload), ("residual", &plan.residual)] {
            if let Some(part) = part {
                lines.push((what, part.to_string()));
            }
        }
        Ok(lines)
    }

    /// What SQLite does for the plan's statement.
    pub(super) fn query_plan(&self, plan: &Plan) -> Result<Vec<String>, Error> {
        let sql = format!("EXPLAIN QUERY PLAN {}", plan.select());
        self.db
            .prepare(&sql)
            .and_then(|mut statement| {
                statement
                    .query_map(plan.parameters(1, 1), |row| row.get("detail"))?
                    .collect()
            })
            .at(&self.path)
    }
}
