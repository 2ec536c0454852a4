//! Undoing the codings of a body piece by piece, in memory that does not grow with it.

use std::io::Read;

use super::body::State;

/// A body that is being read.
pub trait BodyRead: Read {
    /// How far its codings were undone; what it says is final once reading has come to the end.
    fn state(&self) -> State;
}
