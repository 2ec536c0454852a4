//! Who the processes of an intake's events are: its questions, and what it does with the answers.

use super::Intake;
use crate::event::RecordingId;
use crate::record::identities::{Answer, KnownProcesses, Question};

impl Intake {
    /// Finds out who the processes are; they are of this host. The recording is that of this source.
    pub(in crate::record) fn identify(&mut self, recording: RecordingId) {
        self.processes = Some(KnownProcesses::new(recording));
    }

    /// Which processes are to be looked for since the last call.
    pub(in crate::record) fn take_questions(&mut self) -> Vec<Question> {
        (self.processes.as_mut()).map_or_else(Vec::new, KnownProcesses::take_questions)
    }

    /// There was no room for a question.
    pub(in crate::record) fn skipped(&mut self, question: &Question) {
        if let Some(processes) = &mut self.processes {
            processes.skipped(question, &mut self.batch.counters);
        }
    }

    /// Takes in the answer to a question.
    pub(in crate::record) fn answered(&mut self, question: Question, answer: Answer) {
        if let Some(processes) = &mut self.processes {
            let identified = processes.answered(
                question,
                answer,
                &mut self.next.identity,
                &mut self.batch.counters,
            );
            self.batch.identified.extend(identified);
        }
    }

    /// Gives the events of the batch who their processes are, as far as that is known by now.
    pub(in crate::record) fn complete(&mut self) {
        if let Some(processes) = &self.processes {
            for new in &mut self.batch.events {
                new.identity = processes.identity_of(&new.captured.event);
            }
        }
    }
}
