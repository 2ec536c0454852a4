//! What a check of a capture found: faults, and how far the chain of its commits holds.

use super::{EventId, Predecessor, Timestamp};

/// What part of a capture a fault is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The pages of the file.
    Pages,
    /// A reference from one row to another.
    References,
    /// A block of payloads: its header or its list of members.
    Block,
    /// The row of an event, or what it names.
    Event,
    /// The bytes of an event.
    Payload,
    /// A commit: its digest, or events that it lacks.
    Commit,
    /// The chain of commits.
    Chain,
    /// The index on time.
    TimeIndex,
    /// The lists of the events of a stream.
    StreamIndex,
    /// What a recording counted.
    Count,
}

impl Part {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::References => "references",
            Self::Block => "block",
            Self::Event => "event",
            Self::Payload => "payload",
            Self::Commit => "commit",
            Self::Chain => "chain",
            Self::TimeIndex => "time_index",
            Self::StreamIndex => "stream_index",
            Self::Count => "count",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub part: Part,
    /// What, in words.
    pub detail: String,
    /// The events concerned.
    pub scope: Scope,
}

/// Which events something is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// How many, as far as that is known.
    pub events: u64,
    /// The first of them.
    pub first: Option<EventId>,
    /// The last.
    pub last: Option<EventId>,
    /// The earliest time of them, or of their neighbors where theirs cannot be read.
    pub since: Option<Timestamp>,
    /// The latest.
    pub until: Option<Timestamp>,
    /// Names of processes among those that can be read, at most [`Scope::MAX_PROCESSES`].
    pub processes: Vec<String>,
}

impl Scope {
    /// How many processes are named.
    pub const MAX_PROCESSES: usize = 8;

    /// Adds an event of which nothing more is known.
    pub fn add(&mut self, id: EventId) {
        self.add_range(id, id, 1);
    }

    /// Adds so many events between these.
    pub fn add_range(&mut self, first: EventId, last: EventId, events: u64) {
        self.events = self.events.saturating_add(events);
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = self.last.max(Some(last));
    }

    /// Adds a time that one of the events has.
    pub fn add_time(&mut self, time: Timestamp) {
        self.since = Some(self.since.map_or(time, |known| known.min(time)));
        self.until = self.until.max(Some(time));
    }

    /// Adds the name of a process.
    pub fn add_process(&mut self, name: Option<&str>) {
        if let Some(name) = name
            && self.processes.len() < Self::MAX_PROCESSES
            && !self.processes.iter().any(|known| known == name)
        {
            self.processes.push(name.to_owned());
        }
    }
}

/// A link of the chain, with the commit that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLink {
    /// Its 32 bytes, in hexadecimal.
    pub link: String,
    /// The last event of the commit.
    pub last: EventId,
    /// When that was committed.
    pub committed: Timestamp,
}

/// Whether the chain was checked with a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keyed {
    /// The capture was recorded without one, and none was given.
    #[default]
    No,
    /// From this event on it is keyed, and no key was given: what is behind that was not checked.
    Unchecked(EventId),
    /// From this event on it is keyed, with the key that was given.
    Checked(EventId),
    /// From this event on it is keyed, and the key that was given is another one.
    OtherKey(EventId),
    /// A key was given, and the capture knows of none.
    Nothing,
}

/// What became of a link that had been noted elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// It is in the chain; so many commits came since.
    Found {
        /// The link.
        link: ChainLink,
        /// How many commits came since.
        commits_since: u64,
    },
    /// It was that of the last commit of those that were removed up to this event.
    Removed(EventId),
    /// It is not there.
    Missing,
}

/// How far a capture was checked, and what that proves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Soundness {
    /// How many faults were found.
    pub faults: u64,
    /// The newest event that was looked at.
    pub upper: Option<EventId>,
    /// How many events were looked at.
    pub events: u64,
    /// How many of them can be read whole.
    pub readable_events: u64,
    /// The payloads that were read, in bytes.
    pub payload_bytes: u64,
    /// How many blocks were looked at.
    pub blocks: u64,
    /// How many commits.
    pub commits: u64,
    /// How many of them have a digest that fits their events.
    pub proven_commits: u64,
    /// How many of them are before the chain: an earlier version recorded them.
    pub unchained_commits: u64,
    /// How many links hold.
    pub links: u64,
    /// The newest link, up to which the chain holds if there is no fault.
    pub head: Option<ChainLink>,
    /// What was found of a key.
    pub keyed: Keyed,
    /// What was found of a link that was noted elsewhere; `None` if none was given.
    pub noted: Option<Noted>,
    /// How many removals are on the record.
    pub removals: u64,
    /// How many events they took.
    pub removed_events: u64,
    /// Whether the capture is a subset of another: its digests are over what was taken.
    pub is_subset: bool,
    /// The file that its first recording was in before, which its chain goes on from; `None` if it began here.
    pub predecessor: Option<Predecessor>,
    /// Whether it is encrypted and was not unlocked: of payloads only that they are there was checked, and digests not at all.
    pub is_locked: bool,
    /// Whether not all of it was looked at.
    pub is_stopped: bool,
}

impl Soundness {
    /// Whether tampering with what is there would have shown, and not only damage: the links were checked with a key, or
    /// against one that had been noted elsewhere.
    pub fn shows_tampering(&self) -> bool {
        match self.keyed {
            _ if self.is_locked => false,
            Keyed::Checked(_) => true,
            Keyed::No => matches!(self.noted, Some(Noted::Found { .. })),
            Keyed::Unchecked(_) | Keyed::OtherKey(_) | Keyed::Nothing => false,
        }
    }
}
