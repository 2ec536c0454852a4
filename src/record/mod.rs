//! Recording: from eCapture's socket, or a file of frames, into a capture.
//!
//! Two threads. The *reader* runs the async runtime: sockets, timers and signals, and nothing that computes. The *writer*
//! is synchronous from the decoder to the commit (`store` compresses beside it). Between them is a queue bounded in bytes
//! (`queue`); when it is full, the newest frames are dropped and counted, because a reader that waits makes eCapture kick
//! it, or crash.
//!
//! Several eCaptures go into one capture. The reader has a link to each; in the queue each has its own room, and at the
//! writer its own intake, so that clocks, runs, connections, gaps and counters of one have nothing to do with another. What
//! they share is the order of arrival, which gives the ids, and the transaction in which a batch is written.
//!
//! Who the processes are, `/proc` is asked by a thread of its own (`identities`), which neither of the two waits for.
//!
//! Stopping is ordered: stop reading, drain the queue, commit, close the recording, report. A second signal ends the
//! program at once. One batch is one transaction with `synchronous=FULL`: what a query shows survives a power cut. When
//! the file fails for good (no space, damage), the recorder stops and says how much had not been committed.

mod autostop;
mod backoff;
mod before;
mod clock;
mod clock_watch;
mod closing;
mod error;
mod exchanges;
mod file_names;
mod frame_saver;
mod frames_file;
mod hangup;
mod identities;
mod import;
mod intake;
mod intakes;
mod judge;
mod lines_file;
mod log_watch;
mod meters;
mod metrics;
mod notice;
mod options;
mod queue;
mod redaction;
mod retention;
mod ring;
mod shorten;
mod source;
mod summary;
mod switching;
mod writer;

pub use autostop::Autostop;
pub use error::Error;
pub use file_names::next_file;
pub use frames_file::{
    FileFrame, FramesError, FramesReader, MAX_MESSAGE_BYTES, write_frame, write_header,
};
pub use import::import;
pub use intake::{Intake, IntakeOptions, Taken};
pub use judge::RecordFilter;
pub use lines_file::{LinesReader, first_line};
pub use meters::{Meters, Pulse, SourceStatus, Status};
pub use notice::{Notice, Why};
pub use options::{
    DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_QUEUE_BYTES, Host, ImportOptions, Options, SourceOptions,
};
pub use queue::{Backlog, Dropped, Item, LinkEnd};
pub use ring::Ring;
pub use source::{Header, local_port};
pub use summary::{SourceSummary, Summary};

use std::future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::event::Timestamp;
use crate::redact::Redactor;
use crate::store::{RecordingStart, Writer};
use file_names::FileNames;
use frame_saver::FrameSaver;
use hangup::{Hangup, Meaning};
use identities::Looker;
use intakes::Intakes;
use metrics::Exporter;
use notice::Teller;
use source::{Source, Target};
use switching::Switching;
use writer::Committer;

/// Signals to stop that come within this time mean the same: `timeout` sends one to the program and then to its group.
pub const ECHO: Duration = Duration::from_millis(500);

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// In order.
    Finished(Summary),
    /// At once, on a second signal: what was not committed is lost, and eCapture may not have been left in order.
    Abandoned(Status),
}

/// A live recording that is set up and has not begun to listen.
pub struct Recorder {
    /// With what tells the user about them.
    targets: Vec<(Target, Teller)>,
    autostop: Autostop,
    committer: Committer,
    savers: Vec<FrameSaver>,
    meters: Arc<Meters>,
    notices: Sender<Notice>,
    abandon: Arc<AtomicBool>,
    /// Set when a signal asks for another file.
    switch_asked: Arc<AtomicBool>,
}

