//! Reads the key of a chain of commits from its file.

use std::path::Path;

use super::private_file::{self, too_short};
use crate::store::{ChainKey, MIN_KEY_BYTES};

/// Reads it: all bytes of the file are the key, a newline at its end as well.
pub(super) fn read(path: &Path) -> anyhow::Result<ChainKey> {
    let bytes = private_file::read(path, "key")?;
    let length = bytes.len();
    ChainKey::new(bytes).ok_or_else(|| too_short(path, length, MIN_KEY_BYTES).into())
}
