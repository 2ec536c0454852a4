//! Opens the captures that are asked about.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::capture_path::{self, Origin as Found, Surroundings};
use crate::cli::exit::Exit;
use crate::cli::report::{Advised, Unreadable};
use crate::cli::select::{Anchor, Period};
use crate::event::{Coverage, Timestamp};
use crate::export;
use crate::filter::Expr;
use crate::render;
use crate::store::{Access, Condition, Error, Reader, condition};

use super::{CommonArgs, Context, Output};

/// The captures that are asked about, in the order in which they were named.
pub(super) struct Captures {
    readers: Vec<Reader>,
    names: Vec<String>,
}

/// A capture among those that are asked about.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The capture.
    pub(super) reader: &'a Reader,
    /// Its number, from 0.
    pub(super) number: usize,
    /// Its name, if there are others.
    pub(super) name: Option<&'a str>,
}

impl Captures {
    /// Opens them and, when none was named, says which one it is.
    pub(super) fn open(context: &mut Context<'_>) -> anyhow::Result<Self> {
        let named = context.common.db.clone();
        let mut captures = Self {
            readers: Vec::new(),
            names: Vec::new(),
        };
        if named.is_empty() {
            captures.add(open_one(context, None)?);
        }
        for path in &named {
            let Some(matching) = expand(path)? else {
                captures.add(open_one(context, Some(path))?);
                continue;
            };
            for path in matching {
                let opened = open_one(context, Some(&path));
                // A ring that is being written may have dropped its oldest file meanwhile, and just made the newest.
                let is_none =
                    || matches!(condition(&path), Ok(Condition::Absent | Condition::Empty));
                if opened.is_ok() || !is_none() {
                    captures.add(opened?);
                }
            }
        }
        if captures.readers.is_empty() {
            return Err(nothing_matches(&named).into());
        }
        if captures.are_several() {
            let numbered: Vec<_> = captures
                .names
                .iter()
                .enumerate()
                .map(|(number, name)| format!("{} {name}", number + 1))
                .collect();
            context
                .terminal
                .note(format_args!("captures: {}", numbered.join(", ")));
        }
        Ok(captures)
    }

    fn add(&mut self, reader: Reader) {
        self.names.push(reader.path().display().to_string());
        self.readers.push(reader);
    }

    /// The captures, in order.
    pub(super) fn readers(&self) -> impl Iterator<Item = &Reader> {
        self.readers.iter()
    }

    /// A capture that is open already, alone.
    pub(super) fn of(reader: Reader) -> Self {
        let mut captures = Self {
            readers: Vec::new(),
            names: Vec::new(),
        };
        captures.add(reader);
        captures
    }

    /// The first of them.
    pub(super) fn first_mut(&mut self) -> &mut Reader {
        self.readers
            .first_mut()
            .expect("there is at least one capture")
    }

    /// The only one, of which something is made; `what` says what, and of how many.
    pub(super) fn only(&self, what: &str) -> Result<&Reader, Advised> {
        if self.are_several() {
            return Err(Advised {
                message: format!("{what} one capture, and several are named"),
                hint: "give --db once".to_owned(),
            });
        }
        Ok(self.origin(0).reader)
    }

    /// The one with this number, from 1, as lists show it; without a number, the only one. `example` is how an id of the
    /// first looks.
    pub(super) fn numbered(
        &self,
        number: Option<usize>,
        example: &str,
    ) -> Result<Origin<'_>, Advised> {
        let count = self.readers.len();
        match number {
            None if count == 1 => Ok(self.origin(0)),
            None => Err(Advised {
                message: "this command is about one capture, and several are named".to_owned(),
                hint: format!(
                    "give --db once, or the number of the capture as lists show it: {example}"
                ),
            }),
            Some(number) => match number.checked_sub(1).filter(|place| *place < count) {
                Some(place) => Ok(self.origin(place)),
                None => Err(Advised {
                    message: format!("there is no capture {number}: {count} are named"),
                    hint: "captures are numbered from 1, in the order of --db".to_owned(),
                }),
            },
        }
    }

    /// Whether there is more than one.
    pub(super) fn are_several(&self) -> bool {
        self.readers.len() > 1
    }

    /// One of them; the last if there are not so many.
    pub(super) fn origin(&self, number: usize) -> Origin<'_> {
        let number = number.min(self.readers.len() - 1);
        let reader = self
            .readers
            .get(number)
            .expect("there is at least one capture");
        Origin {
            reader,
            number,
            name: self
                .are_several()
                .then(|| self.names.get(number).map(String::as_str))
                .flatten(),
        }
    }

    /// What the times on the command line are read against.
    pub(super) fn anchor(&self, context: &Context<'_>) -> anyhow::Result<Anchor> {
        Ok(Anchor {
            now: context.now,
            newest: self.newest()?,
            zone: context.zone,
        })
    }

    /// The time of the newest event of all.
    fn newest(&self) -> anyhow::Result<Option<Timestamp>> {
        let mut newest = None;
        for reader in &self.readers {
            let time = reader
                .newest_time()
                .context("failed to look up the newest event")?;
            newest = newest.max(time);
        }
        Ok(newest)
    }
}

