//! Puts everything about a case into one file: the events, exports of them, what was recorded and what is missing, and how
//! all of it was made.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use tempfile::TempDir;

use crate::cli::chain_key;
use crate::cli::exit::Exit;
use crate::cli::exposure;
use crate::cli::redaction::RedactArgs;
use crate::cli::report::Advised;
use crate::cli::select::{Period, SelectArgs};
use crate::cli::sources;
use crate::event::{ChainLink, Soundness};
use crate::export;
use crate::export::bundle::{Bundle, SUMS};
use crate::export::manifest::{self, Making, Redaction};
use crate::filter::{Expr, Unit};
use crate::http::exchange::Side;
use crate::redact::Redactor;
use crate::render;
use crate::store::{self, Reader, Subset, Verification};

use super::capture::Captures;
use super::export::{Format, Job, extract, unit};
use super::output_file::{self, OutputFile};
use super::{CommonArgs, Context, exchanges, secrets, subset};

/// The names of the files, below the folder of the bundle.
const README: &str = "README.txt";
const CAPTURE: &str = "capture.db";
const COVERAGE: &str = "coverage.json";
const COVERAGE_TEXT: &str = "coverage.txt";
const VERIFICATION: &str = "verification.jsonl";
const MANIFEST: &str = "manifest.json";
const EXPORTS: &str = "exports";
const BODIES: &str = "bodies";

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

/// A bundle that is being made.
struct Case<'a> {
    args: &'a BundleArgs,
    /// Files are made here first: an archive wants to know how large they are.
    folder: TempDir,
    bundle: Bundle<OutputFile>,
}

impl<'a> Case<'a> {
    fn begin(args: &'a BundleArgs, context: &Context<'_>) -> anyhow::Result<Self> {
        let failed = || format!("failed to create {}", args.output.display());
        let output = OutputFile::create(&args.output, args.force)?;
        let folder = tempfile::Builder::new()
            .prefix(".ecq-")
            .tempdir_in(exposure::folder_of(&args.output))
            .with_context(failed)?;
        let bundle =
            Bundle::new(output, &case_name(&args.output), context.now).with_context(failed)?;
        let mut case = Self {
            args,
            folder,
            bundle,
        };
        case.add_text(README, |out| Ok(out.write_all(readme(args).as_bytes())?))?;
        Ok(case)
    }

    /// Adds what was found when the capture was checked; whether that was nothing.
    fn add_soundness(
        &mut self,
        reader: &mut Reader,
        context: &mut Context<'_>,
    ) -> anyhow::Result<bool> {
        if !self.args.verify {
            return Ok(true);
        }
        let key = self.args.chain_key.as_deref().map(chain_key::read);
        let against = Verification {
            key: key.transpose()?,
            noted: None,
        };
        let mut done = Soundness::default();
        let is_redacted = self.args.redact.is_asked();
        self.add_text(VERIFICATION, |out| {
            let mut written = Ok(());
            done = store::verify(reader, &against, &mut |fault| {
                if written.is_ok() {
                    written = export::soundness::write_fault(out, fault);
                }
            })
            .context("failed to check the capture")?;
            written?;
            // A hash over all of the original: whoever has the rest could try secrets out.
            done.head = done.head.take().filter(|_| !is_redacted);
            Ok(export::soundness::write(out, &done)?)
        })?;
        if done.faults > 0 {
            context.terminal.error(format_args!(
                "the capture has {} faults: {VERIFICATION} tells them",
                done.faults
            ));
        }
        Ok(done.faults == 0)
    }

