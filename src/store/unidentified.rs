//! Streams of processes that may still be identified: what of a process was read comes later than its first events, and is
//! true of them as well, if they came after the process had started.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::event::{ConnectionId, RunId, Timestamp};

/// How many streams are remembered. Beyond that all are forgotten, and stay without an identity.
const REMEMBERED: usize = 16 * 1024;

/// A stream of this recording whose process has no identity yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) stream: i64,
    pub(super) run: RunId,
    /// The row of its process.
    pub(super) process: i64,
    pub(super) uid: Option<u32>,
    pub(super) connection: Option<ConnectionId>,
    /// When the first of its events was received.
    pub(super) first_received: Timestamp,
}

/// The streams, by pid and process name.
#[derive(Debug, Default)]
pub(super) struct Unidentified {
    streams: HashMap<(u32, String), Vec<Waiting>, RandomState>,
    count: usize,
}

impl Unidentified {
    /// Notes a stream that is new, or, if it is not, that an event was added to it.
    pub(super) fn note(&mut self, (pid, pname): (u32, &str), is_new: bool, waiting: Waiting) {
        if self.count >= REMEMBERED {
            self.forget();
        }
        let key = (pid, pname.to_owned());
        if is_new {
            self.streams.entry(key).or_default().push(waiting);
            self.count += 1;
        } else if let Some(streams) = self.streams.get_mut(&key)
            && let Some(known) = streams
                .iter_mut()
                .find(|known| known.stream == waiting.stream)
        {
            known.first_received = known.first_received.min(waiting.first_received);
        }
    }

    /// Takes out the streams of a process of this name all of whose events were received since it started.
    pub(super) fn take(&mut self, (pid, pname): (u32, &str), started: Timestamp) -> Vec<Waiting> {
        let key = (pid, pname.to_owned());
        let Some(streams) = self.streams.remove(&key) else {
            return Vec::new();
        };
        let (fitting, others): (Vec<_>, Vec<_>) = streams
            .into_iter()
            .partition(|waiting| waiting.first_received >= started);
        self.count = self.count.saturating_sub(fitting.len());
        if !others.is_empty() {
            self.streams.insert(key, others);
        }
        fitting
    }

    /// Forgets all of them.
    pub(super) fn forget(&mut self) {
        self.streams.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(stream: i64, second: i64) -> Waiting {
        Waiting {
            stream,
            run: RunId::new(1),
            process: 1,
            uid: None,
            connection: None,
            first_received: Timestamp::from_seconds(second),
        }
    }

    #[test]
    fn what_came_before_the_start_waits_on() {
        let mut all = Unidentified::default();
        all.note((7, "curl"), true, waiting(1, 10));
        all.note((7, "curl"), true, waiting(2, 20));
        all.note((7, "wget"), true, waiting(3, 20));
        // An event that was moved into the stream, and was there before the others; and one into an older stream.
        all.note((7, "curl"), false, waiting(2, 12));
        all.note((7, "curl"), false, waiting(4, 30));
        let ids = |waiting: Vec<Waiting>| waiting.iter().map(|one| one.stream).collect::<Vec<_>>();
        let at = Timestamp::from_seconds;
        assert_eq!(ids(all.take((7, "curl"), at(15))), [0_i64; 0]);
        assert_eq!(ids(all.take((7, "curl"), at(11))), [2]);
        assert_eq!(ids(all.take((7, "curl"), at(0))), [1]);
        assert_eq!(ids(all.take((8, "wget"), at(0))), [0_i64; 0]);
        assert_eq!((all.count, all.streams.len()), (1, 1));
    }

    #[test]
    fn they_are_no_more_than_so_many() {
        let mut all = Unidentified::default();
        for stream in 0..=REMEMBERED {
            all.note(
                (7, "curl"),
                true,
                waiting(i64::try_from(stream).unwrap(), 1),
            );
        }
        assert_eq!(all.count, 1);
    }
}
