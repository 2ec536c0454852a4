//! `ecq-query`: its arguments, and which command they ask for.

mod beyond_events;
mod bundle;
mod capture;
mod chosen_fields;
mod columns;
mod completions;
mod count;
mod cursor;
mod exchanges;
mod explain;
mod export;
mod fields;
mod first_seen;
mod follow;
mod follow_stream;
mod list;
mod listed_id;
mod man;
mod output_file;
mod prune;
mod reindex;
mod rekey;
mod salvage;
mod secrets;
mod show;
mod show_exchange;
mod sink;
mod sql;
mod stats;
mod subset;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::event::{Timestamp, Zone};
use crate::render::Style;
use crate::store::Watch;

use super::exit::Exit;
use super::interrupt;
use super::progress::Progress;
use super::secret::SecretArgs;
use super::terminal::{Color, Terminal};

/// Answers questions about what eCapture captured.
///
/// Without a command, lists the newest events, newest first.
#[derive(Debug, Parser)]
#[command(name = "ecq-query", version, max_term_width = 100, after_help = AFTER_HELP)]
struct QueryArgs {
    #[command(flatten)]
    list: list::ListArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
In the table, `~` marks what is an estimate: a time that is that of the receipt or in an inferred zone, or ends of \
which it is inferred whose they are. `a → b`: a opened the connection. `a ↔ b`: a is the process's own end.

Exit status: 0 something was found, 1 nothing was found, 2 failed.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows one event or exchange whole
    Show(show::ShowArgs),
    /// Shows a whole connection, both directions
    FollowStream(follow_stream::FollowStreamArgs),
    /// Exports what is selected, for other programs: HAR, pcapng, Parquet, files, …
    Export(Box<export::ExportArgs>),
    /// Puts what is selected into one file as evidence: capture, exports, coverage, hashes, and how it was made
    Bundle(Box<bundle::BundleArgs>),
    /// Shows what the capture holds and what it misses
    Stats(stats::StatsArgs),
    /// Explains the fields that filters are made of
    Fields(fields::FieldsArgs),
    /// Makes what a capture lacks of the search filter and of the index of exchanges
    Reindex(reindex::ReindexArgs),
    /// Checks a capture: what is damaged, and whether it is as it was recorded
    Verify(verify::VerifyArgs),
    /// Writes what can be read of a damaged capture to another
    Salvage(salvage::SalvageArgs),
    /// Removes what is too old or too much, or tells what that would be
    Prune(prune::PruneArgs),
    /// Changes the key file or passphrase of an encrypted capture
    Rekey(rekey::RekeyArgs),
    /// Shows which processes talked to which hosts for the first time since a time
    FirstSeen(Box<first_seen::FirstSeenArgs>),
    /// Answers a statement in SQL, which only reads
    Sql(sql::SqlArgs),
    /// Writes what makes a shell complete arguments
    Completions(completions::CompletionsArgs),
    /// Writes the manual pages
    Man(man::ManArgs),
}

const DB_HELP: &str = "The capture file; several are read as one, merged by time, also by a pattern like 'caps_*.db' [default: $ECQ_DB, else ./caps.db, else the user's data directory, else \
     /var/lib/ecq/caps.db]";

/// Which capture, and how to talk about it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Capture and output")]
struct CommonArgs {
    #[arg(long, value_name = "FILE", help = DB_HELP)]
    db: Vec<PathBuf>,
    /// Show and read times in UTC instead of the local zone
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    secret: SecretArgs,
    /// No notes on standard error, only failures
    #[arg(short, long)]
    quiet: bool,
    /// When to use color
    #[arg(long, value_name = "WHEN", value_enum)]
    color: Option<Color>,
}

/// Of a command that needs no capture.
static NO_COMMON: CommonArgs = CommonArgs {
    db: Vec::new(),
    utc: false,
    secret: SecretArgs::NONE,
    quiet: false,
    color: None,
};

/// Flags that may stand before a command as well as behind it.
const COMMON_FLAGS: [&str; 6] = ["db", "utc", "quiet", "color", "key_file", "passphrase_file"];

/// How results are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For a person
    #[default]
    Table,
    /// One JSON object a line
    Jsonl,
}

/// What all commands need.
#[derive(Debug)]
struct Context<'a> {
    terminal: &'a mut Terminal,
    common: CommonArgs,
    /// The arguments, beginning with the program.
    command: Vec<OsString>,
    now: Timestamp,
    zone: Zone,
    /// Stops what takes long when the user interrupts it.
    watch: Watch,
}

impl Context<'_> {
    /// Shows how far the watched queries are, if they take long, while the result lives.
    fn progress(&self) -> anyhow::Result<Progress> {
        self.terminal
            .progress(&self.watch)
            .context("failed to start the progress bar")
    }

    fn style(&self) -> Style {
        Style {
            color: self
                .terminal
                .use_color(self.common.color.unwrap_or_default()),
            width: self.terminal.width(),
            zone: self.zone,
            now: self.now,
        }
    }
}

