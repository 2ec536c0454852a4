//! Who a process was, for people: a name and a value each, escaped.

use super::{Style, escape};
use crate::event::Identity;

/// What is known, labelled with when it was read. The user is told with the process.
pub(super) fn facts(identity: &Identity, style: &Style) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.as_deref().map(escape::line);
    let mut facts = vec![(
        "identity",
        format!("read from /proc on {}", style.full_time(identity.read)),
    )];
    let mut may = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    may("started", Some(style.full_time(identity.started)));
    may("exe", text(&identity.exe));
    may("parent", parent(identity));
    may("container", identity.short_container().map(escape::line));
    may("cgroup", text(&identity.cgroup));
    may("arguments", arguments(identity));
    facts
}

fn parent(identity: &Identity) -> Option<String> {
    let ppid = identity.ppid?;
    Some(match &identity.parent {
        Some(name) => format!("{}[{ppid}]", escape::line(name)),
        None => ppid.to_string(),
    })
}

/// The arguments with blanks between them; one that has blanks of its own, or nothing in it, stands in quotes.
fn arguments(identity: &Identity) -> Option<String> {
    let arguments = identity.arguments()?;
    let shown: Vec<_> = arguments
        .iter()
        .map(|argument| {
            let escaped = escape::line(argument);
            if argument.is_empty() || argument.contains(char::is_whitespace) {
                format!("'{escaped}'")
            } else {
                escaped
            }
        })
        .collect();
    Some(shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Timestamp, Zone, samples};

    #[test]
    fn all_of_it_is_told_and_escaped() {
        let style = Style {
            color: false,
            width: 100,
            zone: Zone::Utc,
            now: Timestamp::default(),
        };
        let mut identity = samples::identity();
        identity.cmdline = Some(b"curl\0\0a b\0\x1b[2J\0".to_vec());
        identity.parent = Some("ba\nsh".to_owned());
        let told = facts(&identity, &style);
        let expected = [
            (
                "identity",
                "read from /proc on 2026-11-23 11:00:02.000000000 +00:00",
            ),
            ("started", "2026-11-23 10:59:50.000000000 +00:00"),
            ("exe", r"/usr/bin/curl\x1b[31m (deleted)"),
            ("parent", r"ba\nsh[41]"),
            ("container", "4f3c0a9b1122"),
            ("cgroup", identity.cgroup.as_deref().unwrap()),
            ("arguments", r"curl '' 'a b' \x1b[2J"),
        ];
        let told: Vec<_> = told
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(told, expected);
    }
}
