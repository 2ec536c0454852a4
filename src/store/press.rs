//! A second thread beside the writer's: it compresses blocks and computes digests while rows are written.
//!
//! zstd and SHA-256 together take about as long as everything else that a commit costs, and need nothing of the
//! database. Jobs are worked off in order. At most [`WAITING`] wait, so that what they hold is bounded; the writer then
//! waits for the press. A batch is committed only when all of its jobs are done.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;

use super::block::{Class, Codec, Compressor, Member};
use super::digest::{BatchHasher, EventHasher};

/// How many jobs wait, each at most 1 MiB or [`EVENTS`] events.
const WAITING: usize = 16;

/// How many events are hashed in one job.
const EVENTS: usize = 128;

/// A block to be.
pub(super) struct Block {
    pub(super) class: Class,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) part_bytes: usize,
    pub(super) members: Vec<Member>,
    pub(super) raw: Raw,
}

/// The bytes of a block before compression.
pub(super) enum Raw {
    /// Payloads that were copied together.
    Joined(Vec<u8>),
    /// A part of a large payload.
    Part(Bytes),
}

impl Raw {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Joined(bytes) => bytes,
            Self::Part(bytes) => bytes,
        }
    }
}

/// A block that is ready to be stored: as `data`, or as it is.
pub(super) struct Pressed {
    pub(super) block: Block,
    pub(super) codec: Codec,
    pub(super) data: Option<Vec<u8>>,
}

/// Events to be hashed: their fields one after another, with where each ends, and their payloads.
#[derive(Default)]
struct Events {
    fields: Vec<u8>,
    ends: Vec<usize>,
    payloads: Vec<Bytes>,
}

enum Job {
    Block(Block),
    Batch(BatchHasher),
    Events(Events),
    BatchEnd,
}

enum Done {
    Block(io::Result<Pressed>),
    Digest([u8; 32]),
}

/// The thread, and what goes to it and comes back.
pub(super) struct Press {
    jobs: Option<SyncSender<Job>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
    events: Events,
    pressed: Vec<Pressed>,
    blocks_under_way: usize,
}

impl Press {
    /// Starts the thread.
    pub(super) fn new() -> io::Result<Self> {
        let compressor = Compressor::new()?;
        let (jobs, taken) = sync_channel(WAITING);
        let (finished, done) = channel();
        let thread = std::thread::Builder::new()
            .name("press".to_owned())
            .spawn(move || {
                let mut worker = Worker {
                    compressor,
                    batch: None,
                };
                for job in taken {
                    if let Some(result) = worker.work(job)
                        && finished.send(result).is_err()
                    {
                        return;
                    }
                }
            })?;
        Ok(Self {
            jobs: Some(jobs),
            done,
            thread: Some(thread),
            events: Events::default(),
            pressed: Vec::new(),
            blocks_under_way: 0,
        })
    }

    fn send(&mut self, job: Job) -> io::Result<()> {
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send(job).ok())
            .ok_or_else(ended)
    }

    fn receive(&mut self) -> io::Result<Done> {
        self.done.recv().map_err(|_| ended())
    }

    /// Takes in a block to be compressed.
    pub(super) fn add_block(&mut self, block: Block) -> io::Result<()> {
        self.blocks_under_way += 1;
        self.send(Job::Block(block))
    }

    /// The blocks that are ready, in the order in which they were taken in; with `all`, waits for the rest.
    pub(super) fn take_blocks(&mut self, all: bool) -> io::Result<Vec<Pressed>> {
        while self.blocks_under_way > 0 {
            let done = if all {
                self.receive()?
            } else {
                match self.done.try_recv() {
                    Ok(done) => done,
                    Err(_) => break,
                }
            };
            if let Done::Block(block) = done {
                self.blocks_under_way -= 1;
                self.pressed.push(block?);
            }
        }
        Ok(std::mem::take(&mut self.pressed))
    }

    /// Begins the digest of a batch.
    pub(super) fn begin_batch(&mut self, batch: BatchHasher) -> io::Result<()> {
        self.send(Job::Batch(batch))
    }

    /// Takes in an event to be hashed: `fields` appends what is hashed before the payload.
    pub(super) fn add_event(
        &mut self,
        payload: &Bytes,
        fields: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        fields(&mut self.events.fields);
        self.events.ends.push(self.events.fields.len());
        self.events.payloads.push(payload.clone());
        if self.events.ends.len() >= EVENTS {
            self.send_events()
        } else {
            Ok(())
        }
    }

    fn send_events(&mut self) -> io::Result<()> {
        let events = std::mem::take(&mut self.events);
        self.send(Job::Events(events))
    }

    /// Waits for the digest of the batch.
    pub(super) fn end_batch(&mut self) -> io::Result<[u8; 32]> {
        self.send_events()?;
        self.send(Job::BatchEnd)?;
        loop {
            match self.receive()? {
                Done::Digest(digest) => return Ok(digest),
                Done::Block(block) => {
                    self.blocks_under_way -= 1;
                    self.pressed.push(block?);
                }
            }
        }
    }
}

impl Drop for Press {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it has shown before, as a job that was never done.
            drop(thread.join());
        }
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that compresses has ended")
}

/// What the thread works with.
struct Worker {
    compressor: Compressor,
    batch: Option<BatchHasher>,
}

impl Worker {
    fn work(&mut self, job: Job) -> Option<Done> {
        match job {
            Job::Block(block) => {
                let pressed = self
                    .compressor
                    .compress(block.raw.bytes())
                    .map(|(codec, data)| {
                        let data = (codec != Codec::Stored).then(|| data.to_vec());
                        (codec, data)
                    });
                Some(Done::Block(pressed.map(|(codec, data)| Pressed {
                    block,
                    codec,
                    data,
                })))
            }
            Job::Batch(batch) => {
                self.batch = Some(batch);
                None
            }
            Job::Events(events) => {
                if let Some(batch) = &mut self.batch {
                    events.hash(batch);
                }
                None
            }
            Job::BatchEnd => self.batch.take().map(|batch| Done::Digest(batch.finish())),
        }
    }
}

impl Events {
    fn hash(&self, batch: &mut BatchHasher) {
        let mut start = 0;
        for (end, payload) in self.ends.iter().zip(&self.payloads) {
            let mut event =
                EventHasher::of_fields(self.fields.get(start..*end).unwrap_or_default());
            event.update(payload);
            batch.update(&event.finish());
            start = *end;
        }
    }
}