    /// Adds how much of the period was recorded and what is known to be missing, for people and for programs.
    fn add_coverage(
        &mut self,
        reader: &mut Reader,
        asked: &Asked,
        context: &Context<'_>,
    ) -> anyhow::Result<()> {
        let period = asked.period;
        let stats = reader
            .stats(period.since, period.until, context.now)
            .context("failed to count events")?;
        // Stopped: the caller sees that as well.
        let Some(mut stats) = stats else {
            return Ok(());
        };
        if asked.redactor.is_some() {
            secrets::hide_filters(&mut stats);
        }
        let style = render::Style {
            color: false,
            ..context.style()
        };
        self.add_text(COVERAGE_TEXT, |out| {
            writeln!(out, "{}\n", render::coverage(&stats.coverage, &style))?;
            Ok(render::summary::write(out, &stats, &style)?)
        })?;
        self.add_text(COVERAGE, |out| Ok(export::stats::write(out, &stats)?))
    }

    /// Adds the events as another capture: what is in it, and a reader of it; `None` if it was stopped.
    fn add_capture(
        &mut self,
        captures: &Captures,
        asked: &Asked,
        context: &Context<'_>,
    ) -> anyhow::Result<Option<(Subset, Reader)>> {
        let path = self.folder.path().join(CAPTURE);
        let reader = captures.origin(0).reader;
        let filter = asked.filter.as_ref();
        let target = subset::Target {
            output: &path,
            is_decrypted: self.args.decrypt,
            redactor: asked.redactor.as_ref(),
        };
        let Some(made) = subset::make(reader, asked.unit, filter, &target, context)? else {
            return Ok(None);
        };
        self.add_file(CAPTURE, &path)?;
        let mut reader = if self.args.decrypt {
            Reader::open(&path)
        } else {
            Reader::open_with(&path, reader.vault())
        }
        .context("failed to open the new capture")?;
        reader.set_watch(context.watch.clone());
        Ok(Some((made, reader)))
    }

    /// Adds the exports, made of the new capture.
    fn add_exports(
        &mut self,
        captures: &Captures,
        asked: &Asked,
        context: &mut Context<'_>,
    ) -> anyhow::Result<()> {
        let job = Job {
            captures,
            filter: asked.filter_of_exports(),
            // What is to be taken out is not in the new capture.
            redactor: None,
            side: Side::Response,
        };
        for format in &asked.formats {
            let name = format!("{EXPORTS}/{}.{}", asked.unit.name(), format.suffix());
            self.add_text(&name, |out| {
                format.write(&job, asked.unit, out, context).map(drop)
            })?;
            if context.watch.is_stopped() {
                return Ok(());
            }
        }
        if self.args.bodies {
            let folder = self.folder.path().join(BODIES);
            extract(&job, &folder, context)?;
            let mut names = Vec::new();
            for entry in folder.read_dir().context("failed to list the bodies")? {
                names.push(entry.context("failed to list the bodies")?.file_name());
            }
            names.sort();
            for name in names {
                self.add_file(
                    &format!("{BODIES}/{}", name.to_string_lossy()),
                    &folder.join(&name),
                )?;
            }
        }
        Ok(())
    }

    fn add_manifest(
        &mut self,
        taken: &Captures,
        (asked, subset): (&Asked, &Subset),
        head: Option<&ChainLink>,
        context: &Context<'_>,
    ) -> anyhow::Result<()> {
        let origins = taken
            .origin(0)
            .reader
            .origins()
            .context("failed to read where the new capture comes from")?;
        let host = sources::host_name();
        let members = self.bundle.members().to_vec();
        let note = self.args.note.as_deref();
        let redaction = asked.redactor.as_ref().map(|redactor| Redaction {
            key: redactor.fingerprint(),
            secrets: subset.redacted.redacted_secrets,
            opaque_events: subset.redacted.opaque_events,
            opaque_bytes: subset.redacted.opaque_bytes,
        });
        let may_hold_secret = self.args.redact.may_hold_secret()
            || asked.filter.as_ref().is_some_and(secrets::may_hold_secret);
        let command = (redaction.is_none() || !may_hold_secret).then_some(&*context.command);
        // With all of the original but its secrets at hand, they could be tried out.
        let head = head.filter(|_| redaction.is_none() || subset.events < subset.of_events);
        self.add_text(MANIFEST, |out| {
            let making = Making {
                made: context.now,
                program: subset::PROGRAM,
                sqlite: store::sqlite_version(),
                host: host.as_deref(),
                uid: rustix::process::getuid().as_raw(),
                folder: std::env::current_dir()
                    .ok()
                    .map(|folder| folder.to_string_lossy().into_owned()),
                command,
                note,
                redaction,
                head,
                taken: &origins,
                members: &members,
            };
            Ok(manifest::write(out, &making)?)
        })
    }

