//! ecq, the flight recorder for eCapture.

pub mod event;

pub mod filter;
pub mod http;
pub mod normalize;
pub mod store;
pub mod wire;
