//! The recorder's memory of what came last in each stream: the text before the next event of it.
//!
//! A stream is one direction of one connection. What is remembered goes into the search filter together with the event
//! that follows ([`super::grams`]). Where it is not known, or turns out to be wrong because events moved to another
//! stream afterwards, the event is a *junction*: a search looks at it whatever the filter says.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::grams::CROSSING_BYTES;
use crate::filter::push_end;

/// How many streams are remembered, each some 150 bytes.
const STREAMS: usize = 32 * 1024;

/// How many of the newest events are remembered with their place, each 40 bytes: those that can still move.
const EVENTS: usize = 64 * 1024;

/// In place of the code of a direction: there is none.
pub(super) const NO_DIRECTION: u8 = 2;

/// A row of `streams` and the code of a direction, or [`NO_DIRECTION`].
pub(super) type Stream = (i64, u8);

/// The last bytes of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct End {
    bytes: Vec<u8>,
    /// Whether they are the last [`CROSSING_BYTES`] or the whole stream. If not, more came before.
    is_known: bool,
}

impl End {
    /// The bytes that are known.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether they are all that a search looks at.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    fn push(&mut self, payload: &[u8]) {
        push_end(&mut self.bytes, payload, CROSSING_BYTES);
        self.is_known |= self.bytes.len() == CROSSING_BYTES;
    }
}

#[derive(Debug, Clone, Default)]
struct Last {
    end: End,
    /// The last event of the stream, [`NONE`] or [`UNKNOWN`].
    event: i64,
}

/// In place of an event: there is none.
const NONE: i64 = 0;

/// In place of an event: there may be one, but it was forgotten.
const UNKNOWN: i64 = -1;

/// An event's place in its stream.
#[derive(Debug, Clone, Copy)]
struct Place {
    stream: Option<Stream>,
    /// The event before it in the stream, [`NONE`] or [`UNKNOWN`]: now, and when its filter was made.
    before: i64,
    before_then: i64,
    /// The next event when `before` first and last changed; 0 if it never did.
    first_change: i64,
    last_change: i64,
    payload_bytes: usize,
}

impl Place {
    /// The event before this one in its stream when the filter of `event` was made, if that is known.
    fn before_at(&self, event: i64) -> Option<i64> {
        if self.last_change <= event {
            Some(self.before)
        } else if self.first_change > event {
            Some(self.before_then)
        } else {
            None
        }
    }
}

/// What came last in each stream.
pub(super) struct StreamEnds {
    lasts: HashMap<Stream, Last, RandomState>,
    /// Rows of `streams` from this one on were new when streams were last forgotten: all of theirs are remembered.
    fresh_from: i64,
    newest_stream: i64,
    /// The newest events, with consecutive ids from `first`.
    places: VecDeque<Place>,
    first: i64,
    most_streams: usize,
    most_events: usize,
}

impl StreamEnds {
    /// `next_stream` is the id that the next row of `streams` gets, `next_event` that of the next event.
    pub(super) fn new(next_stream: i64, next_event: i64) -> Self {
        Self {
            lasts: HashMap::default(),
            fresh_from: next_stream,
            newest_stream: next_stream - 1,
            places: VecDeque::new(),
            first: next_event,
            most_streams: STREAMS,
            most_events: EVENTS,
        }
    }

    /// Takes in the next event; `stream` only if it has a connection. Gives the text before it.
    pub(super) fn add(&mut self, id: i64, stream: Option<Stream>, payload: &[u8]) -> End {
        let mut place = Place {
            stream,
            before: NONE,
            before_then: NONE,
            first_change: 0,
            last_change: 0,
            payload_bytes: payload.len(),
        };
        let mut before = End {
            bytes: Vec::new(),
            is_known: true,
        };
        if let Some(stream) = stream {
            let last = self.last(stream);
            before = last.end.clone();
            place.before = last.event;
            place.before_then = last.event;
            last.end.push(payload);
            last.event = id;
        }
        if self.first + i64::try_from(self.places.len()).unwrap_or(0) != id {
            self.places.clear();
            self.first = id;
        }
        if self.places.len() >= self.most_events {
            self.places.pop_front();
            self.first += 1;
        }
        self.places.push_back(place);
        before
    }

    fn last(&mut self, stream: Stream) -> &mut Last {
        if !self.lasts.contains_key(&stream) && self.lasts.len() >= self.most_streams {
            self.lasts.clear();
            self.fresh_from = self.newest_stream.max(stream.0 - 1) + 1;
        }
        self.newest_stream = self.newest_stream.max(stream.0);
        let is_fresh = stream.0 >= self.fresh_from;
        self.lasts.entry(stream).or_insert_with(|| Last {
            end: End {
                bytes: Vec::new(),
                is_known: is_fresh,
            },
            event: if is_fresh { NONE } else { UNKNOWN },
        })
    }

