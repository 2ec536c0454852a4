//! The connections that speak raw HTTP/2, as many as there is room for.

use std::collections::HashMap;

use super::Tools;
use super::http2::{Http2, Output};
use super::{framing, middle};
use crate::event::{ConnectionId, Content, Direction, Event, Kind, Provenance};

/// How many are known. Beyond that, and beyond [`ROOM_BYTES`], the half that is silent longest is forgotten.
const CONNECTIONS: usize = 4096;
/// About how many bytes all of them may hold.
const ROOM_BYTES: usize = 64 << 20;

/// A connection of a capture.
pub(super) type Name = (usize, ConnectionId);

#[derive(Debug)]
struct Known {
    http2: Http2,
    weight: usize,
    /// The number of the last event that it had.
    used: u64,
    /// After how many gaps that was.
    gaps: u64,
}

/// All of them. Who of a process reads or writes does not matter, unlike for other streams.
#[derive(Debug)]
pub(super) struct Connections {
    known: HashMap<Name, Known>,
    weight: usize,
    room_bytes: usize,
    count: u64,
    gaps: u64,
}

/// Whether something of an event is missing at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Nothing,
    Perhaps,
    Sure,
}

impl Loss {
    /// What is missing at the end of an event.
    pub(super) fn of(event: &Event) -> Self {
        let is_cut = Provenance::CUT_AT_NUL
            | Provenance::TEXT_FILE
            | Provenance::SHORTENED
            | Provenance::LOST;
        // A read gives no more than a record has, and that is what is captured; of a larger write the rest is missing.
        let is_write = event.direction != Some(Direction::Inbound);
        if event.provenance.intersects(is_cut) {
            Self::Sure
        } else if is_write && event.provenance.contains(Provenance::MAYBE_TRUNCATED) {
            Self::Perhaps
        } else {
            Self::Nothing
        }
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            weight: 0,
            room_bytes: ROOM_BYTES,
            count: 0,
            gaps: 0,
        }
    }
}

impl Connections {
    /// Something is missing: what is known of the connections is not so any more.
    pub(super) fn forget(&mut self) {
        self.gaps += 1;
    }

    /// The same of one of them.
    pub(super) fn forget_one(&mut self, name: Name) {
        if let Some(known) = self.known.get_mut(&name) {
            known.http2.forget();
        }
    }

    /// What an event becomes, if it is one of raw HTTP/2.
    pub(super) fn push(
        &mut self,
        tools: &Tools<'_>,
        name: Name,
        event: &Event,
        payload: &[u8],
    ) -> Option<Output> {
        let direction = event.direction?;
        if event.kind != Kind::TlsData
            || event.content == Content::Http2Listing
            || event.provenance.contains(Provenance::LISTING)
        {
            return None;
        }
        let begun = || Http2::begun(direction, event.content, payload);
        if !self.known.contains_key(&name) {
            let http2 = begun()?;
            self.make_room();
            let known = Known {
                http2,
                weight: 0,
                used: 0,
                gaps: self.gaps,
            };
            self.known.insert(name, known);
        }
        let known = self.known.get_mut(&name)?;
        if std::mem::replace(&mut known.gaps, self.gaps) != self.gaps {
            known.http2.forget();
        }
        if known.http2.may_be_over(direction) {
            if event.content == Content::Http2Preface {
                known.http2 = begun()?;
            } else if framing::begins(payload) {
                self.weight = self.weight.saturating_sub(known.weight);
                self.known.remove(&name);
                return None;
            }
        }
        let mut out = known.http2.push(tools, direction, payload);
        let lost = match Loss::of(event) {
            Loss::Nothing => 0,
            Loss::Perhaps => known.http2.doubt(direction),
            Loss::Sure => known.http2.lose(direction),
        };
        out.left_out_bytes += lost as u64;
        self.count += 1;
        known.used = self.count;
        let weight = known.http2.weight(!tools.patterns.is_empty());
        let before = std::mem::replace(&mut known.weight, weight);
        self.weight = (self.weight + weight).saturating_sub(before);
        Some(out)
    }

    fn make_room(&mut self) {
        while self.known.len() >= CONNECTIONS || self.weight > self.room_bytes {
            let Some(middle) = middle(self.known.values().map(|known| known.used)) else {
                return;
            };
            self.known.retain(|_, known| known.used > middle);
            self.weight = self.known.values().map(|known| known.weight).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;
    use crate::redact::events::own::Patterns;

    #[test]
    fn the_idle_are_forgotten() {
        let redactor = Redactor::new(&[1; 32], Vec::new());
        let patterns = Patterns::new(&[]);
        let tools = Tools::new(&redactor, &patterns);
        let mut event = crate::event::samples::request().event;
        event.direction = Some(Direction::Outbound);
        event.content = Content::Http2Preface;
        let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let settings = &begin[24..];
        let mut connections = Connections {
            room_bytes: 8 * size_of::<Http2>(),
            ..Connections::default()
        };
        let mut push = |id, content, payload: &[u8]| {
            event.content = content;
            let out = connections.push(&tools, (0, ConnectionId::new(id)), &event, payload);
            (out.map(|out| out.payload), connections.known.len())
        };
        for id in 0..100 {
            let (shown, count) = push(id, Content::Http2Preface, begin);
            assert_eq!(shown.as_deref(), Some(&begin[..]));
            assert!(count <= 9, "{count}");
            let (shown, _) = push(id, Content::Http2Frames, settings);
            assert_eq!(shown.as_deref(), Some(settings));
        }
        // It is not known any more, and these are no settings of a server.
        let (shown, _) = push(0, Content::Http2Frames, b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01");
        assert_eq!(shown, None);
    }
}
