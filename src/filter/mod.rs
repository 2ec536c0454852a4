//! What the user wants to see: flags turned into a typed selection, and times as people write them.
//!
//! Pure: no I/O, no clock (`now` and the zone are passed in), and every input ends in a value or an error.

mod error;
mod grep;
mod literal;
mod selection;
mod time_expr;

pub use error::Error;
pub use grep::{Pattern, grep};
pub use literal::{address, name, network, status, type_pattern};
pub use selection::{AddressPattern, NamePattern, Selection, StatusPattern, TypePattern};
pub use time_expr::{TIME_FORMS, time};
