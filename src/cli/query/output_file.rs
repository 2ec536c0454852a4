//! A file that is there only when it is whole: results go to a temporary one beside it, which takes its name in the end.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::exposure::folder_of;
use crate::cli::report::Advised;

const BUFFER_BYTES: usize = 256 << 10;

/// A file that is being written.
pub(super) struct OutputFile {
    path: PathBuf,
    temporary: tempfile::NamedTempFile,
    out: BufWriter<File>,
}

/// Refuses a path where something is already, unless `may_replace`, and then what is no file: a device or a pipe would be
/// gone.
pub(super) fn check_free(path: &Path, may_replace: bool) -> anyhow::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let path = path.display();
    let (message, hint) = if !may_replace {
        (
            format!("{path} is there already"),
            "name another file, or replace it with --force".to_owned(),
        )
    } else if !(found.is_file() || found.is_symlink()) {
        (
            format!("{path} is no file, and is not replaced by one"),
            format!("leave out --output, and redirect: `… > {path}`"),
        )
    } else {
        return Ok(());
    };
    Err(Advised { message, hint }.into())
}

impl OutputFile {
    /// Begins the file, mode 0600. One that is there already is refused unless `may_replace`.
    pub(super) fn create(path: &Path, may_replace: bool) -> anyhow::Result<Self> {
        check_free(path, may_replace)?;
        let failed = || format!("failed to create {}", path.display());
        let temporary = tempfile::Builder::new()
            .prefix(".ecq-")
            .suffix(".incomplete")
            .tempfile_in(folder_of(path))
            .map_err(without_path)
            .with_context(failed)?;
        let file = temporary.as_file().try_clone().with_context(failed)?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            out: BufWriter::with_capacity(BUFFER_BYTES, file),
        })
    }

    /// Puts the file in its place: all of it is on the disk then.
    pub(super) fn finish(mut self, may_replace: bool) -> anyhow::Result<()> {
        let failed = || format!("failed to write {}", self.path.display());
        self.out
            .flush()
            .and_then(|()| self.temporary.as_file().sync_all())
            .with_context(failed)?;
        let kept = if may_replace {
            self.temporary.persist(&self.path)
        } else {
            self.temporary.persist_noclobber(&self.path)
        };
        kept.map_err(|error| error.error).with_context(failed)?;
        Ok(())
    }
}

/// What the system said, without the name of a temporary file that nobody has heard of.
fn without_path(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((cause, _)) => io::Error::new(error.kind(), cause.to_owned()),
        None => error,
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
