//! The edge: arguments, environment, clock, terminal, exit status and hints.
//!
//! Only this module reads the environment, asks what time it is on behalf of a query, and writes to the terminal.
//! Each program is one function that takes its arguments and gives its exit status.

pub mod capture_path;
mod chain_key;
mod doctor;
pub mod exit;
mod exposure;
mod interrupt;
mod keep;
mod limits;
mod private_file;
mod processes;
mod progress;
mod query;
mod record;
mod record_filter;
mod redaction;
pub mod report;
mod secret;
mod select;
mod service;
mod sources;
mod talker;
pub mod terminal;
mod values;
mod words;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use crate::event::Timestamp;

use exit::Exit;
use terminal::Terminal;

/// Runs `ecq-query`. `args` begins with the program's name.
pub fn query(args: impl Iterator<Item = OsString>) -> ExitCode {
    let mut terminal = Terminal::new("ecq-query");
    let result = query::run(args, &mut terminal);
    finish(&mut terminal, result)
}

/// Runs `ecq-record`. `args` begins with the program's name.
pub fn record(args: impl Iterator<Item = OsString>) -> ExitCode {
    let mut terminal = Terminal::new("ecq-record");
    let result = record::run(args, &mut terminal);
    finish(&mut terminal, result)
}

/// Writes out what is left and reports what went wrong. A reader that has gone has seen enough.
pub(crate) fn finish(terminal: &mut Terminal, result: anyhow::Result<Exit>) -> ExitCode {
    let flushed = terminal.flush();
    let result = result.and_then(|exit| {
        flushed?;
        Ok(exit)
    });
    let exit = match result {
        Ok(exit) => exit,
        Err(error) if terminal::is_closed_pipe(&error) => Exit::Found,
        Err(mut error) => {
            // Only writing to standard output fails without anything around the system's words.
            if error.chain().len() == 1 && error.is::<io::Error>() {
                error = error.context("failed to write to standard output");
            }
            report::report(terminal, &error);
            Exit::Failed
        }
    };
    exit.into()
}

/// What time it is.
#[expect(
    clippy::disallowed_methods,
    reason = "time enters here and is passed on"
)]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 is taken for 1970.
    Timestamp::default().plus(since.unwrap_or_default())
}
