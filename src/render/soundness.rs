//! What a check of a capture found, for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Style, escape, human};
use crate::event::{Fault, Keyed, Noted, Scope, Soundness};

const WRITES: &str = "writing to a string cannot fail";

/// What the chain does not speak for, whatever was found.
const OUTSIDE: &str = "\
outside of digests and chain, as it can become known later: to which connection an event belongs, addresses and role of
  connections, who processes were, exchanges, search filter; and beside events: gaps, links, heartbeats, run logs, counters, what was removed";

/// Writes a fault in one line.
///
/// # Errors
/// What the system says.
pub fn write_fault(out: &mut dyn Write, fault: &Fault, style: &Style) -> io::Result<()> {
    writeln!(
        out,
        "{}: {}{}",
        fault.part.name(),
        escape::line(&fault.detail),
        scope(&fault.scope, style)
    )
}

fn scope(scope: &Scope, style: &Style) -> String {
    let mut text = String::new();
    if let (Some(first), Some(last)) = (scope.first, scope.last) {
        if first == last {
            write!(text, ": event {first}").expect(WRITES);
        } else if scope.events > 0 {
            write!(text, ": {} events from {first} to {last}", scope.events).expect(WRITES);
        } else {
            write!(text, ": between events {first} and {last}").expect(WRITES);
        }
    }
    match (scope.since, scope.until) {
        (Some(since), Some(until)) if since == until => {
            write!(text, ", {}", style.second(since)).expect(WRITES);
        }
        (Some(since), Some(until)) => {
            let (since, until) = (style.second(since), style.second(until));
            write!(text, ", {since} to {until}").expect(WRITES);
        }
        _ => {}
    }
    if !scope.processes.is_empty() {
        let names: Vec<_> = scope
            .processes
            .iter()
            .map(|name| escape::line(name))
            .collect();
        write!(text, ", of {}", names.join(", ")).expect(WRITES);
    }
    text
}

/// Writes what was checked, and what that proves.
///
/// # Errors
/// What the system says.
pub fn write(out: &mut dyn Write, done: &Soundness, style: &Style) -> io::Result<()> {
    match done.faults {
        0 if done.is_stopped => writeln!(out, "not all of it was looked at; no fault up to there")?,
        0 if done.is_locked => writeln!(out, "no fault found in what is not encrypted")?,
        0 => writeln!(out, "sound: no fault found")?,
        1 => writeln!(out, "damaged: 1 fault")?,
        faults => writeln!(out, "damaged: {faults} faults")?,
    }
    let upper = done
        .upper
        .map_or_else(String::new, |upper| format!("; up to event {upper}"));
    if done.is_locked {
        writeln!(
            out,
            "events    {} looked at without their payloads{upper}",
            done.events
        )?;
        writeln!(
            out,
            "commits   {} looked at without their digests; {} blocks",
            done.commits, done.blocks
        )?;
        writeln!(
            out,
            "encrypted and not opened: payloads, frames and digests were not checked, only that blocks are there and as long as \
             they should be; give --key-file or --passphrase-file"
        )?;
    } else {
        writeln!(
            out,
            "events    {} of {} can be read whole, {}{upper}",
            done.readable_events,
            done.events,
            human(done.payload_bytes)
        )?;
        writeln!(
            out,
            "commits   {} of {} have a digest that fits their events; {} blocks",
            done.proven_commits, done.commits, done.blocks
        )?;
    }
    if done.removals > 0 {
        writeln!(
            out,
            "removed   {} events in {} removals, as the capture itself says",
            done.removed_events, done.removals
        )?;
    }
    if let Some(before) = &done.predecessor {
        writeln!(
            out,
            "before    the recording was in {}, up to event {}",
            escape::line(&before.name),
            before.last
        )?;
        if let Some(head) = before.head() {
            writeln!(out, "          and link {head}")?;
        }
    }
    if done.is_subset {
        writeln!(
            out,
            "subset    digests and chain are over what was taken from another capture"
        )?;
    }
    chain(out, done, style)?;
    writeln!(out, "{}", proves(done))?;
    writeln!(out, "{OUTSIDE}")
}

fn chain(out: &mut dyn Write, done: &Soundness, style: &Style) -> io::Result<()> {
    if done.unchained_commits > 0 {
        writeln!(
            out,
            "unchained {} commits of an earlier version, before the chain begins",
            done.unchained_commits
        )?;
    }
    let Some(head) = &done.head else {
        return writeln!(out, "chain     none");
    };
    writeln!(
        out,
        "chain     {} links hold, up to event {}, committed {}",
        done.links,
        head.last,
        style.second(head.committed)
    )?;
    writeln!(out, "head      {}", head.link)?;
    match done.keyed {
        Keyed::No | Keyed::Nothing => {}
        Keyed::Checked(from) => writeln!(out, "key       fits, from event {from} on")?,
        Keyed::Unchecked(from) => writeln!(
            out,
            "key       not given: links from event {from} on were not checked; give it with --chain-key"
        )?,
        Keyed::OtherKey(from) => writeln!(
            out,
            "key       another one: links from event {from} on were not checked"
        )?,
    }
    match &done.noted {
        None => Ok(()),
        Some(Noted::Found {
            link,
            commits_since,
        }) => writeln!(
            out,
            "expected  found: the link up to event {}, committed {}; {commits_since} commits came since",
            link.last,
            style.second(link.committed)
        ),
        Some(Noted::Removed(last)) => writeln!(
            out,
            "expected  found: the last link of what was removed, up to event {last}"
        ),
        Some(Noted::Missing) => writeln!(out, "expected  not found"),
    }
}

