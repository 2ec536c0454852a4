//! Puts everything about a case into one file: the events, exports of them, what was recorded and what is missing, and how
//! all of it was made.

mod case;
mod file_names;
mod readme;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::exposure;
use crate::cli::redaction::RedactArgs;
use crate::cli::report::Advised;
use crate::cli::select::{Period, SelectArgs};
use crate::filter::{Expr, Unit};
use crate::redact::Redactor;

use super::capture::Captures;
use super::export::{Format, unit};
use super::output_file;
use super::{CommonArgs, Context, exchanges, secrets, subset};
use case::Case;

#[derive(Debug, Args)]
#[command(after_help = "\
The bundle is a tar archive compressed by zstd (`tar --zstd -xf case.tar.zst`). It holds another capture with the events \
under their numbers, the exports that are asked for, made of that capture, how much of the period was recorded and what is \
known to be missing, and a manifest: the exact command, versions, where the events come from, and the SHA-256 of each \
file. The SHA-256 of the bundle itself is printed; keep it somewhere else.

With --redact no secret goes into it: the capture in it is redacted, and so is all that is made of that. A filter that may \
hold a secret, as one on a body, is left out of the manifest and of the coverage, and the exports then have all exchanges of \
the capture. Of an encrypted capture, add --decrypt for somebody who is not to open the original.

Exit status: 0 made, 1 made, and nothing was found or --verify found a fault, 2 failed, 130 interrupted.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct BundleArgs {
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// The file to write, as in case.tar.zst; it appears when it is whole
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the file if it is there already
    #[arg(long)]
    force: bool,
    /// Hold the events also in this format; several can be given
    #[arg(long, value_name = "FORMAT", value_enum, value_delimiter = ',')]
    export: Vec<Format>,
    /// Hold decoded bodies as files, with an index
    #[arg(long, conflicts_with = "events")]
    bodies: bool,
    /// Bundle events, whatever the filter is about
    #[arg(long)]
    events: bool,
    /// Bundle exchanges: of each, all events of its connection up to its last. Filters on HTTP do that by themselves
    #[arg(long, conflicts_with = "events")]
    exchanges: bool,
    /// Of an encrypted capture: do not encrypt the capture in the bundle. Exports and bodies in it are never encrypted
    #[arg(long)]
    decrypt: bool,
    /// Check the whole capture first, and hold what was found
    #[arg(long)]
    verify: bool,
    /// The key for --verify that the capture was recorded with by `ecq-record --chain-key`
    #[arg(long, value_name = "FILE", requires = "verify")]
    chain_key: Option<PathBuf>,
    /// Hold a note, such as the number of the case
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    redact: RedactArgs,
}

pub(super) fn run(args: &BundleArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    output_file::check_free(&args.output, args.force)?;
    exposure::check(&args.output, context.terminal)?;
    let formats = args.formats()?;
    let mut captures = Captures::open(context)?;
    captures.only("a bundle is about")?;
    let (period, filter) = args.select.selection(captures.anchor(context)?)?;
    let forced = match (args.events, args.exchanges || args.bodies) {
        (true, _) => Some(Unit::Events),
        (_, true) => Some(Unit::Exchanges),
        _ => None,
    };
    let unit = unit(&formats, forced, filter.as_ref())?;
    let asked = Asked {
        formats,
        unit,
        filter,
        period,
        redactor: args.redact.redactor()?,
    };
    if asked.unit == Unit::Exchanges {
        exchanges::prepare(&captures, context)?;
    }
    let mut case = Case::begin(args, context)?;
    let progress = context.progress()?;
    // Before the newest event is fixed, so that no time counts as recorded of which nothing was looked at.
    let is_sound = case.add_soundness(captures.first_mut(), context)?;
    case.add_coverage(captures.first_mut(), &asked, context)?;
    let head = captures
        .origin(0)
        .reader
        .head()
        .context("failed to read the chain of commits")?;
    let made = case.add_capture(&captures, &asked, context)?;
    drop(progress);
    let Some((subset, reader)) = made.filter(|_| !context.watch.is_stopped()) else {
        context.terminal.note("interrupted: nothing was written");
        return Ok(Exit::Interrupted);
    };
    let taken = Captures::of(reader);
    case.add_exports(&taken, &asked, context)?;
    if context.watch.is_stopped() {
        context.terminal.note("interrupted: nothing was written");
        return Ok(Exit::Interrupted);
    }
    case.add_manifest(&taken, (&asked, &subset), head.as_ref(), context)?;
    let digest = case.finish()?;
    if captures.origin(0).reader.is_encrypted() && args.holds_text() {
        context
            .terminal
            .note("what --export, --bodies and --decrypt put into the bundle is not encrypted");
    }
    writeln!(
        context.terminal.out(),
        "{digest}  {}",
        args.output.display()
    )?;
    subset::tell(&subset, &args.output, asked.redactor.as_ref(), context);
    Ok(Exit::of_search(subset.events > 0 && is_sound))
}

/// What is asked for.
struct Asked {
    formats: Vec<Format>,
    unit: Unit,
    filter: Option<Expr>,
    period: Period,
    /// What takes secrets out, if they are not to be in it.
    redactor: Option<Redactor>,
}

impl Asked {
    /// What the exports are of: of all events in the new capture, as they were asked for. Of exchanges, it has the others of
    /// their connections as well. Where secrets were taken out, a filter that depends on them is true of none any more.
    fn filter_of_exports(&self) -> Option<&Expr> {
        self.filter.as_ref().filter(|filter| {
            self.unit == Unit::Exchanges && (self.redactor.is_none() || secrets::stays_true(filter))
        })
    }
}

impl BundleArgs {
    /// Whether there is plaintext in the bundle also if the capture is encrypted.
    fn holds_text(&self) -> bool {
        self.decrypt || self.bodies || !self.export.is_empty()
    }

    /// The formats, each once.
    fn formats(&self) -> Result<Vec<Format>, Advised> {
        let mut formats = Vec::new();
        for format in &self.export {
            if *format == Format::Db {
                return Err(Advised {
                    message: "a bundle has the events as a capture anyway".to_owned(),
                    hint: "leave out `--export db`".to_owned(),
                });
            }
            if !formats.contains(format) {
                formats.push(*format);
            }
        }
        Ok(formats)
    }
}
