//! `ecq-record doctor`: whether a recording would work here, without beginning one and without touching eCapture.

mod findings;
mod look;

use std::path::PathBuf;

use clap::Args;

use super::capture_path::{self, Surroundings};
use super::exit::Exit;
use super::terminal::Terminal;
use crate::render::escape;
use findings::Verdict;

/// Checks what a recording needs: the file, its folder, the disk, the clock, and whether an eCapture listens.
///
/// Nothing is written and nothing is sent: whether something listens is read from the kernel's table of sockets, because
/// an eCapture that is connected to and left again can crash.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The capture file [default: that of a recording]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Where eCapture is to listen
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:28257/")]
    url: String,
}

/// Looks, and says what was found: 0 if a recording would work.
pub(super) fn run(args: &DoctorArgs, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let chosen = capture_path::for_record(args.db.as_deref(), &Surroundings::read());
    let Some(chosen) = chosen else {
        return Err(super::record::no_data_directory().into());
    };
    let facts = look::at(&chosen.path, &args.url);
    let findings = findings::of(&facts, super::now());
    let mut is_sound = true;
    for finding in findings {
        is_sound &= finding.verdict != Verdict::Bad;
        let line = format!(
            "{:<5} {:<12} {}",
            finding.verdict.name(),
            finding.about,
            escape::line(&finding.text)
        );
        writeln!(terminal.out(), "{line}")?;
        if let Some(hint) = finding.hint {
            writeln!(terminal.out(), "{:18} hint: {hint}", "")?;
        }
    }
    Ok(Exit::of_search(is_sound))
}
