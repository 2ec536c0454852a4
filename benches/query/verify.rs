//! What a check of a whole capture costs: every payload decompressed and hashed, every event looked up in the indexes.

use std::path::Path;
use std::time::Instant;

use ecq::store::{Reader, Verification, verify};

use crate::harness::{Measured, Table, number};

/// Measures the check of a capture, which must be sound.
pub(crate) fn measure(table: &mut Table, path: &Path, rounds: usize) {
    table.heading("check of the capture of the search (verify)");
    let (mut speed, mut events) = <(Measured, Measured)>::default();
    for _ in 0..rounds {
        let mut reader = Reader::open_damaged(path).unwrap();
        let began = Instant::now();
        let done = verify(&mut reader, &Verification::default(), &mut |fault| {
            panic!("{fault:?}")
        })
        .unwrap();
        let seconds = began.elapsed().as_secs_f64();
        speed.push(number(done.payload_bytes) / f64::from(1 << 20) / seconds);
        events.push(number(done.events) / 1e3 / seconds);
    }
    table.state("payloads", &speed, "MiB/s");
    table.state("events", &events, "k/s");
    table.print();
}
