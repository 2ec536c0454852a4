//! A bundle that is being made: each of its files is added in turn, and at the end it is put in its place.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::cli::chain_key;
use crate::cli::exposure;
use crate::cli::query::capture::Captures;
use crate::cli::query::export::{Job, extract};
use crate::cli::query::output_file::OutputFile;
use crate::cli::query::{Context, secrets, subset};
use crate::cli::sources;
use crate::event::{ChainLink, Soundness};
use crate::export;
use crate::export::bundle::Bundle;
use crate::export::manifest::{self, Making, Redaction};
use crate::http::exchange::Side;
use crate::render;
use crate::store::{self, Reader, Subset, Verification};

use super::file_names::{
    BODIES, CAPTURE, COVERAGE, COVERAGE_TEXT, EXPORTS, MANIFEST, README, VERIFICATION,
};
use super::{Asked, BundleArgs, readme};

/// A bundle that is being made.
pub(super) struct Case<'a> {
    args: &'a BundleArgs,
    /// Files are made here first: an archive wants to know how large they are.
    folder: TempDir,
    bundle: Bundle<OutputFile>,
}

impl<'a> Case<'a> {
    pub(super) fn begin(args: &'a BundleArgs, context: &Context<'_>) -> anyhow::Result<Self> {
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
        case.add_text(README, |out| {
            Ok(out.write_all(readme::text(args).as_bytes())?)
        })?;
        Ok(case)
    }

    /// Adds what was found when the capture was checked; whether that was nothing.
    pub(super) fn add_soundness(
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
    pub(super) fn add_coverage(
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
    pub(super) fn add_capture(
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
    pub(super) fn add_exports(
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

    pub(super) fn add_manifest(
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
    pub(super) fn finish(self) -> anyhow::Result<String> {
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
