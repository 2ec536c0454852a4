//! ecq, the flight recorder for eCapture.

pub mod cli;
pub mod event;

pub mod export;
pub mod filter;
pub mod render;
pub mod store;
