//! What the tests share: a place of their own, the programs, frames, and a look into captures.

pub(crate) mod batches;
pub(crate) mod bounded;
pub(crate) mod capture;
pub(crate) mod env;
pub(crate) mod exprs;
pub(crate) mod folder;
pub(crate) mod frames;
pub(crate) mod live;
pub(crate) mod long;
pub(crate) mod numbers;
pub(crate) mod python;
pub(crate) mod skip;
pub(crate) mod terminal;
pub(crate) mod wait;
