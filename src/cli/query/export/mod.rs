//! Exports what is selected as a file for other programs.

mod format;
mod job;
mod pieces;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::redaction::RedactArgs;
use crate::cli::report::Advised;
use crate::cli::select::SelectArgs;
use crate::export::extract::Extractor;
use crate::filter::{Expr, Unit};
use crate::http::exchange::Side;
use crate::render::escape;

pub(super) use self::format::Format;
use self::format::FormatOrWord;
pub(super) use self::job::Job;
use super::capture::{self, Captures};
use super::output_file::{self, OutputFile};
use super::{CommonArgs, Context, Output, exchanges, subset};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct ExportArgs {
    /// The format, which --extract does without
    #[arg(value_name = "FORMAT", value_parser = FormatOrWord, required_unless_present = "extract")]
    format: Option<String>,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// The file to write, which appears when it is whole [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there already
    #[arg(long, requires = "output")]
    force: bool,
    /// Write decoded bodies as files into a new folder, with an index of names and SHA-256
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "events", "request"])]
    extract: Option<PathBuf>,
    /// Of db: leave in the clear what is encrypted in the capture; else it is encrypted with the same secret, and who is given
    /// that to open it can open the capture too
    #[arg(long)]
    decrypt: bool,
    /// Export events, whatever the filter is about
    #[arg(long)]
    events: bool,
    /// Export exchanges: requests with their responses. Filters on HTTP do that by themselves
    #[arg(long, conflicts_with = "events")]
    exchanges: bool,
    /// Of raw: the bodies of requests instead of those of responses
    #[arg(long)]
    request: bool,
    #[command(flatten)]
    redact: RedactArgs,
}

pub(super) fn run(args: &ExportArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let (format, select) = args.format_and_selection()?;
    args.check(format, context)?;
    let captures = Captures::open(context)?;
    let (period, filter) = select.selection(captures.anchor(context)?)?;
    let unit = args.unit(format, filter.as_ref())?;
    let redactor = args.redact.redactor()?;
    if unit == Unit::Exchanges {
        exchanges::prepare(&captures, context)?;
    }
    let filter = filter.as_ref();
    let _progress = context.progress()?;
    if format == Some(Format::Db) {
        let output = args.output.as_deref().context("no file is named")?;
        let target = subset::Target {
            output,
            is_decrypted: args.decrypt,
            redactor: redactor.as_ref(),
        };
        return subset::run(&captures, unit, filter, &target, context);
    }
    let job = Job {
        captures: &captures,
        filter,
        redactor: redactor.as_ref(),
        side: if args.request {
            Side::Request
        } else {
            Side::Response
        },
    };
    let count = match (format, &args.output) {
        (None, _) => {
            let folder = args.extract.as_deref().context("no folder is named")?;
            let (count, files) = extract(&job, folder, context)?;
            context
                .terminal
                .note(format_args!("{files} files in {}", folder.display()));
            count
        }
        (Some(format), Some(path)) => {
            let mut file = OutputFile::create(path, args.force)?;
            let count = format.write(&job, unit, &mut file, context)?;
            if context.watch.is_stopped() {
                context.terminal.note(format_args!(
                    "interrupted: nothing was written to {}",
                    path.display()
                ));
                return Ok(Exit::Interrupted);
            }
            file.finish(args.force)?;
            context.terminal.note(format_args!(
                "{count} {} in {}",
                unit.name(),
                path.display()
            ));
            count
        }
        (Some(format), None) => {
            let mut out = context.terminal.detached()?;
            let count = format.write(&job, unit, &mut out, context)?;
            out.flush()?;
            count
        }
    };
    capture::conclude(
        context,
        &captures,
        (period, filter),
        Exit::of_search(count > 0),
        false,
        Output::Table,
    )
}

