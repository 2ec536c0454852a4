//! Checks a capture.

use std::io;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cli::chain_key;
use crate::cli::exit::Exit;
use crate::event::{Fault, Part, Scope, Soundness};
use crate::export;
use crate::render;
use crate::store::{self, Verification};

use super::{CommonArgs, Context, Output, capture};

#[derive(Debug, Args)]
#[command(after_help = "\
It reads every event, computes its digest and that of its commit again, and follows the chain of commits. Nothing is \
changed, and a recorder may go on meanwhile: what it adds is not looked at. What is damaged is said a line each, with \
the events, times and processes that are concerned as far as they can be read.

Without a key that is kept elsewhere, or a head that was noted elsewhere, this detects damage and not tampering.

Exit status: 0 sound, 1 damaged, 2 it could not be checked, 130 interrupted.")]
pub(super) struct VerifyArgs {
    /// The key that the capture was recorded with by `ecq-record --chain-key`
    #[arg(long, value_name = "FILE")]
    chain_key: Option<PathBuf>,
    /// The head that an earlier check showed and that was noted elsewhere: it must be in the chain
    #[arg(long, value_name = "HEX", value_parser = link)]
    expect_head: Option<[u8; 32]>,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How to write it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

/// Reads a link: 64 hexadecimal digits.
fn link(text: &str) -> Result<[u8; 32], String> {
    let wanted = || "a head is 64 hexadecimal digits".to_owned();
    let mut link = [0; 32];
    if text.len() != 64 {
        return Err(wanted());
    }
    for (byte, digits) in link.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(wanted)?;
    }
    Ok(link)
}

pub(super) fn run(args: &VerifyArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let against = Verification {
        key: args.chain_key.as_deref().map(chain_key::read).transpose()?,
        noted: args.expect_head,
    };
    let mut reader = match capture::open_damaged(context) {
        Ok(reader) => reader,
        Err(error) => return unopened(args, error, context),
    };
    if context.common.secret.can_unlock(&reader) {
        capture::unlock(&mut reader, context)?;
    }
    reader.set_watch(context.watch.clone());
    let done = {
        let progress = context.progress()?;
        let mut written = Ok(());
        let style = context.style();
        let out = context.terminal.out();
        let result = store::verify(&mut reader, &against, &mut |fault| {
            if written.is_ok() {
                written = match args.output {
                    Output::Table => render::soundness::write_fault(out, fault, &style),
                    Output::Jsonl => export::soundness::write_fault(out, fault),
                };
            }
        });
        drop(progress);
        written?;
        result.context("failed to check the capture")?
    };
    write(args, &done, context)?;
    Ok(if done.is_stopped {
        Exit::Interrupted
    } else {
        Exit::of_search(done.faults == 0)
    })
}

/// A file that is too damaged to be opened is damaged, and that was to be found out.
fn unopened(
    args: &VerifyArgs,
    error: anyhow::Error,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let cause = error.downcast_ref::<store::Error>();
    let Some(cause @ (store::Error::Corrupt { .. } | store::Error::Sqlite { .. })) = cause else {
        return Err(error);
    };
    let fault = Fault {
        part: Part::Pages,
        detail: format!("it cannot be opened: {cause}"),
        scope: Scope::default(),
    };
    let style = context.style();
    let out = context.terminal.out();
    match args.output {
        Output::Table => render::soundness::write_fault(out, &fault, &style)?,
        Output::Jsonl => export::soundness::write_fault(out, &fault)?,
    }
    let done = Soundness {
        faults: 1,
        ..Soundness::default()
    };
    write(args, &done, context)?;
    Ok(Exit::Nothing)
}

fn write(args: &VerifyArgs, done: &Soundness, context: &mut Context<'_>) -> io::Result<()> {
    let style = context.style();
    let out = context.terminal.out();
    match args.output {
        Output::Table => render::soundness::write(out, done, &style),
        Output::Jsonl => export::soundness::write(out, done),
    }
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn a_head_is_64_digits() {
        let text = "0123456789abcdefABCDEF".repeat(3);
        let text = text.get(..64).unwrap();
        assert_eq!(link(text).unwrap()[..3], [0x01, 0x23, 0x45]);
        for wrong in ["", "ab", &"g".repeat(64), &"+1".repeat(32), &"ä".repeat(32)] {
            assert!(link(wrong).is_err(), "{wrong}");
        }
    }
}
