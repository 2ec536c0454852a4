//! Conditions on the numbers in an event's own row.

use rusqlite::types::Value;

use super::bounds::{edges, is_plain};
use crate::filter::{Comparison, FieldId, Operand, Test};

/// The condition that a test of numbers becomes; `None` if it is not about those alone. `bind` takes in a parameter and
/// gives its number. A number that is absent satisfies nothing.
pub(super) fn condition(test: &Test, bind: &mut impl FnMut(Value) -> usize) -> Option<String> {
    let mut number = |value: i64| bind(Value::Integer(value));
    match test {
        Test::Exists(operand) => column(operand).map(|column| format!("({column} IS NOT NULL)")),
        Test::Compare(operand, comparison, literal) => {
            let column = column(operand)?;
            let (first, last) = edges(literal)?;
            let sql = match comparison {
                Comparison::Equal => between(column, first, last, &mut number),
                Comparison::NotEqual => {
                    format!("NOT {}", between(column, first, last, &mut number))
                }
                Comparison::Less => format!("{column} < ?{}", number(first)),
                Comparison::LessOrEqual => format!("{column} <= ?{}", number(last)),
                Comparison::Greater => format!("{column} > ?{}", number(last)),
                Comparison::GreaterOrEqual => format!("{column} >= ?{}", number(first)),
            };
            // In parentheses, as `<>` would bind no looser than `IS`.
            Some(format!("(({sql}) IS TRUE)"))
        }
        Test::In(operand, literals) => {
            let column = column(operand)?;
            let edges: Option<Vec<_>> = literals.iter().map(edges).collect();
            let parts: Vec<_> = edges?
                .into_iter()
                .map(|(first, last)| between(column, first, last, &mut number))
                .collect();
            Some(format!("(({}) IS TRUE)", parts.join(" OR ")))
        }
        Test::CompareOperands(left, comparison, right) => {
            let (left, right) = (column(left)?, column(right)?);
            let sign = sign(*comparison);
            Some(format!("(({left} {sign} {right}) IS TRUE)"))
        }
        Test::Contains(..) | Test::Matches(..) => None,
    }
}

fn between(column: &str, first: i64, last: i64, number: &mut impl FnMut(i64) -> usize) -> String {
    if first == last {
        format!("({column} = ?{})", number(first))
    } else {
        format!(
            "({column} BETWEEN ?{} AND ?{})",
            number(first),
            number(last)
        )
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// Where a number stands in the row `e`.
fn column(operand: &Operand) -> Option<&'static str> {
    if !is_plain(operand) {
        return None;
    }
    Some(match operand.field.id {
        FieldId::Time => "e.time_ns",
        FieldId::Received => "(e.time_ns + e.received_after_ns)",
        FieldId::Id => "e.id",
        FieldId::Len => "e.payload_bytes",
        FieldId::Tid => {
            "(SELECT COALESCE(p.pid, 0) + e.tid_after_pid FROM streams AS s \
             JOIN processes AS p ON p.id = s.process_id WHERE s.id = e.stream_id)"
        }
        _ => return None,
    })
}