    fn place(&mut self, id: i64) -> Option<&mut Place> {
        let at = usize::try_from(id.checked_sub(self.first)?).ok()?;
        self.places.get_mut(at)
    }

    /// Moves events to other rows of `streams`, in the order given. Gives the events that became junctions; `None` if
    /// that is not known, as one of the moved events is forgotten: then every event of the streams from there on may be.
    pub(super) fn move_events(&mut self, moves: &[(i64, i64)]) -> Option<BTreeSet<i64>> {
        // The earliest event of each stream that changes, and the last bytes of streams as they were.
        let mut changed: BTreeMap<Stream, i64> = BTreeMap::new();
        let mut ends: BTreeMap<Stream, Last> = BTreeMap::new();
        for (id, row) in moves {
            let place = *self.place(*id)?;
            let from = place.stream?;
            let to = (*row, from.1);
            if from == to {
                continue;
            }
            for stream in [from, to] {
                let earliest = changed.entry(stream).or_insert(*id);
                *earliest = (*earliest).min(*id);
            }
            ends.entry(from).or_insert_with(|| self.last(from).clone());
            let end = ends.get(&from).filter(|last| last.event == *id);
            let end = end.map_or_else(End::default, |last| last.end.clone());
            self.unlink(*id, from)?;
            self.link(*id, to, end)?;
        }
        let mut junctions = BTreeSet::new();
        for (stream, earliest) in changed {
            self.judge(stream, earliest, &mut junctions)?;
        }
        Some(junctions)
    }

    /// Forgets a row of `streams`: what comes next in it is a junction.
    pub(super) fn forget(&mut self, row: i64) {
        self.newest_stream = self.newest_stream.max(row);
        for direction in 0..=NO_DIRECTION {
            self.lasts.insert(
                (row, direction),
                Last {
                    end: End::default(),
                    event: UNKNOWN,
                },
            );
        }
    }

    /// Takes an event out of its stream, of which the end is not known then.
    fn unlink(&mut self, id: i64, stream: Stream) -> Option<()> {
        let before = self.place(id)?.before;
        match self.after(id, stream)? {
            NONE => self.last(stream).event = before,
            next => self.relink(next, before)?,
        }
        self.last(stream).end = End::default();
        Some(())
    }

    /// Puts an event into a stream. `end` is the end of the stream that it was the last event of, if it was.
    fn link(&mut self, id: i64, stream: Stream, end: End) -> Option<()> {
        let last = self.last(stream).event;
        let before = if last < id {
            self.last(stream).event = id;
            last
        } else {
            let next = self.first_after(id, stream)?;
            let before = self.place(next)?.before;
            self.relink(next, id)?;
            before
        };
        self.place(id)?.stream = Some(stream);
        self.relink(id, before)?;
        self.last(stream).end = if last < id {
            self.end_after(id, end)?
        } else {
            End::default()
        };
        Some(())
    }

    /// Notes that another event is now before this one.
    fn relink(&mut self, id: i64, before: i64) -> Option<()> {
        let next = self.first + i64::try_from(self.places.len()).unwrap_or(0);
        let place = self.place(id)?;
        place.before = before;
        place.last_change = next;
        if place.first_change == 0 {
            place.first_change = next;
        }
        Some(())
    }

    /// The end of a stream whose last event is now `id`, from the end of the stream that it came from: as far back as both
    /// have the same events.
    fn end_after(&mut self, id: i64, mut end: End) -> Option<End> {
        let mut same_bytes = 0;
        let mut event = id;
        let is_known = loop {
            let place = *self.place(event)?;
            same_bytes += place.payload_bytes;
            if same_bytes >= CROSSING_BYTES || place.before == NONE {
                break true;
            }
            if place.before_at(id) != Some(place.before) || place.before == UNKNOWN {
                break false;
            }
            event = place.before;
        };
        let kept = same_bytes.min(CROSSING_BYTES);
        if !is_known || end.bytes.len() < kept {
            return Some(End::default());
        }
        end.bytes.drain(..end.bytes.len() - kept);
        end.is_known = true;
        Some(end)
    }

    /// The event of the stream whose predecessor is `id`; [`NONE`] if `id` is the last.
    fn after(&mut self, id: i64, stream: Stream) -> Option<i64> {
        let mut event = self.last(stream).event;
        if event == id {
            return Some(NONE);
        }
        loop {
            let before = self.place(event)?.before;
            if before == id {
                return Some(event);
            }
            event = before;
        }
    }

    /// The first event of the stream behind `id`, which is not in it; there is one.
    fn first_after(&mut self, id: i64, stream: Stream) -> Option<i64> {
        let mut event = self.last(stream).event;
        loop {
            let before = self.place(event)?.before;
            if before < id {
                return Some(event);
            }
            event = before;
        }
    }

