//! Reads a file that nobody else may read: a key, or a passphrase.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::report::Advised;

/// How large the file may be, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Which permissions it may not give: what others can read is no secret.
const OF_OTHERS: u32 = 0o077;

/// How a key is made.
pub(super) const MAKE_A_KEY: &str = "make one with `(umask 077; head -c 32 /dev/urandom > FILE)`";

/// Reads all of it. `what` is what it holds, for messages.
pub(super) fn read(path: &Path, what: &str) -> anyhow::Result<Vec<u8>> {
    let failed = || format!("failed to read the {what} {}", path.display());
    let file = File::open(path).with_context(failed)?;
    let mode = file.metadata().with_context(failed)?.permissions().mode();
    if mode & OF_OTHERS != 0 {
        return Err(Advised {
            message: format!(
                "others may read or write the {what} {} (mode {:03o})",
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
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Advised {
            message: format!(
                "{} has more than {MAX_FILE_BYTES} bytes, and is no {what}",
                path.display()
            ),
            hint: MAKE_A_KEY.to_owned(),
        }
        .into());
    }
    Ok(bytes)
}

/// Says that a key is too short.
pub(super) fn too_short(path: &Path, length: usize, least: usize) -> Advised {
    Advised {
        message: format!(
            "{} has {length} bytes, and a key has at least {least}",
            path.display()
        ),
        hint: MAKE_A_KEY.to_owned(),
    }
}
