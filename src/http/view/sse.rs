//! Server-sent events (WHATWG HTML, section 9.2).
//!
//! Each block of lines up to a blank one is given, also those that a browser would say nothing of because they have no
//! data: they were sent. Comments are left out.

/// How many bytes of a line are kept.
const LINE_BYTES: usize = 1 << 20;
/// How many bytes of data an event keeps.
const DATA_BYTES: usize = 4 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// What is called the type; a browser takes `message` if there is none.
    pub event: Option<Vec<u8>>,
    /// The lines of data, joined by line feeds.
    pub data: Option<Vec<u8>>,
    /// The number from which the client is to go on after a break.
    pub id: Option<Vec<u8>>,
    /// How long the client is to wait before it asks again, in milliseconds.
    pub retry: Option<u64>,
    /// Whether something of it is missing: it is larger than what is kept, or the stream ends within it.
    pub is_cut: bool,
}

impl Event {
    /// Adds a line of data, as far as the limit.
    fn add_data(&mut self, line: &[u8]) {
        let has_data = self.data.is_some();
        let data = self.data.get_or_insert_default();
        if has_data {
            data.push(b'\n');
        }
        data.extend_from_slice(line);
        self.is_cut |= data.len() > DATA_BYTES;
        data.truncate(DATA_BYTES);
    }
}

/// Takes a stream of events apart.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    is_line_cut: bool,
    /// What was read of the event, if that was anything.
    event: Option<Event>,
    /// The last byte was a carriage return: a line feed after it ends no line of its own.
    is_after_return: bool,
    has_begun: bool,
}

impl Events {
    /// Before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, and gives each event that ends in them.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Event)) {
        if std::mem::take(&mut self.is_after_return) {
            match bytes {
                [] => self.is_after_return = true,
                [b'\n', rest @ ..] => bytes = rest,
                _ => {}
            }
        }
        while let Some(end) = memchr::memchr2(b'\r', b'\n', bytes) {
            let (line, rest) = bytes.split_at_checked(end).unwrap_or_default();
            self.keep(line);
            self.end_line(sink);
            bytes = match rest {
                [b'\r'] => {
                    self.is_after_return = true;
                    &[]
                }
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.keep(bytes);
    }

    /// Gives what the stream ends within; a browser would throw it away.
    pub fn end(&mut self, sink: &mut dyn FnMut(Event)) {
        if !self.line.is_empty() {
            self.is_line_cut = true;
            self.end_line(sink);
        }
        if let Some(mut event) = self.event.take() {
            event.is_cut = true;
            sink(event);
        }
        *self = Self::default();
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.line.len());
        self.is_line_cut |= bytes.len() > room;
        self.line
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn end_line(&mut self, sink: &mut dyn FnMut(Event)) {
        let line = std::mem::take(&mut self.line);
        let is_cut = std::mem::take(&mut self.is_line_cut);
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        let mark = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| !has_begun);
        let line = mark.unwrap_or(&line);
        if line.is_empty() {
            if let Some(event) = self.event.take() {
                sink(event);
            }
            return;
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let is_field = match name {
            b"data" | b"event" => true,
            // Section 9.2.6: a number with a null character is none.
            b"id" => !value.contains(&0),
            b"retry" => !value.is_empty() && value.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        if !is_field {
            return;
        }
        let event = self.event.get_or_insert_default();
        event.is_cut |= is_cut;
        match name {
            b"event" => event.event = Some(value.to_vec()),
            b"id" => event.id = Some(value.to_vec()),
            b"retry" => {
                let number = std::str::from_utf8(value).ok();
                event.retry = number.and_then(|number| number.parse().ok());
            }
            _ => event.add_data(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Event> {
        let mut found = Vec::new();
        let mut events = Events::new();
        for piece in pieces {
            events.push(piece, &mut |event| found.push(event));
        }
        events.end(&mut |event| found.push(event));
        found
    }

    fn shown(stream: &str) -> Vec<String> {
        let text = |value: &Option<Vec<u8>>| {
            value.as_ref().map_or("-".to_owned(), |value| {
                String::from_utf8_lossy(value).into_owned()
            })
        };
        read(&[stream.as_bytes()])
            .iter()
            .map(|event| {
                let retry = event
                    .retry
                    .map_or("-".to_owned(), |retry| retry.to_string());
                let cut = if event.is_cut { " cut" } else { "" };
                format!(
                    "{}|{}|{}|{retry}{cut}",
                    text(&event.event),
                    text(&event.data),
                    text(&event.id)
                )
            })
            .collect()
    }

    #[test]
    fn reads_events() {
        // The first four are the examples of section 9.2.6.
        for (stream, expected) in [
            (
                "data: YHOO\ndata: +2\ndata: 10\n\n",
                vec!["-|YHOO\n+2\n10|-|-"],
            ),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
                vec![
                    "-|first event|1|-",
                    "-|second event||-",
                    "-| third event|-|- cut",
                ],
            ),
            (
                "data\n\ndata\ndata\n\ndata:",
                vec!["-||-|-", "-|\n|-|-", "-||-|- cut"],
            ),
            (
                "data:test\n\ndata: test\n\n",
                vec!["-|test|-|-", "-|test|-|-"],
            ),
            (
                "\u{feff}event: add\r\ndata: 1\r\rdata: 2\n\r\n",
                vec!["add|1|-|-", "-|2|-|-"],
            ),
            ("retry: 3000\n\nretry: 3s\n\n", vec!["-|-|-|3000"]),
            ("id: a\0b\n\nother: x\n\n\n\n", vec![]),
            ("retry: 99999999999999999999999\n\n", vec!["-|-|-|-"]),
        ] {
            assert_eq!(shown(stream), expected, "{stream:?}");
        }
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let line = format!("data:{}\n", "x".repeat(2 * LINE_BYTES));
        let events = read(&[line.repeat(6).as_bytes(), b"\n"]);
        assert_eq!(events.len(), 1);
        assert!(events[0].is_cut);
        assert_eq!(events[0].data.as_ref().unwrap().len(), DATA_BYTES);
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(
            stream in "((data|event|id|retry|x|\u{feff})?(: ?|)?[a-z0-9]?(\r|\n|\r\n|)){0,20}",
            at in any::<prop::sample::Index>(),
        ) {
            let (first, second) = stream.as_bytes().split_at(at.index(stream.len() + 1));
            prop_assert_eq!(read(&[first, second]), read(&[stream.as_bytes()]));
        }
    }
}
