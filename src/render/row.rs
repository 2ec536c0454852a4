//! What a table says about one event.

use crate::event::{Content, Direction, Kind, StoredEvent};

use super::exchange_row::process;
use super::{Style, end, escape, human, time_mark};

/// How many columns a table has.
pub(super) const COLUMNS: usize = 8;

/// The cells of one line, escaped.
#[derive(Debug)]
pub(super) struct Row {
    /// In the order of the table's titles.
    pub(super) cells: [String; COLUMNS],
    /// The time to the second, for where there is less room.
    pub(super) second: String,
    /// The time of day alone, for where there is even less.
    pub(super) clock: String,
    /// The other end alone, for where there is no room for both.
    pub(super) peer: String,
    /// Decides the color.
    pub(super) direction: Option<Direction>,
}

impl Row {
    /// The row of an event of this capture, where there are several, whose payload begins with `start`.
    pub(super) fn of(
        style: &Style,
        capture: Option<usize>,
        stored: &StoredEvent,
        start: &[u8],
    ) -> Self {
        let event = &stored.event;
        let mark = time_mark(event);
        let (ends, peer) = endpoints(stored);
        Self {
            cells: [
                capture.map_or_else(
                    || stored.id.to_string(),
                    |capture| format!("{capture}:{}", stored.id),
                ),
                format!("{}{mark}", style.short_time(event.time)),
                process(&stored.event.process),
                event.direction.map_or("-", Direction::name).to_owned(),
                ends,
                kind(stored).to_owned(),
                human(stored.payload_bytes),
                first_line(stored, start),
            ],
            second: format!("{}{mark}", style.short_second(event.time)),
            clock: format!("{}{mark}", style.clock(event.time)),
            peer,
            direction: event.direction,
        }
    }
}

/// Both ends, and the other end alone. `→` leads from the end that opened the connection; where that is unknown, `↔`
/// stands between the process's own end and the other.
fn endpoints(stored: &StoredEvent) -> (String, String) {
    let known = &stored.endpoints;
    let mark = if known.role_inferred { "~" } else { "" };
    let (left, arrow, right) = if known.client.is_some() || known.server.is_some() {
        (known.client, "→", known.server)
    } else if known.local.is_some() || known.remote.is_some() {
        (known.local, "↔", known.remote)
    } else {
        return ("-".to_owned(), "-".to_owned());
    };
    let both = format!("{} {arrow} {}{mark}", end(left), end(right));
    let peer = match known.remote.or(known.server).or(right) {
        Some(peer) => peer.to_string(),
        None => end(left),
    };
    (both, peer)
}

/// For plaintext what it holds, for anything else what it is: a name that `--type` takes.
fn kind(stored: &StoredEvent) -> &'static str {
    match stored.event.kind {
        Kind::TlsData => stored.event.content.name(),
        other => other.name(),
    }
}

/// The first line of a payload, escaped. What could not be read shows why instead; HTTP/2 shows what it asks or
/// answers, where that is known.
fn first_line(stored: &StoredEvent, start: &[u8]) -> String {
    let event = &stored.event;
    if let Some(reason) = &event.details.reason {
        return escape::line(reason);
    }
    let http2 = matches!(
        event.content,
        Content::Http2Preface | Content::Http2Frames | Content::Http2Listing
    );
    if let Some(http) = event.http.as_ref().filter(|_| http2) {
        let status = http.status.map(|status| status.to_string());
        let parts = [
            http.method.as_ref(),
            http.path.as_ref(),
            status.as_ref(),
            http.host.as_ref(),
        ];
        let parts: Vec<_> = parts
            .into_iter()
            .flatten()
            .map(|part| escape::line(part))
            .collect();
        return parts.join(" ");
    }
    let start = if (start.len() as u64) < stored.payload_bytes {
        // A character that the cut has split is not one that was wrong.
        escape::whole_characters(start)
    } else {
        start
    };
    let line = start
        .split(|byte| *byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    escape::bytes(line.trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use crate::event::HttpHead;
    use crate::event::samples;

    use super::*;

    #[test]
    fn first_lines() {
        let cases: [(&[u8], &str); 5] = [
            (b"GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1"),
            (b"\r\n\r\nlate", "late"),
            (b"", ""),
            (b"\x16\x03\x01", r"\x16\x03\x01"),
            (b"cut \xe6\xbc", "cut"),
        ];
        let mut event = samples::request();
        event.payload_bytes = 5000;
        for (start, expected) in cases {
            assert_eq!(first_line(&event, start), expected);
        }
        event.event.content = Content::Http2Frames;
        event.event.http = Some(HttpHead {
            method: Some("GET".to_owned()),
            path: Some("/\u{1b}".to_owned()),
            ..HttpHead::default()
        });
        assert_eq!(first_line(&event, b"\0\0"), r"GET /\x1b");
    }

    #[test]
    fn ends_that_are_known() {
        let mut event = samples::request();
        assert_eq!(endpoints(&event).1, "93.184.216.34:443");
        event.endpoints.server = None;
        event.endpoints.remote = None;
        assert_eq!(endpoints(&event).0, "10.0.0.1:50000 → ?");
        event.endpoints.client = None;
        event.endpoints.role_inferred = true;
        assert_eq!(endpoints(&event).0, "10.0.0.1:50000 ↔ ?~");
    }
}
