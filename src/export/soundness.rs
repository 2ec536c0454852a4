//! What a check of a capture found, as JSON lines: one a fault, and the last one for the whole.

use std::io::{self, Write};

use serde::Serialize;

use crate::event::{ChainLink, EventId, Fault, Keyed, Noted, Scope, Soundness, Timestamp};

use super::jsonl::put;
use super::stats::{GoesOnFrom, goes_on_from};

/// A fault. Times are RFC 3339 in UTC; what is unknown is absent.
#[derive(Debug, Serialize)]
struct FaultLine<'a> {
    /// Always `fault`.
    r#type: &'static str,
    /// In what: `pages`, `references`, `block`, `event`, `payload`, `commit`, `chain`, `time_index`, `stream_index` or
    /// `count`.
    part: &'static str,
    detail: &'a str,
    /// How many events are concerned, and between which ids and times they are.
    events: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Names of processes among them, at most 8.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    processes: &'a [String],
}

/// The whole.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the output with a name of its own"
)]
struct Whole<'a> {
    /// Always `verified`.
    r#type: &'static str,
    /// Whether no fault was found, and all of it was looked at.
    is_sound: bool,
    is_complete: bool,
    faults: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_id: Option<i64>,
    events: u64,
    readable_events: u64,
    payload_bytes: u64,
    blocks: u64,
    /// How many commits there are, how many have a digest that fits, and how many an earlier version recorded, which has
    /// no chain.
    commits: u64,
    proven_commits: u64,
    unchained_commits: u64,
    /// How many links of the chain hold, and the newest.
    links: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<Link<'a>>,
    /// `no`, `unchecked`, `checked`, `other_key` or `nothing`; and from which event on.
    keyed: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyed_from_id: Option<i64>,
    /// What became of `--expect-head`: `found`, `removed` or `missing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_head: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commits_since_expected_head: Option<u64>,
    removals: u64,
    removed_events: u64,
    is_subset: bool,
    /// The file that its first recording was in before; absent if it began in this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    goes_on_from: Option<GoesOnFrom<'a>>,
    /// Whether it is encrypted and was not unlocked: payloads and digests were not checked then.
    is_locked: bool,
    /// Whether tampering would have shown, and not only damage.
    shows_tampering: bool,
}

/// A link of the chain of commits.
#[derive(Debug, Serialize)]
pub(super) struct Link<'a> {
    #[serde(rename = "link")]
    hash: &'a str,
    last_id: i64,
    committed: String,
}

/// Writes a fault.
///
/// # Errors
/// What the system says.
pub fn write_fault(out: &mut dyn Write, fault: &Fault) -> io::Result<()> {
    let Scope {
        events,
        first,
        last,
        since,
        until,
        processes,
    } = &fault.scope;
    let line = FaultLine {
        r#type: "fault",
        part: fault.part.name(),
        detail: &fault.detail,
        events: *events,
        first_id: first.map(EventId::number),
        last_id: last.map(EventId::number),
        since: since.as_ref().map(Timestamp::to_string),
        until: until.as_ref().map(Timestamp::to_string),
        processes,
    };
    put(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Writes the whole.
///
/// # Errors
/// What the system says.
pub fn write(out: &mut dyn Write, done: &Soundness) -> io::Result<()> {
    let (keyed, from) = match done.keyed {
        Keyed::No => ("no", None),
        Keyed::Unchecked(from) => ("unchecked", Some(from)),
        Keyed::Checked(from) => ("checked", Some(from)),
        Keyed::OtherKey(from) => ("other_key", Some(from)),
        Keyed::Nothing => ("nothing", None),
    };
    let (expected_head, commits_since) = match &done.noted {
        None => (None, None),
        Some(Noted::Found { commits_since, .. }) => (Some("found"), Some(*commits_since)),
        Some(Noted::Removed(_)) => (Some("removed"), None),
        Some(Noted::Missing) => (Some("missing"), None),
    };
    let whole = Whole {
        r#type: "verified",
        is_sound: done.faults == 0 && !done.is_stopped && !done.is_locked,
        is_complete: !done.is_stopped && !done.is_locked,
        faults: done.faults,
        upper_id: done.upper.map(EventId::number),
        events: done.events,
        readable_events: done.readable_events,
        payload_bytes: done.payload_bytes,
        blocks: done.blocks,
        commits: done.commits,
        proven_commits: done.proven_commits,
        unchained_commits: done.unchained_commits,
        links: done.links,
        head: done.head.as_ref().map(link),
        keyed,
        keyed_from_id: from.map(EventId::number),
        expected_head,
        commits_since_expected_head: commits_since,
        removals: done.removals,
        removed_events: done.removed_events,
        is_subset: done.is_subset,
        goes_on_from: done.predecessor.as_ref().map(goes_on_from),
        is_locked: done.is_locked,
        shows_tampering: done.shows_tampering(),
    };
    put(&mut *out, &whole)?;
    out.write_all(b"\n")
}

pub(super) fn link(head: &ChainLink) -> Link<'_> {
    Link {
        hash: &head.link,
        last_id: head.last.number(),
        committed: head.committed.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Part;

    #[test]
    fn the_lines() {
        let at = Timestamp::from_seconds(1_795_431_600);
        let mut fault = Fault {
            part: Part::Payload,
            detail: "block 7 cannot be decompressed".to_owned(),
            scope: Scope::default(),
        };
        fault.scope.add(EventId::new(3));
        fault.scope.add_time(at);
        fault.scope.add_process(Some("cu\"rl"));
        let done = Soundness {
            faults: 1,
            upper: Some(EventId::new(9)),
            events: 9,
            readable_events: 8,
            commits: 2,
            proven_commits: 1,
            links: 2,
            head: Some(ChainLink {
                link: "ab".to_owned(),
                last: EventId::new(9),
                committed: at,
            }),
            keyed: Keyed::Checked(EventId::new(1)),
            ..Soundness::default()
        };
        let mut out = Vec::new();
        write_fault(&mut out, &fault).unwrap();
        write(&mut out, &done).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"type":"fault","part":"payload","detail":"block 7 cannot be decompressed","events":1,"first_id":3,"#,
                r#""last_id":3,"since":"2026-11-23T11:00:00.000000000Z","until":"2026-11-23T11:00:00.000000000Z","#,
                r#""processes":["cu\"rl"]}"#,
                "\n",
                r#"{"type":"verified","is_sound":false,"is_complete":true,"faults":1,"upper_id":9,"events":9,"#,
                r#""readable_events":8,"payload_bytes":0,"blocks":0,"commits":2,"proven_commits":1,"unchained_commits":0,"#,
                r#""links":2,"head":{"link":"ab","last_id":9,"committed":"2026-11-23T11:00:00.000000000Z"},"#,
                r#""keyed":"checked","keyed_from_id":1,"removals":0,"removed_events":0,"is_subset":false,"is_locked":false,"#,
                r#""shows_tampering":true}"#,
                "\n"
            )
        );
    }
}
