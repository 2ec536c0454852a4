//! Who a process was, in JSON: shared by the exporters that write JSON.

use std::borrow::Cow;

use serde::Serialize;

use crate::event::Identity;

/// What `/proc` of the recorder's host told of the process, when it was read. What is unknown is absent; so is all of it
/// where the process was not looked for or not found. Bytes that are not UTF-8 are U+FFFD.
#[derive(Debug, Default, Serialize)]
pub(super) struct Who<'a> {
    /// The file that it runs; ` (deleted)` follows where that was gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    exe: Option<&'a str>,
    /// The parent's process id, and its command name.
    #[serde(skip_serializing_if = "Option::is_none")]
    ppid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<&'a str>,
    /// Its id, or its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    /// The arguments, the process's own name first.
    #[serde(skip_serializing_if = "Option::is_none")]
    cmdline: Option<Vec<Cow<'a, str>>>,
    /// When it started, and when this was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    process_started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_read: Option<String>,
}

impl<'a> Who<'a> {
    pub(super) fn of(identity: Option<&'a Identity>) -> Self {
        let Some(identity) = identity else {
            return Self::default();
        };
        Self {
            exe: identity.exe.as_deref(),
            ppid: identity.ppid,
            parent: identity.parent.as_deref(),
            cgroup: identity.cgroup.as_deref(),
            container: identity.container.as_deref(),
            cmdline: identity.arguments(),
            process_started: Some(identity.started.to_string()),
            process_read: Some(identity.read.to_string()),
        }
    }
}

/// The arguments as a JSON array, for formats that have no lists.
pub(super) fn cmdline(identity: &Identity) -> Option<String> {
    serde_json::to_string(&identity.arguments()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples;

    #[test]
    fn what_is_known_is_told() {
        let mut identity = samples::identity();
        let told = serde_json::to_value(Who::of(Some(&identity))).unwrap();
        assert_eq!(
            told,
            serde_json::json!({
                "exe": "/usr/bin/curl\u{1b}[31m (deleted)",
                "ppid": 41,
                "parent": "bash",
                "cgroup": identity.cgroup,
                "container": identity.container,
                "cmdline": ["curl", "-u", "me:s3cr3t"],
                "process_started": "2026-11-23T10:59:50.000000000Z",
                "process_read": "2026-11-23T11:00:02.000000000Z",
            })
        );
        assert_eq!(cmdline(&identity).unwrap(), r#"["curl","-u","me:s3cr3t"]"#);
        identity.cmdline = None;
        assert_eq!(cmdline(&identity), None);
        let nothing = serde_json::to_string(&Who::of(None)).unwrap();
        assert_eq!(nothing, "{}");
    }
}