/// What the check proves.
fn proves(done: &Soundness) -> &'static str {
    if done.faults == 0 && done.shows_tampering() {
        match done.noted {
            Some(Noted::Found { .. }) => {
                "proves    what was committed up to the expected head is as it was when that was noted"
            }
            _ => {
                "proves    nobody without the key changed what was committed with it; that newest commits are missing \
                 would not show without an --expect-head"
            }
        }
    } else if done.faults == 0 && done.is_locked {
        "proves    no damage to what is not encrypted, and that the links of the digests that are stored hold; nothing about what \
         was captured"
    } else if done.faults == 0 {
        "proves    no damage. This is no proof against tampering: who can write the file can also write fitting digests and \
         links. Note the head elsewhere for a later --expect-head, or record with --chain-key and keep the key elsewhere"
    } else {
        "proves    commits whose digest fits are undamaged; `ecq-query salvage` writes what can be read to a new capture"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ChainLink, EventId, Part, Timestamp, Zone};

    fn style() -> Style {
        Style {
            color: false,
            width: 100,
            zone: Zone::Utc,
            now: Timestamp::from_seconds(1_795_431_600),
        }
    }

    #[test]
    fn faults() {
        let at = |second: i64| Timestamp::from_seconds(1_795_431_600 + second);
        let mut fault = Fault {
            part: Part::Payload,
            detail: "block 7 \x1b cannot be decompressed".to_owned(),
            scope: Scope::default(),
        };
        let line = |fault: &Fault| {
            let mut out = Vec::new();
            write_fault(&mut out, fault, &style()).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            line(&fault),
            "payload: block 7 \\x1b cannot be decompressed\n"
        );
        fault.scope.add(EventId::new(3));
        fault.scope.add_time(at(0));
        assert_eq!(
            line(&fault),
            "payload: block 7 \\x1b cannot be decompressed: event 3, 2026-11-23 11:00:00 +00:00\n"
        );
        fault.scope.add(EventId::new(8));
        fault.scope.add_time(at(4));
        fault.scope.add_process(Some("cu\x1brl"));
        fault.scope.add_process(Some("wget"));
        assert_eq!(
            line(&fault),
            "payload: block 7 \\x1b cannot be decompressed: 2 events from 3 to 8, 2026-11-23 11:00:00 +00:00 to \
             2026-11-23 11:00:04 +00:00, of cu\\x1brl, wget\n"
        );
    }

    #[test]
    fn what_is_proven() {
        let head = ChainLink {
            link: "ab".repeat(32),
            last: EventId::new(9),
            committed: Timestamp::from_seconds(1_795_431_600),
        };
        let sound = Soundness {
            events: 9,
            readable_events: 9,
            commits: 2,
            proven_commits: 2,
            links: 2,
            head: Some(head.clone()),
            ..Soundness::default()
        };
        let text = |done: &Soundness| {
            let mut out = Vec::new();
            write(&mut out, done, &style()).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(
            text(&sound).starts_with("sound: no fault found\nevents    9 of 9 can be read whole")
        );
        assert!(text(&sound).contains("no proof against tampering"));
        assert!(text(&sound).contains(&format!("head      {}\n", head.link)));
        let keyed = Soundness {
            keyed: Keyed::Checked(EventId::new(1)),
            ..sound.clone()
        };
        assert!(text(&keyed).contains("nobody without the key changed"));
        let unchecked = Soundness {
            keyed: Keyed::Unchecked(EventId::new(1)),
            noted: Some(Noted::Found {
                link: head.clone(),
                commits_since: 0,
            }),
            ..sound.clone()
        };
        assert!(text(&unchecked).contains("no proof against tampering"));
        let noted = Soundness {
            keyed: Keyed::No,
            ..unchecked
        };
        assert!(text(&noted).contains("as it was when that was noted"));
        let locked = Soundness {
            is_locked: true,
            readable_events: 0,
            proven_commits: 0,
            ..keyed.clone()
        };
        assert!(text(&locked).starts_with("no fault found in what is not encrypted\n"));
        assert!(text(&locked).contains("payloads, frames and digests were not checked"));
        assert!(text(&locked).contains("nothing about what was captured"));
        let damaged = Soundness { faults: 1, ..keyed };
        assert!(text(&damaged).starts_with("damaged: 1 fault\n"));
        assert!(text(&damaged).contains("salvage"));
    }
}