/// Reads the arguments and does what they ask for.
pub(super) fn run(
    args: impl Iterator<Item = OsString>,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let command: Vec<_> = args.collect();
    let args = match parse(command.iter().cloned()) {
        Ok(args) => args,
        Err(error) => {
            terminal.usage(&error)?;
            return Ok(if error.use_stderr() {
                Exit::Failed
            } else {
                Exit::Found
            });
        }
    };
    let mut common = args.list.common.clone();
    if let Some(command) = &args.command {
        common = common.merged(command.common());
    }
    terminal.set_quiet(common.quiet);
    let zone = if common.utc { Zone::Utc } else { Zone::Local };
    let mut context = Context {
        terminal,
        common,
        command,
        now: super::now(),
        zone,
        watch: Watch::stopped_by(interrupt::flag()?),
    };
    match &args.command {
        None => list::run(&args.list, &mut context),
        Some(Command::Show(show)) => show::run(show, &mut context),
        Some(Command::FollowStream(args)) => follow_stream::run(args, &mut context),
        Some(Command::Export(args)) => export::run(args, &mut context),
        Some(Command::Bundle(args)) => bundle::run(args, &mut context),
        Some(Command::Stats(stats)) => stats::run(stats, &mut context),
        Some(Command::Fields(fields)) => fields::run(fields, &mut context),
        Some(Command::Verify(args)) => verify::run(args, &mut context),
        Some(Command::Salvage(args)) => salvage::run(args, &mut context),
        Some(Command::FirstSeen(first_seen)) => first_seen::run(first_seen, &mut context),
        Some(Command::Reindex(reindex)) => reindex::run(reindex, &mut context),
        Some(Command::Rekey(args)) => rekey::run(args, &mut context),
        Some(Command::Prune(prune)) => prune::run(prune, &mut context),
        Some(Command::Sql(sql)) => sql::run(sql, &mut context),
        Some(Command::Completions(args)) => completions::run(args, &mut context),
        Some(Command::Man(args)) => man::run(args, &mut context),
    }
}

impl Command {
    fn common(&self) -> &CommonArgs {
        match self {
            Self::Show(show) => &show.common,
            Self::FollowStream(args) => &args.common,
            Self::Export(args) => &args.common,
            Self::Bundle(args) => &args.common,
            Self::Stats(stats) => &stats.common,
            Self::Fields(fields) => &fields.common,
            Self::Verify(args) => &args.common,
            Self::Salvage(args) => &args.common,
            Self::FirstSeen(first_seen) => &first_seen.common,
            Self::Reindex(reindex) => &reindex.common,
            Self::Rekey(args) => &args.common,
            Self::Prune(prune) => &prune.common,
            Self::Sql(sql) => &sql.common,
            Self::Completions(_) | Self::Man(_) => &NO_COMMON,
        }
    }
}

impl CommonArgs {
    /// These, given before a command, and those behind it. [`parse`] sees to it that no value is given twice.
    fn merged(self, behind: &Self) -> Self {
        Self {
            db: if self.db.is_empty() {
                behind.db.clone()
            } else {
                self.db
            },
            utc: self.utc || behind.utc,
            secret: if self.secret.is_empty() {
                behind.secret.clone()
            } else {
                self.secret
            },
            quiet: self.quiet || behind.quiet,
            color: self.color.or(behind.color),
        }
    }
}

fn parse(args: impl Iterator<Item = OsString>) -> Result<QueryArgs, clap::Error> {
    let mut command = QueryArgs::command();
    let matches = command.try_get_matches_from_mut(args)?;
    check_places(&mut command, &matches)?;
    QueryArgs::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Refuses what would be lost: a selection before a command, which has its own, and a flag with two values.
fn check_places(command: &mut clap::Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((name, behind)) = matches.subcommand() else {
        return Ok(());
    };
    let given = |matches: &ArgMatches, id: &str| {
        matches.try_contains_id(id).is_ok_and(|is_there| is_there)
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    let lost = command.get_arguments().find_map(|arg| {
        let id = arg.get_id().as_str();
        if !given(matches, id) {
            return None;
        }
        let flag = format!("--{}", arg.get_long().unwrap_or(id));
        if !COMMON_FLAGS.contains(&id) {
            Some(format!("`{flag}` must come after `{name}`"))
        } else if matches!(id, "db" | "color" | "key_file" | "passphrase_file") && given(behind, id)
        {
            Some(format!(
                "`{flag}` is given twice, before and behind `{name}`"
            ))
        } else {
            None
        }
    });
    match lost {
        Some(message) => Err(command.error(ErrorKind::ArgumentConflict, message)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: &str) -> Option<String> {
        let args = line.split(' ').map(OsString::from);
        parse(args).err().map(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        QueryArgs::command().debug_assert();
    }

    #[test]
    fn what_is_accepted() {
        for line in [
            "q",
            "q --db x.db --since -10m -U now -p 1,2 --pname !curl --status 5xx,404",
            "q -S -10m -g -x -n all -r -o jsonl",
            "q --db x.db show 12",
            "q show 12 --raw --db x.db",
            "q --quiet stats --since 1h -o jsonl",
            "q fields pname -o jsonl",
            "q fields --markdown",
            "q --src 10.0.0.0/8 --dst [::1]:443 --ip ::1 --port 443,80 --direction in",
        ] {
            assert_eq!(fault(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (line, expected) in [
            ("q --since 1h stats", "`--since` must come after `stats`"),
            ("q -n 5 show 1", "`--limit` must come after `show`"),
            ("q --db a show 1 --db b", "`--db` is given twice"),
            ("q --type shel", "did you mean `shell`?"),
            ("q --status 20", "expected a status like 200"),
            ("q -n 0", "at least 1"),
            ("q --fixed", "--grep <RE>"),
            ("q --count --top pname", "cannot be used with"),
            ("q --columns pnme", "did you mean `pname`?"),
            ("q --hex 5", "hexadecimal"),
            ("q show x", "invalid value 'x'"),
        ] {
            let text = fault(line).unwrap_or_default();
            assert!(text.contains(expected), "{line}: {text}");
        }
    }
}
