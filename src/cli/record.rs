//! `ecq-record`: its arguments, and what it says while it runs.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};

use super::capture_path::{self, CapturePath, Origin, Surroundings};
use super::chain_key;
use super::doctor::{self, DoctorArgs};
use super::exit::Exit;
use super::exposure;
use super::keep::KeepArgs;
use super::limits::{self, Condition, limits};
use super::processes::ProcessArgs;
use super::record_filter;
use super::redaction::RedactArgs;
use super::report::Advised;
use super::secret::SecretArgs;
use super::service::Manager;
use super::sources;
use super::talker;
use super::terminal::{LogFormat, Terminal};
use super::values::{Address, Bytes, address, bytes, snaplen};
use super::words;
use crate::event::Zone;
use crate::filter;
use crate::record::{
    self, Autostop, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_QUEUE_BYTES, ImportOptions, Notice, Options,
    Outcome, RecordFilter, Recorder, Ring, SourceOptions,
};
use crate::redact::Redactor;
use crate::store::{ChainKey, Protection, Rules};

/// Keeps what a running eCapture sends.
///
/// Connects to `ecapture … --ecaptureq URL`, stores every event in the capture file, and goes on until it is
/// interrupted; a lost link is tried again. Start it before or after eCapture.
#[derive(Debug, Parser)]
#[command(
    name = "ecq-record",
    version,
    max_term_width = 100,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct RecordArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[arg(long, value_name = "FILE", help = DB_HELP)]
    db: Option<PathBuf>,
    /// Where eCapture listens: what its --ecaptureq was given; may be given several times, each with a name in front
    ///
    /// The name is what filters and messages call that eCapture: after `--url web=ws://10.0.0.1:28257/` it is
    /// `source == "web"`. Without one it goes by its URL. All of them are recorded into one capture, each with its own
    /// links and gaps; when one cannot be reached, it is tried again and the others go on. The URL is stored in the
    /// capture, so it is no place for a password.
    #[arg(
        long,
        value_name = "[NAME=]URL",
        default_value = "ws://127.0.0.1:28257/",
        conflicts_with = "import"
    )]
    url: Vec<String>,
    /// For wss://, also trust the certificates in this PEM file; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "import")]
    ca: Vec<PathBuf>,
    /// Send this header with the WebSocket handshake, for a proxy in front; may be given several times
    ///
    /// A value `@FILE` is read from that file when the recorder starts, so that a secret is not in the list of processes:
    /// `--header 'Authorization: @/etc/ecq/token'`. With several URLs it is sent to all of them, or, with a name in
    /// front, to one: `--header 'web=Authorization: @token'`. Values are neither shown nor stored. `Origin`, which
    /// eCapture wants to see, is sent anyway unless another is given here.
    #[arg(long, value_name = "[NAME=]HEADER", conflicts_with = "import")]
    header: Vec<String>,
    /// Store only the events that FILTER is true of, and count the others
    ///
    /// The language is that of `ecq-query`, whose `fields` tells it: `pname == "curl" && dst_port == 443`. An event is
    /// judged when it comes in, by what is known then: where eCapture tells the addresses of a connection after its first
    /// data (2.x openssl), that data has none yet, and in a filter they count as unknown. A text that `contains` looks
    /// for in `payload` or `any` is also found where it begins in an earlier event, stored or not. `id` cannot be asked
    /// for, nor `exe`, `ppid` and `container`, which are read later. What could not be read is stored whatever the filter
    /// says; run log, heartbeats, connections and gaps are noted as ever; --save-frames saves every frame.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Leave out the events of processes of this name, with `*` and `?`; may be given several times
    ///
    /// It is short for a filter, and holds beside --filter. An event that tells no process name is stored.
    #[arg(long, value_name = "GLOB")]
    exclude_pname: Vec<String>,
    /// Store at most so many bytes of each payload
    ///
    /// Filters, and what is read in the head of an HTTP message, still see all of it. The event says that it was shortened
    /// and how long it was (`provenance == "shortened"`); its frame cannot be given again. --save-frames saves all of it.
    #[arg(long, value_name = "BYTES", value_parser = snaplen)]
    snaplen: Option<usize>,
    #[command(flatten)]
    processes: ProcessArgs,
    #[command(flatten)]
    keep: KeepArgs,
    /// Stop when a limit is reached: duration:SECONDS, filesize:KB or events:COUNT, or with units, as in duration:1h and
    /// filesize:2G; or files:COUNT, when so many files of --ring-buffer are full; may be repeated
    #[arg(short, long, value_name = "LIMIT", value_parser = limits::stop_condition, conflicts_with = "import")]
    autostop: Vec<Condition>,
    /// Go on in another file when a limit is reached: duration:SECONDS, interval:SECONDS (on the clock: interval:1h is on the
    /// hour), filesize:KB or events:COUNT, or with units; and keep only the newest files:COUNT; may be repeated
    ///
    /// The words are dumpcap's, and so are the names: `--db caps.db` makes `caps_00001_20261128140000.db` and so on, with
    /// the time at which each was begun. No frame is lost in between. Each file is a capture by itself, and event numbers go
    /// on; ask all of them with `ecq-query --db 'caps_*.db'`. What --keep and its like say holds for each file by itself.
    #[arg(short = 'b', long, value_name = "LIMIT", value_parser = limits::ring_condition, conflicts_with = "import")]
    ring_buffer: Vec<Condition>,
    /// Stop after COUNT events, as with --autostop events:COUNT
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "import")]
    count: Option<u64>,
    /// Also store TLS secrets, which eCapture sends in its keylog and pcap modes
    #[arg(long)]
    keep_keys: bool,
    /// The largest message to accept; a larger one ends the link and is noted as a gap
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value_t = Bytes(DEFAULT_MAX_MESSAGE_BYTES))]
    max_message: Bytes,
    /// How much may wait in memory for the disk, in even parts for several URLs; beyond that the newest frames are dropped
    /// and counted
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value_t = Bytes(DEFAULT_QUEUE_BYTES))]
    queue: Bytes,
    /// Chain the commits with the key in FILE, so that `ecq-query verify --chain-key FILE` shows tampering and not only
    /// damage
    ///
    /// All bytes of the file are the key, at least 32; nobody else may read it. Make one with
    /// `(umask 077; head -c 32 /dev/urandom > FILE)`, and keep a copy elsewhere: who has the key and the capture can
    /// write another. The capture keeps a fingerprint of it, and later recordings into it need the same key.
    #[arg(long, value_name = "FILE")]
    chain_key: Option<PathBuf>,
    /// Encrypt the new capture: payloads and what is made of them; with --key-file, --passphrase-file, or a passphrase that
    /// is asked for
    ///
    /// What is indexed stays readable for whoever has the file: times, sizes, processes, addresses, methods, hosts, paths
    /// without their query, statuses, content types. Later recordings into it, and all who ask it, need the same secret.
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    secret: SecretArgs,
    /// Also save the frames as received, to a new file that --import reads; TLS secrets only with --keep-keys. With several
    /// URLs, each has its own file: FILE, a dot, and its name or its number
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
    /// Serve counters to Prometheus, under /metrics at this address; a port alone is one of 127.0.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with = "import")]
    metrics: Option<Address>,
    /// How to write what is said on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    /// No status and no notes on standard error, only failures and the summary's warnings
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    redact: RedactArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Doctor(DoctorArgs),
}

