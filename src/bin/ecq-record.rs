//! `ecq-record`: hands its arguments to `ecq::cli` and ends with the status it gives.

use std::process::ExitCode;

fn main() -> ExitCode {
    ecq::cli::record(std::env::args_os())
}