/// The files that a path with `*`, `?` or `[` stands for, in order of name; `None` if it is the name of one file.
fn expand(path: &Path) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let pattern = path.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) || capture_path::is_there(path) {
        return Ok(None);
    }
    let files = glob::glob(&pattern).with_context(|| format!("failed to read --db {pattern}"))?;
    // A folder that may not be looked into has nothing that could be read.
    let files: Vec<_> = files.flatten().collect();
    if files.is_empty() {
        return Err(nothing_matches(&[path.to_owned()]).into());
    }
    Ok(Some(files))
}

fn nothing_matches(named: &[PathBuf]) -> Advised {
    let names: Vec<_> = named.iter().map(|path| path.to_string_lossy()).collect();
    Advised {
        message: format!("no file matches --db {}", names.join(", ")),
        hint: "the files of a ring are named as in --db 'caps_*.db', in quotes".to_owned(),
    }
}

/// Opens the one capture that a command is about.
pub(super) fn open(context: &mut Context<'_>) -> anyhow::Result<Reader> {
    let named = one_named(&context.common)?.map(Path::to_owned);
    open_one(context, named.as_deref())
}

/// The same for a command that needs nothing that is encrypted.
pub(super) fn open_locked(context: &mut Context<'_>) -> anyhow::Result<Reader> {
    let named = one_named(&context.common)?.map(Path::to_owned);
    open_by(context, named.as_deref(), Reader::open)
}

/// The capture that is named, of a command that is about one.
pub(super) fn one_named(common: &CommonArgs) -> Result<Option<&Path>, Advised> {
    match common.db.as_slice() {
        [] => Ok(None),
        [path] => Ok(Some(path)),
        _ => Err(Advised {
            message: "this command is about one capture, and several are named".to_owned(),
            hint: "give --db once".to_owned(),
        }),
    }
}

/// The path of the one capture that a command changes.
pub(super) fn one_to_change(common: &CommonArgs) -> anyhow::Result<PathBuf> {
    let named = one_named(common)?;
    let chosen = capture_path::for_query(named, &Surroundings::read(), capture_path::is_there)
        .context("failed to find a capture")?;
    if !capture_path::is_there(&chosen.path) {
        return Err(Error::Missing { path: chosen.path }).context("failed to open the capture");
    }
    Ok(chosen.path)
}

/// Opens the one capture that a command is about, which may be damaged.
pub(super) fn open_damaged(context: &mut Context<'_>) -> anyhow::Result<Reader> {
    let named = one_named(&context.common)?.map(Path::to_owned);
    open_by(context, named.as_deref(), Reader::open_damaged)
}

/// Unlocks a capture that is encrypted.
pub(super) fn unlock(reader: &mut Reader, context: &Context<'_>) -> anyhow::Result<()> {
    context.common.secret.unlock(reader, context.terminal)
}

fn open_one(context: &mut Context<'_>, named: Option<&Path>) -> anyhow::Result<Reader> {
    let mut reader = open_by(context, named, Reader::open)?;
    unlock(&mut reader, context)?;
    Ok(reader)
}

fn open_by(
    context: &mut Context<'_>,
    named: Option<&Path>,
    open: impl FnOnce(&Path) -> Result<Reader, Error>,
) -> anyhow::Result<Reader> {
    let chosen = capture_path::for_query(named, &Surroundings::read(), capture_path::is_there)
        .context("failed to find a capture")?;
    let path: PathBuf = chosen.path;
    match chosen.origin {
        Found::Named => {}
        Found::Environment => {
            context
                .terminal
                .note(format_args!("reading {} ($ECQ_DB)", path.display()));
        }
        Found::Found | Found::Default => {
            context
                .terminal
                .note(format_args!("reading {}", path.display()));
        }
    }
    check_readable(&path)?;
    let mut reader = open(&path).context("failed to open the capture")?;
    reader.set_watch(context.watch.clone());
    tell_access(context, reader.access());
    Ok(reader)
}

/// Says what is not as usual about the capture.
fn tell_access(context: &mut Context<'_>, access: Access) {
    match access {
        Access::Finished | Access::Live => {}
        Access::PrivateCopy => context.terminal.note(
            "its last recording left a -wal file beside it: reading a private copy of both",
        ),
        Access::LogMissing => context.terminal.error(
            "its last recording ended without a word, and its -wal file is missing: the last commits may be absent",
        ),
    }
}

