//! One case for each rule.

mod losses;
mod messages;
mod streams;

use super::*;
use crate::http::h2::PREFACE;

const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
const GET: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "h.test"),
    (":path", "/a"),
];
const POST: &[(&str, &str)] = &[(":method", "POST"), (":path", "/up"), ("x-a", "1")];
const OK: &[(&str, &str)] = &[(":status", "200"), ("server", "t")];

/// Both ends of a connection.
#[derive(Default)]
struct Ends {
    client: Encoder,
    server: Encoder,
}

impl Ends {
    fn client(&mut self, stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<u8> {
        headers(&mut self.client, Choice::SMALL, stream, ends, fields)
    }

    fn server(&mut self, stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<u8> {
        headers(&mut self.server, Choice::SMALL, stream, ends, fields)
    }
}

fn plain(stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<u8> {
    headers(&mut Encoder::default(), Choice::PLAIN, stream, ends, fields)
}

fn begin() -> [Event; 2] {
    [
        event(CLIENT, [PREFACE, SETTINGS].concat()),
        event(SERVER, SETTINGS),
    ]
}

fn with_begin(events: &[Event]) -> Vec<Event> {
    [&begin(), events].concat()
}
