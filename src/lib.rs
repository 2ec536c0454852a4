//! ecq, the flight recorder for eCapture.

pub mod cli;
pub mod event;
pub mod export;
pub mod filter;
pub mod http;
pub mod normalize;
pub mod record;
pub mod render;
pub mod store;
pub mod wire;
