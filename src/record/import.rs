//! A file into a capture: the same path as a live recording from the decoder on.
//!
//! It is a file of frames, or of text that eCapture wrote by itself: which shows by how it begins. A frame is then what
//! one event or one line of the log takes in the file, and is kept whole.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;

use sha2::{Digest, Sha256};

use super::error::Error;
use super::frames_file::{FileFrame, FramesError, FramesReader};
use super::intake::{Intake, IntakeOptions};
use super::intakes::Intakes;
use super::judge::RecordFilter;
use super::lines_file::{self, LinesReader};
use super::meters::Meters;
use super::notice::Notice;
use super::options::{DEFAULT_QUEUE_BYTES, ImportOptions};
use super::queue::{Item, LinkEnd};
use super::source::now;
use super::summary::Summary;
use super::writer::Committer;
use crate::event::{Frame, Timestamp};
use crate::redact::Redactor;
use crate::store::{RecordingStart, Writer};
use crate::wire::{self, Incoming};

/// Imports a file.
///
/// # Errors
/// When the file is of no sort that is known or is in the capture already, or the capture cannot be written. A file that ends
/// in the middle of a frame is imported up to there.
pub fn import(options: &ImportOptions, notices: &Sender<Notice>) -> Result<Summary, Error> {
    let failed = |source: FramesError| Error::Import {
        path: options.file.clone(),
        source,
    };
    let (sha256, is_saved) = hash(&options.file).map_err(failed)?;
    let stand_in = if is_saved {
        None
    } else {
        Some(stand_in(options)?)
    };
    if let Some(time) = stand_in {
        notices.send(Notice::ReceivedEstimated(time)).ok();
    }
    let name = options
        .file
        .file_name()
        .unwrap_or(options.file.as_os_str())
        .to_string_lossy()
        .into_owned();
    let start = RecordingStart {
        url: format!("file:{name}"),
        name: None,
        host_name: None,
        boot_id: None,
        program: super::program(),
        started: now(),
        is_received_estimated: !is_saved,
        import_sha256: Some(sha256),
        is_again: options.again,
        filter: options.filter.as_ref().map(RecordFilter::to_string),
        snaplen_bytes: options.snaplen_bytes.map(|bytes| bytes as u64),
        redaction_key: options.redactor.as_ref().map(Redactor::fingerprint),
        chain_key: options.chain_key.clone(),
        protection: options.protection.clone(),
    };
    let store = Writer::open(&options.db, &start)?;
    super::tell_opened(&store, notices);
    let intake_options = IntakeOptions {
        keep_keys: options.keep_keys,
        is_received_estimated: !is_saved,
        snaplen_bytes: options.snaplen_bytes,
    };
    // What an imported eCapture logged belongs to this import alone: another file may be of another host.
    let mut intake = Intake::of_file(intake_options, store.next_ids());
    if let Some(filter) = &options.filter {
        intake.set_filter(filter.clone(), start.url.clone());
    }
    if let Some(redactor) = &options.redactor {
        intake.redact(redactor.clone());
    }
    let meters = Arc::new(Meters::new(DEFAULT_QUEUE_BYTES, vec![start.url.clone()]));
    let mut committer = Committer::new(
        store,
        Intakes::new(vec![(start.url, intake)]),
        meters,
        notices.clone(),
        Arc::new(AtomicBool::new(false)),
    )?;
    committer.has_time_to_end();
    let mut frames = open(&options.file).map_err(failed)?;
    let mut clock = stand_in.map(FileClock::new);
    let mut links = Links::default();
    let damage = loop {
        let frame = match frames.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break None,
            Err(damage) => break Some(damage),
        };
        let frame = links.place(frame, clock.as_mut());
        for item in links.crossed(&frame) {
            committer.take(0, &item)?;
        }
        committer.take(0, &Item::Frame(frame))?;
    };
    if let Some(item) = links.end() {
        committer.take(0, &item)?;
    }
    if frames.cut_off() > 0 {
        notices
            .send(Notice::ImportCutOff {
                bytes: frames.cut_off(),
            })
            .ok();
    }
    let summary = committer.finish(now())?;
    match damage {
        None => Ok(summary),
        // What came before it is in the capture, and the recording is closed in order.
        Some(source) => Err(Error::ImportStopped {
            path: options.file.clone(),
            source,
            stored_events: summary.total(|source| source.counters.stored_events),
        }),
    }
}

/// A file that is being read.
enum Input {
    Frames(FramesReader<BufReader<File>>),
    Lines(LinesReader<BufReader<File>>),
}

impl Input {
    /// Whether the file tells when its frames were received.
    fn tells_times(&self) -> bool {
        match self {
            Self::Frames(frames) => frames.is_saved(),
            Self::Lines(_) => true,
        }
    }

