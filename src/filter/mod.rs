//! What the user wants to see: flags turned into a typed selection, and times as people write them.
//!
//! Pure: no I/O, no clock (`now` and the zone are passed in), and every input ends in a value or an error.

mod error;
mod expr;
mod field;
mod literal;
mod needle;
mod pattern;
mod selection;
mod time_expr;

pub use error::Error;
pub use expr::{AddressPattern, Comparison, Expr, Function, Literal, Operand, Slice, Test};
pub use field::{FIELDS, Field, FieldId, HEADER_ALIASES, Level, Type};
pub use literal::{address, name, network, status, type_pattern};
pub use needle::{Form, MIN_ENCODED_BYTES, Needle};
pub use pattern::{Pattern, grep};
pub use selection::{NamePattern, Selection, StatusPattern, TypePattern};
pub use time_expr::{TIME_FORMS, time};
