//! The run log of a start: the lines that every new client gets.

use super::calendar;
use super::dialect::{Message, Release};
use super::protobuf;

/// Lines that 2.5.1 writes when it starts: the fields before the time and the message after it, without quotes.
const START: &[(&str, &str)] = &[
    (r#""AppName":"eCapture(旁观者)""#, ""),
    (r#""HomePage":"https://ecapture.cc""#, ""),
    (r#""Repository":"https://github.com/gojue/ecapture""#, ""),
    (r#""Author":"CFC4N <cfc4ncs@gmail.com>""#, ""),
    (
        r#""Description":"Capturing SSL/TLS plaintext without a CA certificate using eBPF. Supported on Linux/Android kernels for amd64/arm64.""#,
        "",
    ),
    (VERSION, ""),
    (r#""Listen":"""#, ""),
    (r#""Listen for eCaptureQ":"ws://127.0.0.1:28257/""#, ""),
    (r#""logger":"""#, "eCapture running logs"),
    (
        r#""eventCollector":"""#,
        "the file handler that receives the captured event",
    ),
    ("", "skip HTTP server listening"),
    (
        r#""probeName":"OpenSSL","isReload":false"#,
        "probe initialization.",
    ),
    (
        r#""probeName":"OpenSSL","isReload":false"#,
        "probe started successfully.",
    ),
];

/// Stands in `START` for the field that depends on the release.
const VERSION: &str = "Version";

/// The lines of a start at a given time, each a JSON object without line end.
pub(crate) fn start_lines(release: Release, unix_ns: i64, zone_seconds: i32) -> Vec<String> {
    let version =
        format!(r#""Version":"linux_amd64:v{release}-20260621-5ccbc23:6.8.0-1044-azure""#);
    START
        .iter()
        // Written from 2.3.0 on.
        .filter(|(_, message)| {
            !message.starts_with("skip HTTP") || release >= Release::new(2, 3, 0)
        })
        .map(|(fields, message)| {
            let fields = if *fields == VERSION {
                version.as_str()
            } else {
                fields
            };
            line(fields, message, unix_ns, zone_seconds)
        })
        .collect()
}

/// One line of level info: `fields` are JSON members, `message` is plain text without quotes; both may be empty.
pub(crate) fn line(fields: &str, message: &str, unix_ns: i64, zone_seconds: i32) -> String {
    let mut line = String::from(r#"{"level":"info","#);
    if !fields.is_empty() {
        line.push_str(fields);
        line.push(',');
    }
    line.push_str(r#""time":""#);
    line.push_str(&calendar::rfc_3339(unix_ns, zone_seconds));
    line.push('"');
    if !message.is_empty() {
        line.push_str(r#","message":""#);
        line.push_str(message);
        line.push('"');
    }
    line.push('}');
    line
}

/// The message that carries a line.
pub(crate) fn message(release: Release, line: &str) -> Message {
    if release.sends_json() {
        return Message::text(format!(r#"{{"log_type":1,"payload":{line}}}"#).into_bytes());
    }
    Message::binary(protobuf::run_log(&format!("{line}\n")))
}

/// The message that carries a heartbeat.
pub(crate) fn heartbeat(release: Release, count: u64, unix_ns: i64) -> Message {
    let seconds = unix_ns.div_euclid(calendar::SECOND_NS);
    if release.sends_json() {
        let json = format!(
            r#"{{"log_type":0,"payload":{{"timestamp":{seconds},"count":{count},"message":"heartbeat:{count}"}}}}"#
        );
        return Message::text(json.into_bytes());
    }
    Message::binary(protobuf::heartbeat(seconds, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T10:40:35Z.
    const STARTED_NS: i64 = 1_795_430_435_000_000_000;

    #[test]
    fn first_line_is_that_of_2_5_1() {
        let release = Release::new(2, 5, 1);
        let lines = start_lines(release, STARTED_NS, 0);
        assert_eq!(lines.len(), 13);
        // Vector v2.5.1-text-log-01.
        assert_eq!(
            message(release, &lines[0]).bytes,
            b"\x08\x01\"O{\"level\":\"info\",\"AppName\":\"eCapture(\xe6\x97\x81\xe8\xa7\x82\xe8\x80\x85)\",\"time\":\"2026-11-23T10:40:35Z\"}\n"[..]
        );
        for line in lines {
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
    }

    #[test]
    fn heartbeats_are_those_of_2_5_1_and_1_4_0() {
        // Vectors v2.5.1-text-heartbeat-01 and -02, v1.4.0-text-heartbeat-01.
        let new = Release::new(2, 5, 1);
        assert_eq!(
            heartbeat(new, 0, 1_795_430_436 * calendar::SECOND_NS).bytes,
            b"\x1a\x13\x08\xa4\xb0\x90\xd8\x06\x1a\x0bheartbeat:0"[..]
        );
        assert_eq!(
            heartbeat(new, 1, 1_795_430_451 * calendar::SECOND_NS).bytes,
            b"\x1a\x15\x08\xb3\xb0\x90\xd8\x06\x10\x01\x1a\x0bheartbeat:1"[..]
        );
        assert_eq!(
            heartbeat(Release::new(1, 4, 0), 3, 1_754_839_999 * calendar::SECOND_NS).bytes,
            br#"{"log_type":0,"payload":{"timestamp":1754839999,"count":3,"message":"heartbeat:3"}}"#[..]
        );
    }
}
