//! The sources of a recording, each with an intake of its own, and ids that they share.

use super::identities::{Answer, Question};
use super::intake::{Intake, Taken};
use super::notice::Notice;
use super::queue::Item;
use super::summary::SourceSummary;
use crate::event::{ConnectionId, EventId, RecordingId, Timestamp};
use crate::store::{Batch, Counters};

/// One intake a source. Ids are given in order of arrival over all of them: whose turn it is goes on where the one before
/// it stopped.
pub(super) struct Intakes {
    each: Vec<(String, Intake)>,
    /// The one that knows which ids come next.
    last: usize,
}

impl Intakes {
    /// With the names of the sources. Of their ids, those of the last one go on.
    pub(super) fn new(each: Vec<(String, Intake)>) -> Self {
        let last = each.len().saturating_sub(1);
        Self { each, last }
    }

    /// Takes in what came from a source.
    pub(super) fn take(&mut self, source: usize, item: &Item) -> Taken {
        self.turn(source);
        match self.each.get_mut(source) {
            Some((_, intake)) => intake.take(item),
            None => Taken::In,
        }
    }

    /// Makes it this source's turn.
    fn turn(&mut self, source: usize) {
        if source == self.last {
            return;
        }
        let next = self.each.get(self.last).map(|(_, last)| last.next_ids());
        if let (Some(next), Some((_, intake))) = (next, self.each.get_mut(source)) {
            intake.set_next_ids(next);
            self.last = source;
        }
    }

    /// Which processes are to be looked for since the last call, with the number of the source.
    pub(super) fn take_questions(&mut self) -> Vec<(usize, Question)> {
        let mut questions = Vec::new();
        for (source, (_, intake)) in self.each.iter_mut().enumerate() {
            let of_source = intake.take_questions().into_iter();
            questions.extend(of_source.map(|question| (source, question)));
        }
        questions
    }

    /// There was no room for a question of a source.
    pub(super) fn skipped(&mut self, source: usize, question: &Question) {
        if let Some((_, intake)) = self.each.get_mut(source) {
            intake.skipped(question);
        }
    }

    /// Takes in the answer to a question of a source.
    pub(super) fn answered(&mut self, source: usize, question: Question, answer: Answer) {
        self.turn(source);
        if let Some((_, intake)) = self.each.get_mut(source) {
            intake.answered(question, answer);
        }
    }

    /// Gives the events of the batches who their processes are, as far as that is known by now.
    pub(super) fn complete(&mut self) {
        for (_, intake) in &mut self.each {
            intake.complete();
        }
    }

    /// Whether processes became known that are not in the file.
    pub(super) fn has_identified(&self) -> bool {
        (self.each.iter()).any(|(_, intake)| !intake.batch().identified.is_empty())
    }

    /// The batches so far, one a source.
    pub(super) fn batches(&self) -> Vec<&Batch> {
        self.each.iter().map(|(_, intake)| intake.batch()).collect()
    }

    /// How many events they have.
    pub(super) fn batch_events(&self) -> usize {
        let events = |(_, intake): &(_, Intake)| intake.batch().events.len();
        self.each.iter().map(events).sum()
    }

    /// How many bytes of frames they hold.
    pub(super) fn batch_bytes(&self) -> usize {
        self.each
            .iter()
            .map(|(_, intake)| intake.batch_bytes())
            .sum()
    }

    /// Begins the next batches: these are in the file.
    pub(super) fn committed(&mut self) {
        for (_, intake) in &mut self.each {
            intake.committed();
        }
    }

    /// The connections that events may still be given to.
    pub(super) fn live_connections(&self) -> impl Iterator<Item = ConnectionId> {
        let of = |(_, intake): &'_ (String, Intake)| intake.live_connections().collect::<Vec<_>>();
        self.each.iter().flat_map(of)
    }

    /// The counters of each source.
    pub(super) fn counters(&self) -> Vec<Counters> {
        self.each
            .iter()
            .map(|(_, intake)| intake.counters())
            .collect()
    }

    /// The counters of each source in the file that is being written.
    pub(super) fn file_counters(&self) -> Vec<Counters> {
        self.each
            .iter()
            .map(|(_, intake)| intake.file_counters())
            .collect()
    }

    /// How many events are in the file that is being written, or in the batches for it.
    pub(super) fn file_events(&self) -> u64 {
        let events = |(_, intake): &(_, Intake)| intake.file_counters().stored_events;
        self.each.iter().map(events).sum()
    }