    fn cut_off(&self) -> u64 {
        match self {
            Self::Frames(frames) => frames.cut_off(),
            Self::Lines(_) => 0,
        }
    }

    fn next_frame(&mut self) -> Result<Option<FileFrame>, FramesError> {
        match self {
            Self::Frames(frames) => frames.next_frame(),
            Self::Lines(lines) => Ok(lines.next_frame()?),
        }
    }
}

fn open(path: &Path) -> Result<Input, FramesError> {
    // It is read more than once, which a pipe cannot be.
    if !std::fs::metadata(path)?.is_file() {
        return Err(FramesError::NotAFile);
    }
    let mut start = Vec::new();
    File::open(path)?
        .take(lines_file::START_BYTES)
        .read_to_end(&mut start)?;
    let file = BufReader::with_capacity(256 << 10, File::open(path)?);
    Ok(match lines_file::first_line(&start) {
        Some((kind, time)) => Input::Lines(LinesReader::new(file, kind, time)),
        None => Input::Frames(FramesReader::new(file)?),
    })
}

/// The file's SHA-256, and whether it tells receive times.
fn hash(path: &Path) -> Result<([u8; 32], bool), FramesError> {
    let is_saved = open(path)?.tells_times();
    let mut file = File::open(path)?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((sha256.finalize().into(), is_saved));
        }
        sha256.update(buffer.get(..read).unwrap_or_default());
    }
}

/// The time that stands in for the receive time of a bare file: the one given, or that of its first run-log line.
fn stand_in(options: &ImportOptions) -> Result<Timestamp, Error> {
    if let Some(time) = options.received_at {
        return Ok(time);
    }
    let failed = |source: FramesError| Error::Import {
        path: options.file.clone(),
        source,
    };
    let mut frames = open(&options.file).map_err(failed)?;
    let mut has_frames = false;
    while let Some(frame) = frames.next_frame().map_err(failed)? {
        has_frames = true;
        match wire::decode(frame.opcode, &frame.message) {
            Incoming::Log(log) if log.time.is_some() => return Ok(log.time.unwrap_or_default()),
            Incoming::Heartbeat(heartbeat) => {
                return Ok(Timestamp::from_seconds(heartbeat.timestamp_seconds));
            }
            _ => {}
        }
    }
    if !has_frames {
        return Err(failed(FramesError::NoFrames));
    }
    Err(Error::NoTime {
        path: options.file.clone(),
    })
}

/// Estimates receive times in a bare file: from the stand-in on, moved forward by what heartbeats say has passed.
struct FileClock {
    start: Timestamp,
    first_heartbeat: Option<i64>,
    now: Timestamp,
}

impl FileClock {
    fn new(start: Timestamp) -> Self {
        Self {
            start,
            first_heartbeat: None,
            now: start,
        }
    }

    fn stamp(&mut self, frame: &FileFrame) -> Timestamp {
        if wire::is_heartbeat(frame.opcode, &frame.message)
            && let Incoming::Heartbeat(heartbeat) = wire::decode(frame.opcode, &frame.message)
        {
            let first = *self
                .first_heartbeat
                .get_or_insert(heartbeat.timestamp_seconds);
            let passed = Timestamp::from_seconds(heartbeat.timestamp_seconds.saturating_sub(first));
            self.now = self.now.max(self.start.plus_nanos(passed.as_nanos()));
        }
        self.now
    }
}

/// Which link frames came over, as far as the file tells.
#[derive(Default)]
struct Links {
    current: Option<(u32, Timestamp)>,
    count: u32,
}

impl Links {
    fn place(&self, frame: FileFrame, clock: Option<&mut FileClock>) -> Frame {
        let received = match (frame.received, clock) {
            (Some(received), _) => received,
            (None, Some(clock)) => clock.stamp(&frame),
            (None, None) => self.current.map_or(Timestamp::default(), |(_, last)| last),
        };
        Frame {
            link: frame.link.unwrap_or(1),
            received,
            opcode: frame.opcode,
            message: frame.message,
        }
    }

    /// What happened to links before this frame.
    fn crossed(&mut self, frame: &Frame) -> Vec<Item> {
        let is_same = self.current.is_some_and(|(link, _)| link == frame.link);
        let mut items = Vec::new();
        if !is_same {
            items.extend(self.end());
            self.count += 1;
            items.push(Item::LinkBegan {
                number: self.count,
                at: frame.received,
            });
        }
        self.current = Some((frame.link, frame.received));
        items
    }

    fn end(&mut self) -> Option<Item> {
        let (_, last) = self.current.take()?;
        Some(Item::LinkEnded {
            at: last,
            end: LinkEnd::Lost("the file tells no more of this link".to_owned()),
        })
    }
}
