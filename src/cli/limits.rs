//! `--autostop` and `--ring-buffer`, in dumpcap's words: when a recording ends, or goes on in another file.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::keep::bytes;
use super::report::Advised;
use crate::record::{Autostop, Ring};

/// So many files a ring may have, as dumpcap has it.
const MAX_FILES: u64 = 100_000;

/// One condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Duration(Duration),
    Interval(Duration),
    FileBytes(u64),
    Events(u64),
    Files(NonZeroUsize),
}

/// Reads a condition of `--autostop`.
pub(super) fn stop_condition(text: &str) -> Result<Condition, String> {
    read(text)
        .filter(|condition| !matches!(condition, Condition::Interval(_)))
        .ok_or_else(|| {
            "duration:SECONDS, filesize:KB, events:COUNT or files:COUNT is wanted, as in duration:1h, filesize:2G".to_owned()
        })
}

/// Reads a condition of `--ring-buffer`.
pub(super) fn ring_condition(text: &str) -> Result<Condition, String> {
    read(text).ok_or_else(|| {
        "duration:SECONDS, interval:SECONDS, filesize:KB, events:COUNT or files:COUNT is wanted, as in interval:1h, \
         filesize:2G, files:24"
            .to_owned()
    })
}

/// As with dumpcap, a bare number is seconds or units of 1000 bytes, and `packets` are what are events here.
fn read(text: &str) -> Option<Condition> {
    let (name, value) = text.split_once(':')?;
    match name {
        "duration" => duration(value).map(Condition::Duration),
        // Intervals begin with whole seconds.
        "interval" => duration(value)
            .filter(|interval| interval.subsec_nanos() == 0)
            .map(Condition::Interval),
        "filesize" => file_bytes(value)
            .filter(|bytes| *bytes > 0)
            .map(Condition::FileBytes),
        "events" | "packets" => (value.parse().ok())
            .filter(|events| *events > 0)
            .map(Condition::Events),
        "files" => (value.parse::<u64>().ok())
            .filter(|files| *files < MAX_FILES)
            .and_then(|files| NonZeroUsize::new(usize::try_from(files).ok()?))
            .map(Condition::Files),
        _ => None,
    }
}

fn duration(text: &str) -> Option<Duration> {
    let seconds = text.parse::<f64>().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .or_else(|| humantime::parse_duration(text).ok())
        .filter(|duration| !duration.is_zero())
}

fn file_bytes(text: &str) -> Option<u64> {
    let is_bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_bare {
        text.parse::<u64>().ok()?.checked_mul(1000)
    } else {
        bytes(text).ok()
    }
}

/// What all conditions say together; of two of a kind, the last counts.
///
/// # Errors
/// When they do not go together.
pub(super) fn limits(
    stop: &[Condition],
    ring: &[Condition],
    count: Option<u64>,
) -> Result<(Autostop, Option<Ring>), Advised> {
    let autostop = autostop(stop, count);
    if ring.is_empty() {
        return match autostop.files {
            None => Ok((autostop, None)),
            Some(_) => Err(Advised {
                message: "--autostop files:COUNT counts the files of a ring, and there is no --ring-buffer".to_owned(),
                hint: "say when the next file is begun, as in `-b filesize:1G`".to_owned(),
            }),
        };
    }
    if autostop.file_bytes.is_some() {
        return Err(Advised {
            message: "--autostop filesize:KB is about one file, and --ring-buffer makes more of them".to_owned(),
            hint: "say how large each file is with `-b filesize:1G`, and after how many to stop with `-a files:COUNT`"
                .to_owned(),
        });
    }
    let ring = of_conditions(ring);
    let begins_files = Ring {
        files: None,
        ..ring
    };
    if begins_files == Ring::default() {
        return Err(Advised {
            message: "--ring-buffer files:COUNT says how many files are kept, and nothing says when the next is begun"
                .to_owned(),
            hint: "add `-b filesize:1G`, `-b interval:1h`, `-b duration:1h` or `-b events:1000000`"
                .to_owned(),
        });
    }
    Ok((autostop, Some(ring)))
}

fn autostop(conditions: &[Condition], count: Option<u64>) -> Autostop {
    let mut autostop = Autostop {
        events: count,
        ..Autostop::default()
    };
    for condition in conditions {
        match condition {
            Condition::Duration(duration) => autostop.duration = Some(*duration),
            Condition::FileBytes(bytes) => autostop.file_bytes = Some(*bytes),
            Condition::Events(events) => autostop.events = Some(*events),
            Condition::Files(files) => autostop.files = Some(files.get() as u64),
            // None is read.
            Condition::Interval(_) => {}
        }
    }
    autostop
}

fn of_conditions(conditions: &[Condition]) -> Ring {
    let mut ring = Ring::default();
    for condition in conditions {
        match condition {
            Condition::Duration(duration) => ring.duration = Some(*duration),
            Condition::Interval(interval) => ring.interval = Some(*interval),
            Condition::FileBytes(bytes) => ring.file_bytes = Some(*bytes),
            Condition::Events(events) => ring.events = Some(*events),
            Condition::Files(files) => ring.files = Some(*files),
        }
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        let seconds = Duration::from_secs;
        for (text, expected) in [
            ("duration:10", Condition::Duration(seconds(10))),
            (
                "duration:0.5",
                Condition::Duration(Duration::from_millis(500)),
            ),
            ("duration:1h", Condition::Duration(seconds(3600))),
            ("interval:3600", Condition::Interval(seconds(3600))),
            ("interval:1day", Condition::Interval(seconds(86_400))),
            ("filesize:1000", Condition::FileBytes(1_000_000)),
            ("filesize:2G", Condition::FileBytes(2 << 30)),
            ("events:7", Condition::Events(7)),
            ("packets:7", Condition::Events(7)),
            ("files:3", Condition::Files(NonZeroUsize::new(3).unwrap())),
        ] {
            assert_eq!(ring_condition(text), Ok(expected), "{text}");
            let is_for_both = !text.starts_with("interval");
            assert_eq!(stop_condition(text).is_ok(), is_for_both, "{text}");
        }
        for text in [
            "events",
            "events:0",
            "events:x",
            "duration:",
            "duration:-1",
            "interval:0.5",
            "interval:0",
            "filesize:0",
            "files:0",
            "files:100000",
        ] {
            assert!(stop_condition(text).is_err(), "{text}");
            assert!(ring_condition(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_goes_together() {
        let read =
            |texts: &[&str]| -> Vec<_> { texts.iter().map(|text| read(text).unwrap()).collect() };
        let check = |stop: &[&str], ring: &[&str]| limits(&read(stop), &read(ring), Some(9));
        let (autostop, ring) = check(&["files:2"], &["filesize:1", "files:3"]).unwrap();
        assert_eq!((autostop.files, autostop.events), (Some(2), Some(9)));
        let ring = ring.unwrap();
        assert_eq!(ring.file_bytes, Some(1000));
        assert_eq!(ring.files, NonZeroUsize::new(3));
        assert_eq!(check(&["filesize:1"], &[]).unwrap().1, None);
        for (stop, ring, words) in [
            (&["files:2"][..], &[][..], "-b filesize:1G"),
            (&["filesize:2"], &["duration:1"], "-a files:COUNT"),
            (&[], &["files:2"], "add `-b filesize:1G`"),
        ] {
            let error = check(stop, ring).unwrap_err();
            assert!(error.hint.contains(words), "{error}: {}", error.hint);
        }
    }
}
