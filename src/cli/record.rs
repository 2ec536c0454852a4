//! `ecq-record`: its arguments, and what it says while it runs.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser};

use super::autostop::{Condition, autostop, condition};
use super::capture_path::{self, CapturePath, Origin, Surroundings};
use super::exit::Exit;
use super::keep::KeepArgs;
use super::report::Advised;
use super::terminal::{StatusLine, Terminal};
use super::words;
use crate::event::Zone;
use crate::filter::{self, Unit};
use crate::record::{
    self, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_QUEUE_BYTES, Host, ImportOptions, Meters, Notice,
    Options, Outcome, RecordFilter, Recorder,
};
use crate::store::Rules;

/// Keeps what a running eCapture sends.
///
/// Connects to `ecapture … --ecaptureq URL`, stores every event in the capture file, and goes on until it is
/// interrupted; a lost link is tried again. Start it before or after eCapture.
#[derive(Debug, Parser)]
#[command(name = "ecq-record", version, max_term_width = 100, after_help = AFTER_HELP)]
struct RecordArgs {
    #[arg(long, value_name = "FILE", help = DB_HELP)]
    db: Option<PathBuf>,
    /// Where eCapture listens: what its --ecaptureq was given
    #[arg(
        long,
        value_name = "URL",
        default_value = "ws://127.0.0.1:28257/",
        conflicts_with = "import"
    )]
    url: String,
    /// Store only the events that FILTER is true of, and count the others
    ///
    /// The language is that of `ecq-query`, whose `fields` tells it: `pname == "curl" && dst_port == 443`. An event is
    /// judged when it comes in, by what is known then: where eCapture tells the addresses of a connection after its first
    /// data (2.x openssl), that data has none yet, and in a filter they count as unknown. A text that `contains` looks
    /// for in `payload` or `any` is also found where it begins in an earlier event, stored or not. `id` cannot be asked
    /// for. What could not be read is stored whatever the filter says; run log, heartbeats, connections and gaps are
    /// noted as ever; --save-frames saves every frame.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    #[command(flatten)]
    keep: KeepArgs,
    /// Stop when a limit is reached: duration:SECONDS, filesize:KB or events:COUNT, or with units, as in duration:1h and
    /// filesize:2G; may be repeated
    #[arg(short, long, value_name = "LIMIT", value_parser = condition, conflicts_with = "import")]
    autostop: Vec<Condition>,
    /// Stop after COUNT events, as with --autostop events:COUNT
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "import")]
    count: Option<u64>,
    /// Also store TLS secrets, which eCapture sends in its keylog and pcap modes
    #[arg(long)]
    keep_keys: bool,
    /// The largest message to accept; a larger one ends the link and is noted as a gap
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value_t = Bytes(DEFAULT_MAX_MESSAGE_BYTES))]
    max_message: Bytes,
    /// How much may wait in memory for the disk; beyond that the newest frames are dropped and counted
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value_t = Bytes(DEFAULT_QUEUE_BYTES))]
    queue: Bytes,
    /// Also save the frames as received, to a new file that --import reads; TLS secrets only with --keep-keys
    #[arg(long, value_name = "FILE", conflicts_with = "import")]
    save_frames: Option<PathBuf>,
    /// Instead of listening, take in a file of frames: one of --save-frames, or bare ones (a length of 4 bytes, little
    /// endian, and the message); or an event file of eCapture 1.x, or the output of 2.x
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// When the frames of a bare file were received [default: the time of its first run-log line]
    #[arg(
        long,
        value_name = "TIME",
        requires = "import",
        allow_hyphen_values = true
    )]
    received_at: Option<String>,
    /// Import a file that the capture holds already
    #[arg(long, requires = "import")]
    again: bool,
    /// No status and no notes on standard error, only failures and the summary's warnings
    #[arg(short, long)]
    quiet: bool,
}

const AFTER_HELP: &str = "\
Interrupt it (Ctrl-C, SIGTERM) to stop: it stops reading, stores what is waiting, closes the recording and prints a \
summary. A second interrupt ends it at once.

eCapture 1.4.0 to 1.5.2 and 2.1.0 or newer send events; 2.0.x sends none.

Exit status: 0 recorded, 2 failed, 130 ended by a second interrupt.";

const DB_HELP: &str = "The capture file; created, readable by you alone, if there is none [default: $ECQ_DB, else \
     your data directory (root: /var/lib/ecq/caps.db)]";

/// A size on the command line.
#[derive(Debug, Clone, Copy)]
struct Bytes(usize);

impl std::fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}M", self.0 >> 20)
    }
}

/// Reads a size: bytes, or with `k`, `M` or `G` behind it (powers of 1024). At most 1 GiB, at least 64 KiB.
fn bytes(text: &str) -> Result<Bytes, String> {
    let (digits, unit) = match text.find(|character: char| !character.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let shift = match unit.trim_end_matches("iB").trim_end_matches('B') {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err(format!("{unit:?} is no unit; use k, M or G")),
    };
    digits
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|number| (64 << 10..=1 << 30).contains(number))
        .map(Bytes)
        .ok_or_else(|| "a size from 64k to 1G is wanted".to_owned())
}

/// How often the status line changes on a terminal.
const STATUS_LINE: Duration = Duration::from_millis(500);

/// How often a line is written where there is no terminal.
const STATUS_LOG: Duration = Duration::from_secs(60);

/// The program's definition, for its manual page and for shells.
pub(super) fn command() -> clap::Command {
    RecordArgs::command()
}