/// This program and its version.
fn program() -> String {
    concat!("ecq ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Where to listen. Whatever is wrong with what the user said shows before the capture is touched.
fn targets(options: &Options, notices: &Sender<Notice>) -> Result<Vec<(Target, Teller)>, Error> {
    let sources = &options.sources;
    for (index, source) in sources.iter().enumerate() {
        let mut others = sources.iter().take(index);
        // Two recordings of one source at once would be the same events twice.
        if others.any(|other| other.label() == source.label() || other.url == source.url) {
            return Err(Error::GivenTwice(source.label().to_owned()));
        }
    }
    let asks_tls = sources.iter().any(|source| source::is_secure(&source.url));
    // A file that is no good is told also when nothing needs it.
    let tls = (asks_tls || !options.authorities.is_empty())
        .then(|| source::tls_config(&options.authorities))
        .transpose()?;
    let target = |source: &SourceOptions| {
        let limit = options.max_message_bytes;
        let target = Target::new(&source.url, &source.headers, limit, tls.clone())?;
        let name = (sources.len() > 1).then(|| source.label().to_owned());
        Ok((target, Teller::new(notices.clone(), name)))
    };
    sources.iter().map(target).collect()
}

fn start(options: &Options, source: &SourceOptions, started: Timestamp) -> RecordingStart {
    RecordingStart {
        url: source.url.clone(),
        name: source.name.clone(),
        host_name: source.host.name.clone(),
        boot_id: source.host.boot_id.clone(),
        program: program(),
        started,
        is_received_estimated: false,
        import_sha256: None,
        is_again: false,
        filter: options.filter.as_ref().map(RecordFilter::to_string),
        snaplen_bytes: options.snaplen_bytes.map(|bytes| bytes as u64),
        redaction_key: options.redactor.as_ref().map(Redactor::fingerprint),
        chain_key: options.chain_key.clone(),
        protection: options.protection.clone(),
    }
}

/// Whether `/proc` is asked about the processes of a source: it must be on this host, as far as its URL tells.
fn identifies(options: &Options, source: &SourceOptions) -> bool {
    options.identifies && matches!(local_port(&source.url), Ok(Some(_)))
}

/// An intake a source, each with what the capture knows of that eCapture.
fn intakes(
    options: &Options,
    names: Vec<String>,
    store: &Writer,
    started: Timestamp,
) -> Result<Intakes, Error> {
    let intake_options = IntakeOptions {
        keep_keys: options.keep_keys,
        is_received_estimated: false,
        snaplen_bytes: options.snaplen_bytes,
    };
    let mut next = store.next_ids();
    let recordings = store.recordings();
    let mut intakes = Vec::with_capacity(names.len());
    for (((name, known), recording), source) in names
        .into_iter()
        .zip(store.known_runs()?)
        .zip(recordings)
        .zip(&options.sources)
    {
        let mut intake = Intake::new(intake_options, next, known, started);
        if identifies(options, source) {
            intake.identify(recording);
        }
        if let Some(filter) = &options.filter {
            intake.set_filter(filter.clone(), name.clone());
        }
        if let Some(redactor) = &options.redactor {
            intake.redact(redactor.clone());
        }
        next = intake.next_ids();
        intakes.push((name, intake));
    }
    Ok(Intakes::new(intakes))
}

/// The files of `--save-frames`, one a source.
fn savers(options: &Options, targets: &[(Target, Teller)]) -> Result<Vec<FrameSaver>, Error> {
    let Some(path) = &options.save_frames else {
        return Ok(Vec::new());
    };
    let mut savers = Vec::with_capacity(targets.len());
    for ((number, source), (_, teller)) in (1..).zip(&options.sources).zip(targets) {
        let mut name = path.clone().into_os_string();
        if targets.len() > 1 {
            let number = format!("{number}");
            name.push(".");
            name.push(source.name.as_deref().unwrap_or(&number));
            teller.tell(Notice::SavesFrames(PathBuf::from(&name)));
        }
        savers.push(FrameSaver::create(Path::new(&name), teller.clone())?);
    }
    Ok(savers)
}

fn tell_opened(store: &Writer, notices: &Sender<Notice>) {
    for end in store.unclean_ends() {
        let notice = Notice::UncleanEnd {
            recording: end.recording,
            last_commit: end.last_commit,
        };
        notices.send(notice).ok();
    }
    notices
        .send(Notice::Opened {
            recording: store.recording(),
        })
        .ok();
}

impl Recorder {
    /// Opens the capture and begins a recording.
    ///
    /// # Errors
    /// When a URL is none, or given twice, a file of certificates cannot be used, or the capture or the file for frames
    /// cannot be written.
    pub fn new(options: &Options, notices: Sender<Notice>) -> Result<Self, Error> {
        // Another provider may be installed already by a test in the same process; either will do.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let targets = targets(options, &notices)?;
        // Before anything is begun: an address that is taken changes nothing.
        let exporter = options.metrics.map(Exporter::listen).transpose()?;
        let started = source::now();
        let starts: Vec<_> = (options.sources.iter())
            .map(|source| start(options, source, started))
            .collect();
        let mut names = FileNames::new(options.db.clone(), options.zone);
        let store = match options.ring {
            Some(_) => Writer::open_next(&names.next(started), &starts, None)?,
            None => Writer::open_all(&options.db, &starts)?,
        };
        let savers = savers(options, &targets)?;
        tell_opened(&store, &notices);
        let sources: Vec<_> = (options.sources.iter())
            .map(|source| source.label().to_owned())
            .collect();
        let meters = Arc::new(Meters::new(options.queue_bytes, sources.clone()));
        meters.begin_file(store.path().to_owned());
        if let Some(exporter) = exporter {
            let address = exporter.answer(Arc::clone(&meters))?;
            notices.send(Notice::Metrics(address)).ok();
        }
        let abandon = Arc::new(AtomicBool::new(false));
        let switch_asked = Arc::new(AtomicBool::new(false));
        let intakes = intakes(options, sources, &store, started)?;
        let file = (names.beside(store.path()), store.path().to_owned());
        let begun = (started, Arc::clone(&switch_asked));
        let switching = Switching::new(options.ring, file, starts, begun);
        let mut committer = Committer::new(
            store,
            intakes,
            Arc::clone(&meters),
            notices.clone(),
            Arc::clone(&abandon),
        )?;
        let mut sources = options.sources.iter();
        if sources.any(|source| identifies(options, source)) {
            committer.identify(Looker::start(options.reads_cmdline)?);
        }
        committer.watch_clock();
        committer.keep(&options.rules)?;
        committer.switch(switching);
        committer.stop_after(options.autostop);
        Ok(Self {
            targets,
            autostop: options.autostop,
            committer,
            savers,
            meters,
            notices,
            abandon,
            switch_asked,
        })
    }

    /// Where the recording stands, for a status line.
    pub fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }

    /// Records until a signal (SIGINT or SIGTERM) comes or the capture fails.
    ///
    /// # Errors
    /// When the capture fails, or the system refuses a thread or a signal handler.
    pub fn run(self) -> Result<Outcome, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.record())
    }

    async fn record(self) -> Result<Outcome, Error> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let (stop, stopped) = watch::channel(false);
        let (done, mut finished) = oneshot::channel();
        let (full, mut is_full) = watch::channel(false);
        let Self {
            targets,
            autostop,
            mut committer,
            savers,
            meters,
            notices,
            abandon,
            switch_asked,
        } = self;
        committer.tell_when_full(full);
        let writer = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                let result = writer::run(committer, savers);
                // The receiver is gone only when the recording was abandoned.
                done.send(result).ok();
            })?;
        let sources = (targets.into_iter().enumerate())
            .map(|(number, (target, teller))| Source {
                number,
                target,
                meters: Arc::clone(&meters),
                teller,
                stop: stopped.clone(),
            })
            .collect();
        let reading = source::run_all(sources);
        tokio::pin!(reading);
        let signals = Signals {
            status: signal(SignalKind::user_defined1())?,
            hangup: Hangup::listen()?,
        };
        let round = go_round(&meters, &notices, signals, &switch_asked);
        tokio::pin!(round);
        let mut is_going_round = true;
        let early = tokio::select! {
            () = &mut reading => None,
            result = &mut finished => Some(result),
            () = any(&mut interrupts, &mut terminations) => {
                notices.send(Notice::Stopping).ok();
                None
            }
            () = autostop.elapsed() => {
                notices.send(Notice::LimitReached).ok();
                None
            }
            // An error is that the writer is gone, which `finished` tells.
            Ok(_) = is_full.wait_for(|is_full| *is_full) => {
                notices.send(Notice::LimitReached).ok();
                None
            }
            () = &mut round => {
                is_going_round = false;
                notices.send(Notice::Stopping).ok();
                None
            }
        };
        stop.send_replace(true);
        let Some(failed) = early else {
            let rest = async {
                reading.await;
                meters.queue.close();
                finished.await
            };
            return tokio::select! {
                result = rest => conclude(result, writer),
                () = again(&mut interrupts, &mut terminations) => {
                    abandon.store(true, Ordering::Relaxed);
                    Ok(Outcome::Abandoned(meters.status()))
                }
                // The terminal is gone: that was seen to.
                () = &mut round, if is_going_round => future::pending().await,
            };
        };
        // The capture failed. Links are left in order all the same, or eCapture would crash.
        reading.await;
        conclude(failed, writer)
    }
}

