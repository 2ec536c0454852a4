//! A recording without a socket: what the recorder's writer thread does with the frames of its queue.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use ecq::event::{Frame, Opcode, Timestamp};
use ecq::record::{Intake, IntakeOptions, Item};
use ecq::redact::Redactor;
use ecq::store::{NewEvent, Protection, RecordingStart, Secret, Writer};
use ecq::wire::{self, Incoming, WireEvent};

use crate::stand_in::START_NS;
use crate::stand_in::dialect::Dialect;
use crate::stand_in::traffic::Corpus;

/// When a batch is committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// It has this many events,
    pub(crate) events: usize,
    /// or this many bytes of frames.
    pub(crate) bytes: usize,
}

/// As `src/record/writer.rs` does at full speed.
pub(crate) const FULL_SPEED: Cut = Cut {
    events: 10_000,
    bytes: 8 << 20,
};

/// As at 20 events a second with a commit every second.
pub(crate) const TRICKLE: Cut = Cut {
    events: 20,
    bytes: 8 << 20,
};

/// Frames as the socket reader hands them over: without heartbeats and logs, 400 µs apart.
pub(crate) fn frames(
    dialect: Dialect,
    seed: u64,
    count: usize,
    corpus: Corpus,
) -> impl Iterator<Item = Frame> {
    crate::stand_in::frames(dialect, seed, count, corpus)
        .zip(0_i64..)
        .map(|((opcode, message), index)| Frame {
            link: 1,
            received: Timestamp::from_nanos(START_NS + index * 400_000),
            opcode: Opcode::from_code(opcode).expect("frames carry data"),
            message: Bytes::from(message),
        })
}

/// With `--encrypt`, captures are encrypted.
fn protection() -> Protection {
    let is_wanted = super::Arguments::read().has("--encrypt");
    Protection {
        is_wanted,
        secret: is_wanted.then(|| Secret::key_file(vec![7; 32]).expect("it is long enough")),
    }
}

/// Starts a recording into a new file.
fn start(path: &Path) -> (Writer, Intake) {
    super::remove(path);
    let started = Timestamp::from_nanos(START_NS);
    let start = RecordingStart {
        url: "bench:".to_owned(),
        name: None,
        host_name: None,
        boot_id: None,
        program: "bench".to_owned(),
        started,
        is_received_estimated: false,
        import_sha256: None,
        is_again: false,
        filter: None,
        snaplen_bytes: None,
        redaction_key: None,
        chain_key: None,
        protection: protection(),
    };
    let store = Writer::open(path, &start).expect("the file can be made");
    let mut intake = Intake::new(IntakeOptions::default(), store.next_ids(), None, started);
    intake.take(&Item::LinkBegan {
        number: 1,
        at: started,
    });
    (store, intake)
}

/// What a recording cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From the first frame to the last commit.
    pub(crate) ingest: Duration,
    /// Of that, up to the commits.
    pub(crate) intake: Duration,
    /// From the first frame to the last commit, on all threads, with the making of frames.
    pub(crate) all: Duration,
    /// The clean end.
    pub(crate) end: Duration,
}

/// Records `frames` into a new file at `path`, and ends the recording.
pub(crate) fn record(path: &Path, frames: impl Iterator<Item = Frame>, cut: Cut) -> Cost {
    record_into(start(path), frames, cut)
}

/// The same with `--redact`.
pub(crate) fn record_redacted(path: &Path, frames: impl Iterator<Item = Frame>, cut: Cut) -> Cost {
    let (store, mut intake) = start(path);
    intake.redact(Redactor::new(&[7; 32], Vec::new()));
    record_into((store, intake), frames, cut)
}

fn record_into(
    (mut store, mut intake): (Writer, Intake),
    frames: impl Iterator<Item = Frame>,
    cut: Cut,
) -> Cost {
    let (mut ingest, mut commits) = (Duration::ZERO, Duration::ZERO);
    let mut now = Timestamp::from_nanos(START_NS);
    let mut chunk = Vec::with_capacity(1024);
    let mut frames = frames.peekable();
    let began = super::process_cpu();
    while frames.peek().is_some() {
        // Making the frames, where that is done on the way, is not part of it.
        chunk.extend(frames.by_ref().take(1024));
        let before = super::thread_cpu();
        for frame in chunk.drain(..) {
            now = frame.received;
            intake.take(&Item::Frame(frame));
            if intake.batch().events.len() >= cut.events || intake.batch_bytes() >= cut.bytes {
                let ((), spent) =
                    super::timed(|| store.commit(intake.batch(), now).expect("it fits"));
                commits += spent;
                intake.committed();
            }
        }
        ingest += super::thread_cpu().saturating_sub(before);
    }
    let ((), last) = super::timed(|| {
        store.commit(intake.batch(), now).expect("it fits");
        intake.committed();
    });
    let all = super::process_cpu().saturating_sub(began);
    let ((), end) = super::timed(|| {
        intake.end(now);
        store.commit(intake.batch(), now).expect("it fits");
        store.end(&intake.counters(), now).expect("it fits");
        store.seal().expect("nobody reads it");
    });
    Cost {
        ingest: ingest + last,
        intake: ingest.saturating_sub(commits),
        all,
        end,
    }
}

/// An event with what the reference stores of it beyond its columns.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) new: NewEvent,
    pub(crate) uuid: Option<String>,
}

/// The events of `frames` as they would be committed, batch by batch.
pub(crate) fn batches(path: &Path, frames: &[Frame], cut: Cut) -> Vec<Vec<Row>> {
    let (_store, mut intake) = start(path);
    let (mut batches, mut batch) = (Vec::new(), Vec::new());
    for frame in frames {
        intake.take(&Item::Frame(frame.clone()));
        if let Some(new) = intake.batch().events.get(batch.len()) {
            let uuid = match wire::decode(frame.opcode, &frame.message) {
                Incoming::Event(WireEvent::Structured(event)) => Some(event.uuid),
                _ => None,
            };
            let new = new.clone();
            batch.push(Row { new, uuid });
        }
        if batch.len() >= cut.events || intake.batch_bytes() >= cut.bytes {
            batches.push(std::mem::take(&mut batch));
            intake.committed();
        }
    }
    batches.push(batch);
    batches
}