/// Runs the program.
pub(super) fn run(
    args: impl Iterator<Item = OsString>,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let args = match RecordArgs::try_parse_from(args) {
        Ok(args) => args,
        Err(message) => {
            terminal.usage(&message)?;
            return Ok(if message.use_stderr() {
                Exit::Failed
            } else {
                Exit::Found
            });
        }
    };
    terminal.set_quiet(args.quiet);
    // Before the capture's folder is made: a filter that is none changes nothing.
    let filter = args.filter.as_deref().map(read_filter).transpose()?;
    let rules = args.keep.rules()?;
    if args.import.is_some() && !rules.is_empty() {
        return Err(Advised {
            message: "an import prunes nothing".to_owned(),
            hint: "import the file, and then `ecq-query prune` it".to_owned(),
        }
        .into());
    }
    let db = choose(args.db.as_deref(), terminal)?;
    match &args.import {
        Some(file) => import(&args, file, db, filter, terminal),
        None => live(&args, db, (filter, rules), terminal),
    }
}

fn read_filter(text: &str) -> anyhow::Result<RecordFilter> {
    if text.trim().is_empty() {
        return Err(Advised {
            message: "failed to read --filter: nothing is given".to_owned(),
            hint: "leave it out to store everything".to_owned(),
        }
        .into());
    }
    let filter =
        filter::parse(text, super::now(), Zone::Local).context("failed to read --filter")?;
    Unit::Events
        .check(filter.fields())
        .context("failed to read --filter")?;
    RecordFilter::new(filter).context("failed to read --filter")
}

/// Finds the capture's path, says which it is if it was not named, and makes the default's folder.
fn choose(named: Option<&Path>, terminal: &mut Terminal) -> anyhow::Result<PathBuf> {
    let CapturePath { path, origin } =
        capture_path::for_record(named, &Surroundings::read()).ok_or_else(|| Advised {
            message: "there is no data directory to put a capture in: neither $XDG_DATA_HOME nor $HOME is set".to_owned(),
            hint: "name a file with --db".to_owned(),
        })?;
    match origin {
        Origin::Named => {}
        Origin::Environment => {
            terminal.note(format_args!("recording to {} ($ECQ_DB)", path.display()));
        }
        Origin::Found | Origin::Default => {
            terminal.note(format_args!("recording to {}", path.display()));
            if let Some(folder) = path.parent() {
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(folder)
                    .with_context(|| format!("failed to create {}", folder.display()))?;
            }
        }
    }
    Ok(path)
}

fn import(
    args: &RecordArgs,
    file: &Path,
    db: PathBuf,
    filter: Option<RecordFilter>,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let received_at = args
        .received_at
        .as_deref()
        .map(|text| filter::time(text, super::now(), Zone::Local))
        .transpose()
        .context("failed to read --received-at")?;
    let options = ImportOptions {
        db,
        file: file.to_owned(),
        received_at,
        again: args.again,
        keep_keys: args.keep_keys,
        filter,
    };
    let (notices, receiver) = mpsc::channel();
    let result = record::import(&options, &notices);
    drop(notices);
    for notice in receiver {
        words::tell(terminal, &notice);
    }
    let summary = result.context("failed to import")?;
    words::summarize(terminal, &summary);
    Ok(Exit::Found)
}

fn live(
    args: &RecordArgs,
    db: PathBuf,
    (filter, rules): (Option<RecordFilter>, Rules),
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let options = Options {
        host: host_of(&args.url),
        url: args.url.clone(),
        queue_bytes: args.queue.0,
        max_message_bytes: args.max_message.0,
        keep_keys: args.keep_keys,
        filter,
        save_frames: args.save_frames.clone(),
        rules,
        autostop: autostop(&args.autostop, args.count),
        db,
    };
    let (notices, receiver) = mpsc::channel();
    let recorder = Recorder::new(&options, notices.clone()).context("failed to start recording")?;
    let meters = recorder.meters();
    // A terminal that stands still holds up the talker and nothing else.
    let result = std::thread::scope(|scope| {
        let talking = &mut *terminal;
        let quiet = args.quiet;
        let talker = scope.spawn(move || talk(talking, &receiver, &meters, quiet));
        let result = recorder.run();
        // A writer that was abandoned may still hold the sending side, so the talker is told.
        notices.send(Notice::Over).ok();
        // A panic in it lost some words and no data.
        drop(talker.join());
        result
    });
    match result.context("failed to record")? {
        Outcome::Finished(summary) => {
            words::summarize(terminal, &summary);
            Ok(Exit::Found)
        }
        Outcome::Abandoned(status) => {
            words::abandoned(terminal, &status);
            Ok(Exit::Interrupted)
        }
    }
}

/// Puts notices and the status into words until it is over.
fn talk(terminal: &mut Terminal, receiver: &Receiver<Notice>, meters: &Meters, quiet: bool) {
    let mut line = StatusLine::new(quiet);
    let interval = if line.is_live() {
        STATUS_LINE
    } else {
        STATUS_LOG
    };
    let mut next = Instant::now() + interval;
    let began = Instant::now();
    loop {
        match receiver.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Notice::Over) | Err(RecvTimeoutError::Disconnected) => {
                line.clear();
                return;
            }
            Ok(notice) => {
                line.clear();
                words::tell(terminal, &notice);
            }
            Err(RecvTimeoutError::Timeout) => {
                let text = words::status(&meters.status(), &meters.holders(), began.elapsed());
                if line.is_live() {
                    line.show(&text);
                } else {
                    terminal.note(text);
                }
                next = Instant::now() + interval;
            }
        }
    }
}

/// This host's name and boot id, if that is where eCapture runs.
fn host_of(url: &str) -> Host {
    let is_here = ["//127.", "//localhost", "//[::1]"]
        .iter()
        .any(|local| url.contains(local));
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    if is_here {
        Host {
            name: read("/proc/sys/kernel/hostname"),
            boot_id: read("/proc/sys/kernel/random/boot_id"),
        }
    } else {
        Host::default()
    }
}
