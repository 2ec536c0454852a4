//! The programs from outside.

mod architecture;
mod readme;
mod rust_source;