const AFTER_HELP: &str = "\
Interrupt it (Ctrl-C, SIGTERM) to stop: it stops reading, stores what is waiting, closes the recording and prints a \
summary. A second interrupt ends it at once. SIGUSR1 makes it print where it stands. SIGHUP makes it go on in another file: \
the next one with --ring-buffer; without it the capture is set aside under such a name, and its own is given to a new one.

eCapture 1.4.0 to 1.5.2 and 2.1.0 or newer send events; 2.0.x sends none.

Exit status: 0 recorded, 2 failed, 130 ended by a second interrupt.";

const DB_HELP: &str = "The capture file; created, readable by you alone, if there is none [default: $ECQ_DB, else \
     your data directory (root: /var/lib/ecq/caps.db)]";

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
    if let Some(Command::Doctor(args)) = &args.command {
        return doctor::run(args, terminal);
    }
    terminal.set_quiet(args.quiet);
    terminal.set_log_format(args.log_format);
    // Before the capture's folder is made: what is wrong with these changes nothing.
    let filter = record_filter::read(args.filter.as_deref(), &args.exclude_pname)?;
    let sources = sources::read(&args.url, &args.header)?;
    let chain_key = args.chain_key.as_deref().map(chain_key::read).transpose()?;
    let rules = args.keep.rules()?;
    let limits = limits(&args.autostop, &args.ring_buffer, args.count)?;
    if args.import.is_some() && !rules.is_empty() {
        return Err(Advised {
            message: "an import prunes nothing".to_owned(),
            hint: "import the file, and then `ecq-query prune` it".to_owned(),
        }
        .into());
    }
    let redactor = args.redactor()?;
    let db = choose(args.db.as_deref(), terminal)?;
    exposure::check(&db, terminal)?;
    let secret = if args.encrypt && !capture_path::is_there(&db) {
        Some(args.secret.of_new(terminal)?)
    } else {
        args.secret.of(&db, terminal)?
    };
    if args.save_frames.is_some() && secret.is_some() {
        terminal.note("what --save-frames writes is not encrypted");
    }
    if args.processes.cmdline && secret.is_some() {
        terminal.note("the arguments that --cmdline reads are not encrypted");
    }
    if let Some(redactor) = &redactor {
        terminal.note(format_args!(
            "secrets are replaced before anything is stored (key {}); what cannot be looked into is left out, compressed bodies \
             among it",
            redactor.fingerprint()
        ));
    }
    let keys = Keys {
        redactor,
        chain_key,
        protection: Protection {
            is_wanted: args.encrypt,
            secret,
        },
    };
    match &args.import {
        Some(file) => import(&args, file, (db, keys), filter, terminal),
        None => live(
            &args,
            sources,
            (db, keys),
            (filter, rules, limits),
            terminal,
        ),
    }
}

