//! HTTP, as far as captured bytes show it.

pub mod h1;
