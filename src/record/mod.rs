//! Recording: from eCapture's socket, or a file of frames, into a capture.
//!
//! Two threads. The *reader* runs the async runtime: sockets, timers and signals, and nothing that computes. The *writer*
//! is synchronous from the decoder to the commit (`store` compresses beside it). Between them is a queue bounded in bytes
//! (`queue`); when it is full, the newest frames are dropped and counted, because a reader that waits makes eCapture kick
//! it, or crash.
//!
//! Stopping is ordered: stop reading, drain the queue, commit, close the recording, report. A second signal ends the
//! program at once. One batch is one transaction with `synchronous=FULL`: what a query shows survives a power cut. When
//! the file fails for good (no space, damage), the recorder stops and says how much had not been committed.

mod autostop;
mod backoff;
mod before;
mod clock;
mod error;
mod exchanges;
mod frames_file;
mod import;
mod intake;
mod judge;
mod lines_file;
mod meters;
mod notice;
mod options;
mod queue;
mod retention;
mod source;
mod summary;
mod writer;

pub use autostop::Autostop;
pub use error::Error;
pub use frames_file::{
    FileFrame, FramesError, FramesReader, MAX_MESSAGE_BYTES, write_frame, write_header,
};
pub use import::import;
pub use intake::{Intake, IntakeOptions, Taken};
pub use judge::RecordFilter;
pub use lines_file::{LinesReader, first_line};
pub use meters::{Meters, Status};
pub use notice::Notice;
pub use options::{DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_QUEUE_BYTES, Host, ImportOptions, Options};
pub use queue::{Backlog, Dropped, Item, LinkEnd};
pub use summary::Summary;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::store::{RecordingStart, Writer};
use source::{Source, Target};
use writer::{Committer, FrameSaver};

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
    target: Target,
    autostop: Autostop,
    committer: Committer,
    saver: Option<FrameSaver>,
    meters: Arc<Meters>,
    notices: Sender<Notice>,
    abandon: Arc<AtomicBool>,
}

/// This program and its version.
fn program() -> String {
    concat!("ecq ", env!("CARGO_PKG_VERSION")).to_owned()
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
    /// When the URL is none, or the capture or the file for frames cannot be written.
    pub fn new(options: &Options, notices: Sender<Notice>) -> Result<Self, Error> {
        // Another provider may be installed already by a test in the same process; either will do.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let target = Target::new(&options.url, options.max_message_bytes)?;
        let started = source::now();
        let start = RecordingStart {
            url: options.url.clone(),
            host_name: options.host.name.clone(),
            boot_id: options.host.boot_id.clone(),
            program: program(),
            started,
            is_received_estimated: false,
            import_sha256: None,
            is_again: false,
            filter: options.filter.as_ref().map(RecordFilter::to_string),
        };
        let store = Writer::open(&options.db, &start)?;
        let saver = options
            .save_frames
            .as_deref()
            .map(FrameSaver::create)
            .transpose()?;
        tell_opened(&store, &notices);
        let intake_options = IntakeOptions {
            keep_keys: options.keep_keys,
            is_received_estimated: false,
        };
        let mut intake = Intake::new(
            intake_options,
            store.next_ids(),
            store.known_run()?,
            started,
        );
        if let Some(filter) = &options.filter {
            intake.set_filter(filter.clone(), options.url.clone());
        }
        let meters = Arc::new(Meters::new(options.queue_bytes));
        let abandon = Arc::new(AtomicBool::new(false));
        let mut committer = Committer::new(
            store,
            intake,
            Arc::clone(&meters),
            notices.clone(),
            Arc::clone(&abandon),
        )?;
        committer.keep(&options.rules)?;
        committer.stop_after(options.autostop);
        Ok(Self {
            target,
            autostop: options.autostop,
            committer,
            saver,
            meters,
            notices,
            abandon,
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
            target,
            autostop,
            mut committer,
            saver,
            meters,
            notices,
            abandon,
        } = self;
        committer.tell_when_full(full);
        let writer = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                let result = writer::run(committer, saver);
                // The receiver is gone only when the recording was abandoned.
                done.send(result).ok();
            })?;
        let source = Source {
            target,
            meters: Arc::clone(&meters),
            notices: notices.clone(),
            stop: stopped,
        };
        let reading = source.run();
        tokio::pin!(reading);
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
                () = any(&mut interrupts, &mut terminations) => {
                    abandon.store(true, Ordering::Relaxed);
                    Ok(Outcome::Abandoned(meters.status()))
                }
            };
        };
        // The capture failed. The link is left in order all the same, or eCapture would crash.
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

/// Completes with the next of either signal.
async fn any(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
