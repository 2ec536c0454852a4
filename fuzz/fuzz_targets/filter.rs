//! Any text is a filter or has a fault that can be shown; a filter is written as a text that reads as the same.

#![no_main]

use ecq::event::{Timestamp, Zone, is_hazard};
use ecq::filter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let now = Timestamp::from_seconds(1_795_431_600);
    match filter::parse(text, now, Zone::Utc) {
        Ok(expr) => {
            let written = expr.to_string();
            // It can be longer than what was read, up to what is too long.
            if written.len() <= filter::MAX_FILTER_BYTES {
                let again = filter::parse(&written, now, Zone::Utc).expect("what is written reads");
                assert_eq!(again, expr);
                assert_eq!(again.to_string(), written);
            }
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.chars().all(|each| each == '\n' || !is_hazard(each)));
        }
    }
});
