//! ecq, the flight recorder for eCapture.

pub mod event;

pub mod filter;
pub mod store;
