//! Where the last run stopped, in a file, so that a job that runs again and again sees every event once.
//!
//! The file is text. After a first line that names the form there is a line for each capture: the last event that was
//! looked at, when the capture began (which tells it from another file of that name), and its path.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::report::Advised;
use crate::event::EventId;

use super::capture::Captures;
use super::output_file::OutputFile;

const FIRST_LINE: &str = "ecq cursor 1";

/// How large the file may be, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The cursors of captures, and the file that they are in.
pub(super) struct Cursor {
    file: PathBuf,
    places: Vec<Place>,
    /// Lines about captures that are not asked now.
    others: Vec<String>,
}

struct Place {
    before: Option<EventId>,
    now: EventId,
    began: i64,
    path: String,
}

impl Cursor {
    /// Reads the file; one that is not there says nothing.
    pub(super) fn read(file: &Path, captures: &Captures) -> anyhow::Result<Self> {
        let failed = || format!("failed to read the cursor {}", file.display());
        let text = match std::fs::metadata(file) {
            Ok(metadata) if metadata.len() > MAX_BYTES => return Err(not_a_cursor(file)),
            Ok(_) => std::fs::read_to_string(file).with_context(failed)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(failed),
        };
        let mut lines = text.lines();
        if lines.next().is_some_and(|line| line != FIRST_LINE) {
            return Err(not_a_cursor(file));
        }
        let mut others: Vec<String> = lines.map(str::to_owned).collect();
        let mut places = Vec::new();
        for reader in captures.readers() {
            let began = reader
                .began()
                .context("failed to read when the capture began")?
                .map_or(0, crate::event::Timestamp::as_nanos);
            let path = escape_line_ends(&reader.path().to_string_lossy());
            let mut before = None;
            others.retain(|line| {
                let mut parts = line.splitn(3, ' ');
                let (id, other, named) = (parts.next(), parts.next(), parts.next());
                if named != Some(path.as_str()) {
                    return true;
                }
                // Another capture under the same path begins from its start.
                if other.and_then(|other| other.parse().ok()) == Some(began) {
                    before = id.and_then(|id| id.parse().ok()).map(EventId::new);
                }
                false
            });
            places.push(Place {
                before,
                now: before.unwrap_or(EventId::new(0)),
                began,
                path,
            });
        }
        Ok(Self {
            file: file.to_owned(),
            places,
            others,
        })
    }

    /// The last event of a capture that the last run looked at.
    pub(super) fn after(&self, capture: usize) -> Option<EventId> {
        self.places.get(capture)?.before
    }

    /// Notes the last event of a capture that this run looks at.
    pub(super) fn advance(&mut self, capture: usize, last: EventId) {
        if let Some(place) = self.places.get_mut(capture) {
            place.now = place.now.max(last);
        }
    }

    /// Puts a new file in place of the old one.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        let mut text = format!("{FIRST_LINE}\n");
        for place in &self.places {
            writeln!(text, "{} {} {}", place.now, place.began, place.path)
                .expect("writing to a string cannot fail");
        }
        for line in &self.others {
            text.push_str(line);
            text.push('\n');
        }
        self.replace(text.as_bytes())
            .with_context(|| format!("failed to write the cursor {}", self.file.display()))
    }

    fn replace(&self, text: &[u8]) -> anyhow::Result<()> {
        let mut new = OutputFile::create(&self.file, true)?;
        new.write_all(text)?;
        new.finish(true)
    }
}

fn escape_line_ends(path: &str) -> String {
    path.replace('\\', "\\\\").replace('\n', "\\n")
}

fn not_a_cursor(file: &Path) -> anyhow::Error {
    Advised {
        message: format!("{} is no cursor file", file.display()),
        hint: "name a file that --cursor-file wrote, or one that is not there yet".to_owned(),
    }
    .into()
}