    /// Adds what `write` writes.
    fn add_text(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut (dyn Write + Send)) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let failed = || format!("failed to write {name}");
        let mut out =
            BufWriter::new(tempfile::tempfile_in(self.folder.path()).with_context(failed)?);
        write(&mut out)?;
        let mut file = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .with_context(failed)?;
        std::io::Seek::rewind(&mut file).with_context(failed)?;
        self.add_open(name, file)
    }

    fn add_file(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        let file = File::open(path).with_context(|| format!("failed to open {name}"))?;
        self.add_open(name, file)
    }

    fn add_open(&mut self, name: &str, file: File) -> anyhow::Result<()> {
        let failed = || format!("failed to put {name} into {}", self.args.output.display());
        let bytes = file.metadata().with_context(failed)?.len();
        self.bundle.add(name, bytes, file).with_context(failed)
    }

    /// Puts the bundle in its place; its SHA-256.
    fn finish(self) -> anyhow::Result<String> {
        let (output, digest) = self
            .bundle
            .finish()
            .with_context(|| format!("failed to write {}", self.args.output.display()))?;
        output.finish(self.args.force)?;
        Ok(digest)
    }
}

/// The folder in the bundle: what the bundle is called, without what says that it is one.
fn case_name(output: &Path) -> String {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split('.').find(|part| !part.is_empty());
    // Slashes cannot be in it, and dots are not.
    name.unwrap_or("bundle").to_owned()
}

/// What whoever opens the bundle years later should know.
fn readme(args: &BundleArgs) -> String {
    let mut lines = vec![
        (
            MANIFEST,
            "how this was made: the command, versions, where the events come from",
        ),
        (
            CAPTURE,
            "the events, under the numbers that they have in the original; for ecq-query",
        ),
        (
            COVERAGE_TEXT,
            "how much of the period was recorded, and what is known to be missing",
        ),
        (COVERAGE, "the same for programs"),
    ];
    if args.verify {
        lines.push((
            VERIFICATION,
            "what a check of the whole original capture found",
        ));
    }
    if !args.export.is_empty() {
        lines.push((
            EXPORTS,
            "what was asked for in other formats, made of the capture",
        ));
    }
    if args.bodies {
        lines.push((BODIES, "decoded bodies; index.jsonl says which is whose"));
    }
    lines.push((SUMS, "the SHA-256 of all other files"));
    let list: String = lines
        .iter()
        .flat_map(|(name, what)| [format!("{name:<20}"), (*what).to_owned(), "\n".to_owned()])
        .collect();
    let is_redacted = if args.redact.is_asked() {
        "\nSecrets in it were replaced by keyed hashes, and what could not be looked into was left out.\n"
    } else {
        ""
    };
    format!(
        "This is captured plaintext of network traffic: keep it as safe as what it shows.
{is_redacted}
{list}
To check that nothing was changed since (the SHA-256 of the archive itself should be known from elsewhere):

    sha256sum --check {SUMS}
    ecq-query verify --db {CAPTURE}

To look at it:

    ecq-query --db {CAPTURE}
    ecq-query stats --db {CAPTURE}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_called_as_the_file() {
        for (path, expected) in [
            ("case.tar.zst", "case"),
            ("/x/case-7.2.tar.zst", "case-7"),
            (".tar.zst", "tar"),
            ("...", "bundle"),
            ("plain", "plain"),
        ] {
            assert_eq!(case_name(Path::new(path)), expected, "{path}");
        }
    }
}