/// Asks the system before SQLite does, whose answer would be "unable to open".
fn check_readable(path: &Path) -> Result<(), Unreadable> {
    let wrap = |cause| Unreadable {
        path: path.to_owned(),
        cause,
    };
    // Opening a pipe would wait for whoever writes to it; what is no file is refused by the store, in words.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Ok(());
    }
    let file = File::open(path).map_err(wrap)?;
    if file.metadata().map_err(wrap)?.is_dir() {
        return Err(wrap(std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(())
}

/// Ends a query: says why nothing was found, as far as that is known, and on request how much of the time was recorded.
pub(super) fn conclude(
    context: &mut Context<'_>,
    captures: &Captures,
    (period, filter): (Period, Option<&Expr>),
    exit: Exit,
    with_coverage: bool,
    output: Output,
) -> anyhow::Result<Exit> {
    if let Some(filter) = filter.filter(|filter| filter.asks_bodies()) {
        tell_undecoded(
            context,
            captures,
            filter,
            with_coverage && output == Output::Jsonl,
        )?;
    }
    if context.watch.is_stopped() {
        context.terminal.note("interrupted: this is not all");
        return Ok(Exit::Interrupted);
    }
    let is_nothing = exit == Exit::Nothing;
    if !is_nothing && !with_coverage {
        return Ok(exit);
    }
    let mut covered = Vec::new();
    for (number, reader) in captures.readers().enumerate() {
        let name = captures.origin(number).name;
        covered.push((name, coverage_of(reader, period, context)?));
    }
    if with_coverage && output == Output::Jsonl {
        for (name, coverage) in &covered {
            export::coverage::write(context.terminal.out(), *name, coverage)?;
        }
    }
    let style = context.style();
    let one = match covered.as_slice() {
        [(_, coverage)] => Some(render::coverage(coverage, &style)),
        _ => None,
    };
    if is_nothing {
        explain_nothing(context, period.since, captures.newest()?, one.as_deref());
    } else if output == Output::Table
        && let Some(coverage) = &one
    {
        context.terminal.note(coverage);
    }
    if one.is_none() && (is_nothing || output == Output::Table) {
        for (number, (_, coverage)) in (1..).zip(&covered) {
            let coverage = render::coverage(coverage, &style);
            context
                .terminal
                .note(format_args!("capture {number}: {coverage}"));
        }
    }
    Ok(exit)
}

/// Says how many bodies could not be searched whole: what was not found may be in them.
fn tell_undecoded(
    context: &mut Context<'_>,
    captures: &Captures,
    filter: &Expr,
    as_line: bool,
) -> anyhow::Result<()> {
    let mut counts = BTreeMap::new();
    let mut are_known = true;
    for reader in captures.readers() {
        let found = reader.undecoded(filter).context("failed to count bodies")?;
        are_known &= found.is_some();
        for (defect, events) in found.unwrap_or_default() {
            *counts.entry(defect).or_default() += events;
        }
    }
    let total: u64 = counts.values().sum();
    if as_line {
        let mut object = export::values::Object::default();
        for (defect, events) in &counts {
            object.number(defect, *events);
        }
        object.write_as(context.terminal.out(), "undecoded")?;
    }
    if total > 0 {
        let reasons: Vec<_> = counts
            .iter()
            .map(|(defect, events)| format!("{events} {}", defect.replace('_', " ")))
            .collect();
        context.terminal.note(format_args!(
            "{total} events have a body that this event alone does not let decode whole ({}): it was searched as far as it goes",
            reasons.join(", ")
        ));
    }
    if !are_known {
        context.terminal.note(
            "an earlier version recorded this: how many bodies could not be decoded is not known; `ecq-query reindex` finds out",
        );
    }
    Ok(())
}

/// How much of the period a capture covers.
fn coverage_of(reader: &Reader, period: Period, context: &Context<'_>) -> anyhow::Result<Coverage> {
    reader
        .coverage(period.since, period.until, context.now)
        .context("failed to read how much was recorded")
}

/// Says why nothing was found: what is known of time, and what nobody can know.
pub(super) fn explain_nothing(
    context: &mut Context<'_>,
    since: Option<Timestamp>,
    newest: Option<Timestamp>,
    coverage: Option<&str>,
) {
    let style = context.style();
    let coverage = coverage.map_or_else(String::new, |coverage| format!("; {coverage}"));
    match (since, newest) {
        (_, None) => context
            .terminal
            .note(format_args!("the capture holds no events{coverage}")),
        (Some(since), Some(newest)) if newest < since => {
            context.terminal.note(format_args!(
                "nothing since {}: the newest event is from {}{coverage}",
                style.second(since),
                style.second(newest)
            ));
            context
                .terminal
                .advice("`--relative-to last` counts --since back from that event");
        }
        _ => context.terminal.note(format_args!("0 matches{coverage}")),
    }
}
