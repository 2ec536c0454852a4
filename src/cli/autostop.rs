//! `--autostop`, in dumpcap's words.

use std::time::Duration;

use super::keep::bytes;
use crate::record::Autostop;

/// One condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Duration(Duration),
    FileBytes(u64),
    Events(u64),
}

/// Reads `duration:N`, `filesize:N` or `events:N`. As with dumpcap, a bare number is seconds or units of 1000 bytes, and
/// `packets` are what are events here.
pub(super) fn condition(text: &str) -> Result<Condition, String> {
    let wanted = || {
        "duration:SECONDS, filesize:KB or events:COUNT is wanted, as in duration:1h, filesize:2G"
            .to_owned()
    };
    let (name, value) = text.split_once(':').ok_or_else(wanted)?;
    let is_bare = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match name {
        "duration" => {
            let seconds = value.parse::<f64>().ok();
            seconds
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .or_else(|| humantime::parse_duration(value).ok())
                .filter(|duration| !duration.is_zero())
                .map(Condition::Duration)
                .ok_or_else(wanted)
        }
        "filesize" => {
            let bytes = if is_bare {
                value
                    .parse::<u64>()
                    .ok()
                    .and_then(|kilobytes| kilobytes.checked_mul(1000))
            } else {
                bytes(value).ok()
            };
            bytes
                .filter(|bytes| *bytes > 0)
                .map(Condition::FileBytes)
                .ok_or_else(wanted)
        }
        "events" | "packets" => value
            .parse()
            .ok()
            .filter(|events| *events > 0)
            .map(Condition::Events)
            .ok_or_else(wanted),
        _ => Err(wanted()),
    }
}

/// All conditions together; of two of a kind, the last counts.
pub(super) fn autostop(conditions: &[Condition], count: Option<u64>) -> Autostop {
    let mut autostop = Autostop {
        events: count,
        ..Autostop::default()
    };
    for condition in conditions {
        match condition {
            Condition::Duration(duration) => autostop.duration = Some(*duration),
            Condition::FileBytes(bytes) => autostop.file_bytes = Some(*bytes),
            Condition::Events(events) => autostop.events = Some(*events),
        }
    }
    autostop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        for (text, expected) in [
            ("duration:10", Condition::Duration(Duration::from_secs(10))),
            (
                "duration:0.5",
                Condition::Duration(Duration::from_millis(500)),
            ),
            (
                "duration:1h",
                Condition::Duration(Duration::from_secs(3600)),
            ),
            ("filesize:1000", Condition::FileBytes(1_000_000)),
            ("filesize:2G", Condition::FileBytes(2 << 30)),
            ("events:7", Condition::Events(7)),
            ("packets:7", Condition::Events(7)),
        ] {
            assert_eq!(condition(text), Ok(expected), "{text}");
        }
        for text in [
            "events",
            "events:0",
            "events:x",
            "duration:",
            "duration:-1",
            "filesize:0",
            "files:3",
        ] {
            assert!(condition(text).is_err(), "{text}");
        }
    }
}
