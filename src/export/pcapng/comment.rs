//! What a packet's comments say. They are read by people, in Wireshark and on terminals: what steers a terminal is
//! written as an escape.

use std::fmt::Write as _;

use crate::event::{Provenance, StoredEvent, is_hazard};

/// Who did it, and which event it is: `pid 42 tid 43 curl exe /usr/bin/curl container 4f3c0a9b1122 fd 5 event 7 (received 2026-11-23T11:00:01.000000000Z)`.
pub(super) fn event(stored: &StoredEvent) -> String {
    let event = &stored.event;
    let process = &event.process;
    let mut words = Vec::new();
    words.extend(process.pid.map(|pid| format!("pid {pid}")));
    words.extend(process.tid.map(|tid| format!("tid {tid}")));
    words.extend(stored.uid().map(|uid| format!("uid {uid}")));
    words.extend(process.pname.as_deref().map(harmless));
    if let Some(who) = stored.identity.as_deref() {
        words.extend(
            who.exe
                .as_deref()
                .map(|exe| format!("exe {}", harmless(exe))),
        );
        let container = who.short_container();
        words.extend(container.map(|container| format!("container {}", harmless(container))));
    }
    words.extend(event.fd.map(|fd| format!("fd {fd}")));
    words.push(format!("event {}", stored.id));
    let estimated = if stored.is_received_estimated {
        ", an estimate"
    } else {
        ""
    };
    format!(
        "{} (received {}{estimated})",
        words.join(" "),
        event.received
    )
}

/// What happened to the bytes before they reached the recorder.
pub(super) fn provenance(provenance: Provenance) -> impl Iterator<Item = String> {
    [
        (Provenance::HEX_UNDONE, "bytes from eCapture's hex dump"),
        (
            Provenance::LISTING,
            "eCapture's listing of HTTP/2 frames, not the frames",
        ),
        (
            Provenance::MAYBE_TRUNCATED,
            "eCapture's buffer was full: more may have followed",
        ),
        (
            Provenance::CUT_AT_NUL,
            "eCapture cuts such text at its first zero byte: more may have followed",
        ),
        (
            Provenance::TEXT_FILE,
            "from a text file of eCapture's: bytes that are no text are lost",
        ),
        (
            Provenance::SHORTENED,
            "ecq-record stored only the first bytes: more followed",
        ),
        (
            Provenance::REDACTED,
            "secrets are replaced, and what could not be looked into is left out",
        ),
    ]
    .into_iter()
    .filter(move |(flag, _)| provenance.contains(*flag))
    .map(|(_, text)| text.to_owned())
}

fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hazard(character) {
            // Writing into a string does not fail.
            write!(shown, "{}", character.escape_unicode()).ok();
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::samples;

    #[test]
    fn says_what_is_known() {
        assert_eq!(
            event(&samples::request()),
            "pid 42 tid 43 curl\\u{1b}[31m fd 5 event 7 (received 2026-11-23T11:00:01.000000000Z)"
        );
        let mut identified = samples::request();
        identified.identity = Some(Arc::new(samples::identity()));
        assert_eq!(
            event(&identified),
            "pid 42 tid 43 uid 1000 curl\\u{1b}[31m exe /usr/bin/curl\\u{1b}[31m (deleted) container 4f3c0a9b1122 fd 5 \
             event 7 (received 2026-11-23T11:00:01.000000000Z)"
        );
        let mut bare = samples::bare();
        bare.is_received_estimated = true;
        assert_eq!(
            event(&bare),
            "event 8 (received 2026-11-23T11:00:01.000000000Z, an estimate)"
        );
        assert_eq!(provenance(Provenance::all()).count(), 7);
    }
}