    /// Judges the events of a stream from `earliest` on.
    fn judge(
        &mut self,
        stream: Stream,
        earliest: i64,
        junctions: &mut BTreeSet<i64>,
    ) -> Option<()> {
        let mut event = self.last(stream).event;
        while event >= earliest {
            if !self.is_covered(event) {
                junctions.insert(event);
            }
            event = self.place(event)?.before;
        }
        (event != UNKNOWN).then_some(())
    }

    /// Whether the text that is before an event now was in what its filter was made with: the events before it are the same
    /// as then, as far back as the filter reaches. Where there are no more now, what was taken in too much does no harm.
    fn is_covered(&mut self, event: i64) -> bool {
        let mut reached = 0;
        let mut at = event;
        while reached < CROSSING_BYTES {
            let Some(place) = self.place(at).copied() else {
                return false;
            };
            if place.before == NONE {
                return true;
            }
            if place.before == UNKNOWN || place.before_at(event) != Some(place.before) {
                return false;
            }
            at = place.before;
            reached += self.place(at).map_or(0, |place| place.payload_bytes);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Add(i64, Vec<u8>),
        Move(usize, i64, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let payload = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..12),
            proptest::collection::vec(any::<u8>(), 60..70),
        ];
        prop_oneof![
            6 => (1_i64..6, payload).prop_map(|(stream, payload)| Step::Add(stream, payload)),
            1 => (0_usize..8, 1_i64..8, 1_usize..4).prop_map(|(back, to, count)| Step::Move(back, to, count)),
        ]
    }

    /// An event: its stream, what its filter was made with, and its payload.
    struct Event {
        stream: i64,
        before: Vec<u8>,
        payload: Vec<u8>,
        is_junction: bool,
    }

    fn text_before(events: &[Event], at: usize) -> Vec<u8> {
        let text: Vec<u8> = events[..at]
            .iter()
            .filter(|event| event.stream == events[at].stream)
            .flat_map(|event| event.payload.iter().copied())
            .collect();
        text[text.len().saturating_sub(CROSSING_BYTES)..].to_vec()
    }

    fn check(steps: Vec<Step>, most_streams: usize, most_events: usize) -> usize {
        let mut ends = StreamEnds::new(1, 1);
        ends.most_streams = most_streams;
        ends.most_events = most_events;
        let mut events: Vec<Event> = Vec::new();
        for step in steps {
            match step {
                Step::Add(stream, payload) => {
                    let id = i64::try_from(events.len()).unwrap() + 1;
                    let before = ends.add(id, Some((stream, 0)), &payload);
                    events.push(Event {
                        stream,
                        before: before.bytes().to_vec(),
                        payload,
                        is_junction: !before.is_known(),
                    });
                }
                Step::Move(back, to, count) => {
                    let Some(first) = events.len().checked_sub(back + 1) else {
                        continue;
                    };
                    let from = events[first].stream;
                    let moved: Vec<_> = (first..events.len())
                        .filter(|at| events[*at].stream == from)
                        .take(count)
                        .collect();
                    let moves: Vec<_> = moved
                        .iter()
                        .map(|at| (i64::try_from(*at).unwrap() + 1, to))
                        .collect();
                    let junctions = ends.move_events(&moves);
                    if junctions.is_none() {
                        ends.forget(from);
                        ends.forget(to);
                    }
                    for at in moved {
                        events[at].stream = to;
                    }
                    for (at, event) in events.iter_mut().enumerate() {
                        let id = i64::try_from(at).unwrap() + 1;
                        event.is_junction |= match &junctions {
                            Some(junctions) => junctions.contains(&id),
                            None => at >= first && (event.stream == to || event.stream == from),
                        };
                    }
                }
            }
            for at in 0..events.len() {
                let is_covered = events[at].before.ends_with(&text_before(&events, at));
                assert!(is_covered || events[at].is_junction, "event {}", at + 1);
            }
        }
        events.iter().filter(|event| event.is_junction).count()
    }

    proptest! {
        #[test]
        fn what_is_not_covered_is_a_junction(steps in proptest::collection::vec(step(), 0..60)) {
            check(steps, 1000, 1000);
        }

        #[test]
        fn so_it_is_when_much_is_forgotten(
            steps in proptest::collection::vec(step(), 0..60),
            most_streams in 1_usize..4,
            most_events in 1_usize..8,
        ) {
            check(steps, most_streams, most_events);
        }
    }

    #[test]
    fn usual_traffic_has_no_junctions() {
        let add = |stream, text: &str| Step::Add(stream, text.as_bytes().to_vec());
        assert_eq!(
            check(
                vec![add(1, "a"), add(1, "b"), add(2, "c"), add(1, "d")],
                100,
                100
            ),
            0
        );
        // The first events of a new connection are moved to it when it is known.
        let long = "x".repeat(100);
        let steps = vec![
            add(1, &long),
            add(1, "GET /"),
            add(1, " HTTP"),
            Step::Move(1, 2, 2),
            add(2, "/1.1"),
            add(2, &long),
        ];
        assert_eq!(check(steps, 100, 100), 0);
    }
}
