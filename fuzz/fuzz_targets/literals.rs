//! Any text on the command line has a value or an error: times, addresses, networks, statuses, patterns.

#![no_main]

use chrono::FixedOffset;
use ecq::event::{Timestamp, Zone};
use ecq::filter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let now = Timestamp::from_seconds(1_795_431_600);
    let east = FixedOffset::east_opt(2 * 3600 + 45 * 60).map_or(Zone::Utc, Zone::Fixed);
    for zone in [Zone::Utc, east] {
        // What was read can be written, and reads as itself.
        if let Ok(time) = filter::time(text, now, zone) {
            assert_eq!(filter::time(&time.to_string(), now, zone), Ok(time));
        }
    }
    let _ = filter::address(text);
    let _ = filter::status(text);
    if let Ok(network) = filter::network(text) {
        assert_eq!(filter::network(&network.to_string()), Ok(network));
    }
    if text.len() < 200 {
        let _ = filter::Pattern::smart_case(text).map(|pattern| pattern.is_in(text.as_bytes()));
    }
});
