//! HTTP, as far as captured bytes show it.

pub mod body;
mod chunked;
mod coding;
pub mod conversation;
pub mod decode;
pub mod exchange;
pub mod fields;
pub mod h1;
pub mod h2;
pub(crate) mod media;
mod message_head;
mod start_line;
pub mod view;

#[cfg(test)]
mod tests;
