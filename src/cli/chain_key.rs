//! Reads the key of a chain of commits from its file.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::report::Advised;
use crate::store::{ChainKey, MIN_KEY_BYTES};

/// How large the file may be, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Which permissions it may not give: a key that others can read proves nothing.
const OF_OTHERS: u32 = 0o077;

/// Reads it: all bytes of the file are the key, a newline at its end as well.
pub(super) fn read(path: &Path) -> anyhow::Result<ChainKey> {
    let failed = || format!("failed to read the key {}", path.display());
    let file = File::open(path).with_context(failed)?;
    let mode = file.metadata().with_context(failed)?.permissions().mode();
    if mode & OF_OTHERS != 0 {
        return Err(Advised {
            message: format!(
                "others may read or write the key {} (mode {:03o})",
                path.display(),
                mode & 0o777
            ),
            hint: format!("`chmod 600 {}`", path.display()),
        }
        .into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(failed)?;
    let length = bytes.len();
    let hint = "make one with `(umask 077; head -c 32 /dev/urandom > FILE)`".to_owned();
    if length as u64 > MAX_FILE_BYTES {
        let message = format!(
            "{} has more than {MAX_FILE_BYTES} bytes, and is no key",
            path.display()
        );
        return Err(Advised { message, hint }.into());
    }
    ChainKey::new(bytes).ok_or_else(|| {
        let message = format!(
            "{} has {length} bytes, and a key has at least {MIN_KEY_BYTES}",
            path.display()
        );
        Advised { message, hint }.into()
    })
}
