//! HTTP, as far as captured bytes show it.

pub mod body;
mod chunked;
mod coding;
pub mod conversation;
pub mod decode;
pub mod exchange;
pub mod fields;
pub mod h1;
pub mod view;
pub mod h2;
mod h2;

#[cfg(test)]
mod tests;