fn conclude(
    result: Result<Result<Summary, Error>, oneshot::error::RecvError>,
    writer: thread::JoinHandle<()>,
) -> Result<Outcome, Error> {
    // The thread is at its end: it has sent its result, or dropped the sender in a panic.
    match (result, writer.join()) {
        (Ok(result), Ok(())) => result.map(Outcome::Finished),
        _ => Err(Error::Panicked("writer")),
    }
}

/// How often the reader shows that it lives.
const ROUND: Duration = Duration::from_secs(1);

/// Signals that end nothing.
struct Signals {
    status: Signal,
    hangup: Hangup,
}

/// Shows that the reader lives, and passes on who asks where the recording stands, or for another file. Completes when the
/// terminal is gone.
async fn go_round(
    meters: &Meters,
    notices: &Sender<Notice>,
    mut signals: Signals,
    switch_asked: &AtomicBool,
) {
    let mut rounds = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = rounds.tick() => {
                meters.reader_rounds.fetch_add(1, Ordering::Relaxed);
            }
            _ = signals.status.recv() => {
                notices.send(Notice::StatusAsked).ok();
            }
            meaning = signals.hangup.next() => match meaning {
                Meaning::AnotherFile => switch_asked.store(true, Ordering::Relaxed),
                Meaning::TerminalGone => return,
            }
        }
    }
}

/// Completes with the next of either signal that is no echo of one before.
async fn again(interrupts: &mut Signal, terminations: &mut Signal) {
    let echoes = tokio::time::sleep(ECHO);
    tokio::pin!(echoes);
    loop {
        tokio::select! {
            () = &mut echoes => break,
            () = any(interrupts, terminations) => {}
        }
    }
    any(interrupts, terminations).await;
}

/// Completes with the next of either signal.
async fn any(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