impl RecordArgs {
    /// What redacts, if that is asked for, and nothing that is asked for besides would keep what it takes out.
    fn redactor(&self) -> anyhow::Result<Option<Redactor>> {
        let Some(redactor) = self.redact.redactor()? else {
            return Ok(None);
        };
        for (is_given, flag, what) in [
            (
                self.save_frames.is_some(),
                "--save-frames",
                "frames as they are",
            ),
            (self.keep_keys, "--keep-keys", "TLS secrets"),
            (
                self.processes.cmdline,
                "--cmdline",
                "arguments, which can hold secrets",
            ),
        ] {
            if is_given {
                return Err(Advised {
                    message: format!("{flag} keeps {what}, which --redact is to keep out"),
                    hint: "leave out one of them".to_owned(),
                }
                .into());
            }
        }
        Ok(Some(redactor))
    }
}

/// What a capture is chained, encrypted and redacted with.
struct Keys {
    redactor: Option<Redactor>,
    chain_key: Option<ChainKey>,
    protection: Protection,
}

/// Why there is no path for a capture.
pub(super) fn no_data_directory() -> Advised {
    Advised {
        message: "there is no data directory to put a capture in: neither $XDG_DATA_HOME nor $HOME is set"
            .to_owned(),
        hint: "name a file with --db".to_owned(),
    }
}

/// Finds the capture's path, says which it is if it was not named, and makes the default's folder.
fn choose(named: Option<&Path>, terminal: &mut Terminal) -> anyhow::Result<PathBuf> {
    let CapturePath { path, origin } =
        capture_path::for_record(named, &Surroundings::read()).ok_or_else(no_data_directory)?;
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
    (db, keys): (PathBuf, Keys),
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
        snaplen_bytes: args.snaplen,
        redactor: keys.redactor,
        chain_key: keys.chain_key,
        protection: keys.protection,
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
    sources: Vec<SourceOptions>,
    (db, keys): (PathBuf, Keys),
    (filter, rules, (autostop, ring)): (Option<RecordFilter>, Rules, (Autostop, Option<Ring>)),
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let options = Options {
        sources,
        authorities: args.ca.clone(),
        snaplen_bytes: args.snaplen,
        redactor: keys.redactor,
        queue_bytes: args.queue.0,
        max_message_bytes: args.max_message.0,
        keep_keys: args.keep_keys,
        filter,
        chain_key: keys.chain_key,
        protection: keys.protection,
        save_frames: args.save_frames.clone(),
        metrics: args.metrics.map(|address| address.0),
        identifies: !args.processes.no_proc,
        reads_cmdline: args.processes.cmdline,
        rules,
        ring,
        zone: Zone::Local,
        autostop,
        db,
    };
    let (notices, receiver) = mpsc::channel();
    let recorder = Recorder::new(&options, notices.clone()).context("failed to start recording")?;
    let meters = recorder.meters();
    let (meters, is_over) = (&*meters, &AtomicBool::new(false));
    // A terminal that stands still holds up the talker and nothing else.
    let result = std::thread::scope(|scope| {
        let talking = &mut *terminal;
        let quiet = args.quiet;
        let talker = scope.spawn(move || talker::talk(talking, &receiver, meters, quiet));
        if let Some(manager) = Manager::find() {
            scope.spawn(move || manager.attend(meters, is_over));
        }
        let result = recorder.run();
        is_over.store(true, Ordering::Relaxed);
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
