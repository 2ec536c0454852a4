//! The files of `--save-frames`.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::Error;
use super::frames_file;
use super::notice::{Notice, Teller};
use crate::event::Frame;

/// A file of `--save-frames`. When it cannot be written any more, that is told once, and the recording goes on.
pub(super) struct FrameSaver {
    out: BufWriter<File>,
    teller: Teller,
    has_failed: bool,
}

impl FrameSaver {
    /// Saves a frame.
    pub(super) fn save(&mut self, frame: &Frame) {
        if !self.has_failed {
            let result = frames_file::write_frame(&mut self.out, frame);
            self.judge(result);
        }
    }

    /// Hands what is saved to the system.
    pub(super) fn flush(&mut self) {
        if !self.has_failed {
            let result = self.out.flush();
            self.judge(result);
        }
    }

    fn judge(&mut self, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.has_failed = true;
            self.teller.tell(Notice::SaveFailed(error.to_string()));
        }
    }

    /// Creates the file, mode 0600. An existing one is not touched.
    pub(super) fn create(path: &Path, teller: Teller) -> Result<Self, Error> {
        let failed = |source| Error::SaveFrames {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let mut out = BufWriter::with_capacity(256 << 10, file);
        frames_file::write_header(&mut out).map_err(failed)?;
        Ok(Self {
            out,
            teller,
            has_failed: false,
        })
    }
}
