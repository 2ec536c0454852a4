//! A second thread beside the writer's: it compresses and encrypts blocks, makes their search filters and computes digests while rows
//! are written.
//!
//! zstd and SHA-256 together take about as long as everything else that a commit costs, and need nothing of the
//! database. Jobs are worked off in order. At most [`WAITING`] wait, so that what they hold is bounded; the writer then
//! waits for the press. A batch is committed only when all of its jobs are done.

use std::borrow::Cow;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;

use super::block::{Class, Codec, Compressor, Member};
use super::digest::{BatchHasher, EventHasher};
use super::grams::{Filter, FilterMaker, Searched};
use super::stream_ends::End;
use super::vault::{Column, Place, Vault};
use crate::filter::MAX_TEXT_BYTES;
use crate::http::body::{self, Defect, MAX_DECODED_BYTES};

/// How many jobs wait, each at most 1 MiB or [`EVENTS`] events.
const WAITING: usize = 16;

/// How many events are hashed in one job.
const EVENTS: usize = 128;

/// A block to be.
pub(super) struct Block {
    pub(super) id: i64,
    pub(super) class: Class,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) part_bytes: usize,
    pub(super) members: Vec<Member>,
    /// The end of the text before each member in its stream, for the search filter; empty for a part of a large payload.
    pub(super) before: Vec<End>,
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
    pub(super) filter: Option<Filter>,
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
    /// A large payload, whose body may have to be decoded.
    Large(i64, Bytes),
    Batch(BatchHasher),
    Events(Events),
    BatchEnd,
}

enum Done {
    Block(io::Result<Pressed>),
    Undecoded(i64, Defect),
    Digest([u8; 32]),
}

/// The thread, and what goes to it and comes back.
pub(super) struct Press {
    jobs: Option<SyncSender<Job>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
    events: Events,
    pressed: Vec<Pressed>,
    undecoded: Vec<(i64, Defect)>,
    blocks_under_way: usize,
}

impl Press {
    /// Starts the thread.
    pub(super) fn new(vault: Vault) -> io::Result<Self> {
        let compressor = Compressor::new()?;
        let (jobs, taken) = sync_channel(WAITING);
        let (finished, done) = channel();
        let thread = std::thread::Builder::new()
            .name("press".to_owned())
            .spawn(move || {
                let mut worker = Worker {
                    compressor,
                    filters: FilterMaker::new(),
                    vault,
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
            undecoded: Vec::new(),
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
            self.keep(done)?;
        }
        Ok(std::mem::take(&mut self.pressed))
    }

    /// Keeps what was done until it is asked for; gives a digest, for which somebody waits.
    fn keep(&mut self, done: Done) -> io::Result<Option<[u8; 32]>> {
        match done {
            Done::Block(block) => {
                self.blocks_under_way -= 1;
                self.pressed.push(block?);
            }
            Done::Undecoded(event, defect) => self.undecoded.push((event, defect)),
            Done::Digest(digest) => return Ok(Some(digest)),
        }
        Ok(None)
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
            let done = self.receive()?;
            if let Some(digest) = self.keep(done)? {
                return Ok(digest);
            }
        }
    }

    /// Takes in a large payload, to learn whether its body can be decoded.
    pub(super) fn add_large(&mut self, event: i64, payload: &Bytes) -> io::Result<()> {
        if body::needs_decoding(payload) {
            self.send(Job::Large(event, payload.clone()))?;
        }
        Ok(())
    }

    /// The large payloads whose body could not be decoded, as far as is known: at the end of a batch, all of them.
    pub(super) fn take_undecoded(&mut self) -> Vec<(i64, Defect)> {
        std::mem::take(&mut self.undecoded)
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
    filters: FilterMaker,
    vault: Vault,
    batch: Option<BatchHasher>,
}

impl Worker {
    fn work(&mut self, job: Job) -> Option<Done> {
        match job {
            Job::Large(event, payload) => {
                let defect = if payload.len() > MAX_TEXT_BYTES {
                    Some(Defect::TooLarge)
                } else {
                    body::defect(&payload, MAX_DECODED_BYTES)
                };
                defect.map(|defect| Done::Undecoded(event, defect))
            }
            Job::Block(block) => {
                let filter = block.filter(&mut self.filters);
                Some(Done::Block(self.press(block, filter)))
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

    /// Compresses a block, and encrypts it if the capture is.
    fn press(&mut self, block: Block, filter: Option<Filter>) -> io::Result<Pressed> {
        let (codec, data) = self.compressor.compress(block.raw.bytes())?;
        let place = Place::new(Column::BlockData, block.id);
        let data = match self.vault.encrypt(place, data).map_err(io::Error::other)? {
            Cow::Owned(encrypted) => Some(encrypted),
            Cow::Borrowed(data) => (codec != Codec::Stored).then(|| data.to_vec()),
        };
        Ok(Pressed {
            block,
            codec,
            data,
            filter,
        })
    }
}

impl Block {
    /// The search filter; a part of a large payload has none.
    fn filter(&self, maker: &mut FilterMaker) -> Option<Filter> {
        if self.class == Class::Large {
            return None;
        }
        let raw = self.raw.bytes();
        let events: Vec<_> = self
            .members
            .iter()
            .zip(&self.before)
            .map(|(member, before)| Searched {
                id: member.id,
                before: before.bytes(),
                payload: raw
                    .get(member.offset..member.offset + member.length)
                    .unwrap_or_default(),
            })
            .collect();
        Some(maker.make(&events))
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