    /// The last event that was given an id; 0 if none was.
    pub(super) fn last_event(&self) -> EventId {
        let last = self.each.get(self.last);
        EventId::new(last.map_or(0, |(_, last)| last.next_ids().event - 1))
    }

    /// The recording goes on in another file: in this one, what is open is closed.
    pub(super) fn end_file(&mut self, at: Timestamp) {
        for (_, intake) in &mut self.each {
            intake.end_file(at);
        }
    }

    /// The next batches are for another file.
    pub(super) fn begin_file(
        &mut self,
        at: Timestamp,
        recordings: impl Iterator<Item = RecordingId>,
    ) {
        for ((_, intake), recording) in self.each.iter_mut().zip(recordings) {
            intake.begin_file(at, recording);
        }
    }

    /// What each source was.
    pub(super) fn summaries(&self) -> Vec<SourceSummary> {
        let summary = |(name, intake): &(String, Intake)| SourceSummary {
            name: name.clone(),
            counters: intake.counters(),
            links: intake.links(),
            gaps: intake.gaps(),
        };
        self.each.iter().map(summary).collect()
    }

    /// What is worth telling the user since the last call; with several sources it says of which.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        let has_several = self.each.len() > 1;
        let mut told = Vec::new();
        for (name, intake) in &mut self.each {
            for notice in intake.take_notices() {
                told.push(if has_several {
                    Notice::Of {
                        source: name.clone(),
                        notice: Box::new(notice),
                    }
                } else {
                    notice
                });
            }
        }
        told
    }

    /// The recording ends: what is open is closed.
    pub(super) fn end(&mut self, at: Timestamp) {
        for source in 0..self.each.len() {
            self.turn(source);
            if let Some((_, intake)) = self.each.get_mut(source) {
                intake.end(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Frame, Opcode};
    use crate::record::intake::IntakeOptions;
    use crate::record::queue::LinkEnd;
    use crate::store::NextIds;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    fn of(sources: usize) -> Intakes {
        let mut next = NextIds {
            recording: RecordingId::new(1),
            event: 1,
            connection: 1,
            run: 1,
            link: 1,
            gap: 1,
            identity: 1,
        };
        let mut each = Vec::new();
        for number in 0..sources {
            let intake = Intake::new(IntakeOptions::default(), next, None, at(0));
            next = intake.next_ids();
            each.push((format!("source {number}"), intake));
        }
        Intakes::new(each)
    }

    fn item(kind: u8, second: i64) -> Item {
        match kind {
            0 => Item::LinkBegan {
                number: 1,
                at: at(second),
            },
            1 => Item::LinkEnded {
                at: at(second),
                end: LinkEnd::Closed,
            },
            // No message of eCapture's, which is an event.
            _ => Item::Frame(Frame {
                link: 1,
                received: at(second),
                opcode: Opcode::Binary,
                message: Bytes::from_static(b"\xff\xff"),
            }),
        }
    }

    proptest! {
        /// Whatever comes from whom, in whatever order: no id is given twice, and events have theirs in order of arrival.
        #[test]
        fn sources_share_their_ids(items in prop::collection::vec((0_usize..3, 0_u8..6), 0..60)) {
            let mut intakes = of(3);
            let mut arrived = Vec::new();
            for (second, (source, kind)) in (1..).zip(&items) {
                let before = intakes.batch_events();
                intakes.take(*source, &item(*kind, second * 10));
                if intakes.batch_events() > before {
                    let batch = intakes.batches()[*source];
                    arrived.push(batch.events.last().unwrap().id.number());
                }
            }
            intakes.end(at(10_000));
            let expected: Vec<_> = (1..).take(arrived.len()).collect();
            prop_assert_eq!(arrived, expected);
            let mut seen = [const { BTreeSet::new() }; 3];
            for batch in intakes.batches() {
                let ids = [
                    batch.runs.iter().map(|run| run.id.number()).collect::<BTreeSet<_>>(),
                    batch.links.iter().map(|link| link.id.number()).collect(),
                    batch.gaps.iter().map(|gap| gap.id).collect(),
                ];
                for (seen, mut ids) in seen.iter_mut().zip(ids) {
                    prop_assert!(seen.is_disjoint(&ids));
                    seen.append(&mut ids);
                }
            }
        }
    }
}
