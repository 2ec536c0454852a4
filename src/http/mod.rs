//! HTTP, as far as captured bytes show it.

pub mod body;
pub mod fields;
pub mod h1;
