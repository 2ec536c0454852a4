//! What a line of eCapture's log tells: a JSON object as zerolog writes it, at least from eCapture itself.

use chrono::DateTime;
use serde_json::{Map, Value};

use super::RunLog;
use crate::event::{Carrier, Timestamp};

/// Reads a line. One that is no JSON object is kept with nothing known about it.
pub(super) fn parse(text: String, carrier: Carrier) -> RunLog {
    let fields: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    let string = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let time = fields.get("time").and_then(Value::as_str).and_then(time_of);
    RunLog {
        level: string("level"),
        time: time.map(|(time, _)| time),
        zone_offset_seconds: time.map(|(_, offset)| offset),
        version: string("Version"),
        lost_samples: fields.get("lostSamples").and_then(Value::as_u64),
        text,
        carrier,
        raw: None,
    }
}

/// The time of a line, and the offset from UTC in seconds that it is written with.
pub(super) fn time_of(text: &str) -> Option<(Timestamp, i32)> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    let offset = time.offset().local_minus_utc();
    Some((Timestamp::from_utc(time.to_utc()), offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line() {
        let log = parse(
            "{\"level\":\"warn\",\"Version\":\"a:v2.5.1:b\",\"lostSamples\":7,\"time\":\"2026-11-23T18:40:53+08:00\"}\n"
                .to_owned(),
            Carrier::Protobuf,
        );
        assert_eq!(log.level.as_deref(), Some("warn"));
        assert_eq!(log.version.as_deref(), Some("a:v2.5.1:b"));
        assert_eq!(log.lost_samples, Some(7));
        assert_eq!(log.zone_offset_seconds, Some(28_800));
        assert_eq!(log.time, Some(Timestamp::from_seconds(1_795_430_453)));
    }

    #[test]
    fn keeps_what_is_no_json() {
        let log = parse("plain\n".to_owned(), Carrier::Protobuf);
        assert_eq!((log.text.as_str(), log.time), ("plain\n", None));
    }
}
