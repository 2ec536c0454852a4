//! The times and ids that a filter is limited to: what the index on time and the key of `events` are asked for.

use crate::event::Timestamp;
use crate::filter::{Comparison, Expr, FieldId, Literal, Operand, Test};

/// Times and ids, first and last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Bounds {
    /// Event time from here on, in nanoseconds.
    pub(in crate::store) since: i64,
    /// Event time up to here, in nanoseconds.
    pub(in crate::store) until: i64,
    /// The first id.
    pub(in crate::store) first_id: i64,
    /// The last id.
    pub(in crate::store) last_id: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            since: i64::MIN,
            until: i64::MAX,
            first_id: i64::MIN,
            last_id: i64::MAX,
        }
    }
}

impl Bounds {
    /// Narrows the bounds by a part that must hold; `false`, with nothing changed, if it is no such part.
    pub(super) fn narrow(&mut self, part: &Expr) -> bool {
        let Expr::Test(Test::Compare(operand, comparison, literal)) = part else {
            return false;
        };
        let Some((first, last)) = range(*comparison, literal).filter(|_| is_plain(operand)) else {
            return false;
        };
        match operand.field.id {
            FieldId::Time => {
                self.since = self.since.max(first);
                self.until = self.until.min(last);
            }
            FieldId::Id => {
                self.first_id = self.first_id.max(first);
                self.last_id = self.last_id.min(last);
            }
            _ => return false,
        }
        true
    }
}

/// Whether the operand is a field and nothing more.
pub(super) fn is_plain(operand: &Operand) -> bool {
    operand.function.is_none() && operand.slice.is_none()
}

/// The least and the greatest number that a literal stands for.
pub(super) fn edges(literal: &Literal) -> Option<(i64, i64)> {
    Some(match literal {
        Literal::Int(number) => (*number, *number),
        Literal::Ints(first, last) => (*first, *last),
        Literal::Time(time) => (time.as_nanos(), time.as_nanos()),
        Literal::Times(first, last) => (Timestamp::as_nanos(*first), last.as_nanos()),
        _ => return None,
    })
}

/// The numbers that compare so with the literal, if they are one range.
fn range(comparison: Comparison, literal: &Literal) -> Option<(i64, i64)> {
    const NONE: (i64, i64) = (i64::MAX, i64::MIN);
    let (first, last) = edges(literal)?;
    Some(match comparison {
        Comparison::Equal => (first, last),
        Comparison::NotEqual => return None,
        Comparison::Less => first.checked_sub(1).map_or(NONE, |last| (i64::MIN, last)),
        Comparison::LessOrEqual => (i64::MIN, last),
        Comparison::Greater => last.checked_add(1).map_or(NONE, |first| (first, i64::MAX)),
        Comparison::GreaterOrEqual => (first, i64::MAX),
    })
}
