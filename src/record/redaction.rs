//! `--redact`: secrets are taken out before anything is stored.

use crate::event::{Captured, ConnectionId};
use crate::redact::{EventRedactor, Redactor};
use crate::store::Counters;
use crate::wire::{Heartbeat, RunLog};

/// Takes secrets out of everything that an eCapture sends.
#[derive(Debug)]
pub(super) struct Redaction {
    redactor: Redactor,
    events: EventRedactor,
}

impl Redaction {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self {
            events: EventRedactor::new(redactor.clone()),
            redactor,
        }
    }

    /// Something is missing: nothing is known of what came before.
    pub(super) fn forget(&mut self) {
        self.events.forget();
    }

    /// Takes the secrets out of an event, and counts; every event must be shown, in order, whether it is stored or not.
    pub(super) fn event(
        &mut self,
        captured: &mut Captured,
        connection: Option<ConnectionId>,
    ) -> Counters {
        let replaced = self.events.redact_captured(0, connection, captured);
        Counters {
            redacted_secrets: replaced.secrets,
            opaque_events: u64::from(replaced.opaque_bytes > 0),
            opaque_bytes: replaced.opaque_bytes,
            ..Counters::default()
        }
    }

    /// Takes the secrets out of a line of eCapture's own log. The version and the like are read before.
    pub(super) fn log(&self, log: &mut RunLog) {
        log.text = self.redactor.line(&log.text);
        log.raw = None;
    }

    /// The same of a heartbeat.
    pub(super) fn heartbeat(&self, heartbeat: &mut Heartbeat) {
        heartbeat.message = self.redactor.line(&heartbeat.message);
        heartbeat.raw = None;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::{Envelope, Provenance, samples};

    #[test]
    fn nothing_of_the_frame_is_kept() {
        let mut redaction = Redaction::new(Redactor::new(&[1; 32], Vec::new()));
        let frame = Bytes::from_static(b"s3cr3t GET / HTTP/1.1\r\n\r\n");
        for (envelope, provenance) in [
            (Envelope::Rendered, Provenance::empty()),
            (Envelope::Whole(frame.clone()), Provenance::REDACTED),
        ] {
            let mut captured = Captured {
                event: samples::request().event,
                payload: frame.slice(7..),
                envelope,
            };
            let counted = redaction.event(&mut captured, None);
            assert_eq!(counted, Counters::default());
            assert_eq!(captured.envelope, Envelope::Rendered);
            assert_eq!(captured.event.provenance, provenance);
            assert_eq!(captured.payload, frame.slice(7..));
        }
    }
}
