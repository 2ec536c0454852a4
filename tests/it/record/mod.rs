//! Recording, against the stand-in.

mod clock;
mod crash;
mod dialects;
mod disk;
mod filters;
mod frames;
mod killed;
mod left_out;
mod links;
mod peers;
mod places;
mod power;
mod pressure;
mod processes;
mod proxies;
mod redaction;
pub(crate) mod redaction_http2;
mod refusals;
mod retention;
mod ring;
mod service;
mod sources;
mod stopping;
mod text_files;
mod typed;

use crate::stand_in::START_NS;
use crate::stand_in::dialect::{Dialect, Encoder, Message};
use crate::stand_in::event::{GeneratedEvent, Probe};
use crate::stand_in::options::Options;
use crate::stand_in::server::StandIn;
use crate::support::wait::LONG;

/// A stand-in whose messages can be made again.
fn server(change: impl FnOnce(&mut Options)) -> (StandIn, Encoder) {
    let mut options = Options::for_dialect(Dialect::Text);
    options.start_ns = Some(START_NS);
    change(&mut options);
    let encoder = options.encoder();
    (StandIn::start(options).unwrap(), encoder)
}

/// The messages in which an eCapture sends these events, as far as they are stored.
fn messages(encoder: &Encoder, events: impl IntoIterator<Item = GeneratedEvent>) -> Vec<Message> {
    events
        .into_iter()
        .filter(|event| event.probe != Probe::Destroy)
        .filter_map(|event| encoder.encode(&event, START_NS + event.offset_ns))
        .collect()
}

/// Plays events as fast as they are taken, and waits until they are on their way.
fn play(server: &StandIn, events: impl IntoIterator<Item = GeneratedEvent>) {
    server.play(events, None);
    assert!(server.wait_for_empty_queues(LONG));
}

/// The encoder of a stand-in with nothing changed.
fn server_encoder() -> Encoder {
    let mut options = Options::for_dialect(Dialect::Text);
    options.start_ns = Some(START_NS);
    options.encoder()
}
