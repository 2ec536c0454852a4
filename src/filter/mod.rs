//! What the user wants to see: the filter language, flags that stand for filters, and times as people write them.
//!
//! Pure: no I/O, no clock (`now` and the zone are passed in), and every input ends in a value or an error.

mod chains;
mod check;
mod content;
mod crossing;
mod error;
mod examples;
mod exchange_content;
mod expr;
mod facts;
mod field;
mod field_id;
pub mod flags;
mod literal;
mod matches;
mod names;
mod needle;
mod number;
mod operand;
mod parse;
mod parse_error;
mod pattern;
mod print;
pub mod reference;
mod required;
mod spelling;
mod syntax;
mod terms;
mod time_expr;
mod token;
mod unit;
mod value;

pub use chains::MAX_CROSSING_BYTES;
pub use check::parse;
pub use content::{Content, MAX_TEXT_BYTES, PayloadBytes, Searched};
pub use crossing::push_end;
pub use error::Error;
pub use exchange_content::ExchangeContent;
pub use expr::{AddressPattern, Comparison, Expr, Function, Literal, Operand, Slice, Test};
pub use facts::{Facts, Value};
pub use field::{About, FIELDS, Field, HEADER_ALIASES, Level, Type};
pub use field_id::FieldId;
pub use literal::{StatusPattern, address, network, status};
pub use needle::{Form, MIN_ENCODED_BYTES, Needle};
pub use parse::{MAX_FILTER_BYTES, MAX_FILTER_DEPTH};
pub use parse_error::ParseError;
pub use pattern::Pattern;
pub use required::Required;
pub use time_expr::{TIME_FORMS, time};
pub use unit::{Unit, UnitError};
