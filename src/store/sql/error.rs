//! What can be wrong with a statement of the user's.

use std::ops::Range;

use crate::filter::{self, ParseError};
use crate::store::Error;

/// What can go wrong with a statement.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// Nothing, or comments alone.
    #[error("there is no statement")]
    Empty,
    /// SQLite does not understand it. The cause shows it with marks under the place.
    #[error("failed to read the {}", if *.is_condition { "condition" } else { "statement" })]
    Statement {
        /// What is wrong, and where.
        source: filter::Error,
        /// What is wrong, in SQLite's words.
        message: String,
        /// Whether it is a bare condition.
        is_condition: bool,
    },
    /// It asks for more than reading.
    #[error("only reading is allowed, and this asks for {what}")]
    Denied {
        /// For what, in SQL's words.
        what: String,
    },
    /// It has a parameter, and nothing gives it a value.
    #[error(
        "the statement has {0} parameters (`?`, `:name`, `@name` or `$name`), to which nothing gives a value"
    )]
    Parameters(usize),
    /// It was stopped before its end.
    #[error("the statement was stopped")]
    Stopped,
    /// A value is larger than a statement may handle.
    #[error("a value of the statement has more than {} MiB", super::MAX_VALUE_BYTES >> 20)]
    TooLarge,
    /// A payload is larger than a statement may handle.
    #[error("the payload of event {id} has {bytes} bytes, more than the {} MiB that a statement can handle", super::MAX_VALUE_BYTES >> 20)]
    LargePayload {
        /// The event.
        id: i64,
        /// The size of its payload.
        bytes: u64,
    },
    /// It failed while it ran, in SQLite's words.
    #[error("{0}")]
    Failed(String),
    /// The capture failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl SqlError {
    /// A fault in a range of bytes of what the user wrote.
    pub(super) fn at(text: &str, range: Range<usize>, message: &str, is_condition: bool) -> Self {
        Self::Statement {
            source: filter::Error::Filter(ParseError::new(text, range, message.to_owned())),
            message: message.to_owned(),
            is_condition,
        }
    }
}