/// Writes the bodies of exchanges into a new folder: of how many, and how many files that are.
pub(super) fn extract(
    job: &Job<'_>,
    folder: &Path,
    context: &Context<'_>,
) -> anyhow::Result<(u64, u64)> {
    let mut extractor =
        Extractor::new(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let count = job.each_exchange(context, &mut |name, exchange, bodies| {
        extractor.write(name, exchange, bodies)
    })?;
    let files = extractor
        .finish()
        .with_context(|| format!("failed to write {}", folder.display()))?;
    Ok((count, files))
}

/// What formats are made of, `forced` or as the filter is about.
pub(super) fn unit(
    formats: &[Format],
    forced: Option<Unit>,
    filter: Option<&Expr>,
) -> anyhow::Result<Unit> {
    let fields = filter.map(Expr::fields).unwrap_or_default();
    let needs_exchanges = formats
        .iter()
        .any(|format| format.unit() == Some(Unit::Exchanges));
    let unit = match (needs_exchanges, forced) {
        (true, Some(Unit::Events)) => {
            return Err(Advised {
                message: "this format is made of exchanges".to_owned(),
                hint: "leave out --events".to_owned(),
            }
            .into());
        }
        (true, _) => Unit::Exchanges,
        (false, Some(unit)) => unit,
        (false, None) => Unit::of(fields.iter().copied())?,
    };
    unit.check(fields)?;
    Ok(unit)
}

impl ExportArgs {
    /// The format, and what is selected: files of bodies have no format, and the first word is the filter's.
    fn format_and_selection(&self) -> anyhow::Result<(Option<Format>, Cow<'_, SelectArgs>)> {
        let select = Cow::Borrowed(&self.select);
        let Some(word) = &self.format else {
            return Ok((None, select));
        };
        match (Format::of(word), &self.extract) {
            (Some(format), _) => Ok((Some(format), select)),
            (None, Some(_)) => {
                let mut select = select.into_owned();
                select.filter.insert(0, word.clone());
                Ok((None, Cow::Owned(select)))
            }
            (None, None) => Err(Advised {
                message: format!("`{}` is no format", escape::line(word)),
                hint: format!("one of {} comes first, and then a filter", Format::names()),
            }
            .into()),
        }
    }

    fn check(&self, format: Option<Format>, context: &Context<'_>) -> anyhow::Result<()> {
        let Some(format) = format else {
            return Ok(());
        };
        let name = format.name();
        if self.extract.is_some() {
            return Err(Advised {
                message: format!("--extract writes files, and {name} is asked for as well"),
                hint: "leave one of them out".to_owned(),
            }
            .into());
        }
        if self.decrypt && format != Format::Db {
            return Err(Advised {
                message: format!("{name} is never encrypted"),
                hint: "leave out --decrypt, which is for a capture written with `export db`"
                    .to_owned(),
            }
            .into());
        }
        if format == Format::Db && self.force {
            return Err(Advised {
                message: "a capture is not replaced".to_owned(),
                hint: "name a file that is not there, or remove it first".to_owned(),
            }
            .into());
        }
        if let Some(path) = &self.output {
            output_file::check_free(path, self.force)?;
        } else if format == Format::Db {
            return Err(Advised {
                message: "a capture is a file, and none is named".to_owned(),
                hint: "name it, as in `ecq-query export db --output subset.db`".to_owned(),
            }
            .into());
        } else if format.could_steer() && context.terminal.is_terminal() {
            return Err(Advised {
                message: format!("{name} is not for a terminal, which it could steer"),
                hint: format!(
                    "name a file with --output, as in `ecq-query export {name} --output FILE`"
                ),
            }
            .into());
        }
        if self.request && format != Format::Raw {
            return Err(Advised {
                message: "--request is about raw".to_owned(),
                hint: "leave it out".to_owned(),
            }
            .into());
        }
        Ok(())
    }

    fn unit(&self, format: Option<Format>, filter: Option<&Expr>) -> anyhow::Result<Unit> {
        let forced = match (self.events, self.exchanges) {
            (true, _) => Some(Unit::Events),
            // Bodies are those of exchanges.
            (_, true) => Some(Unit::Exchanges),
            _ if self.extract.is_some() => Some(Unit::Exchanges),
            _ => None,
        };
        unit(format.as_slice(), forced, filter)
    }
}
