//! What the user wants to see: flags turned into a typed selection, and times as people write them.
//!
//! Pure: no I/O, no clock (`now` and the zone are passed in), and every input ends in a value or an error.

mod selection;

pub use selection::{AddressPattern, NamePattern, Selection, StatusPattern, TypePattern};
