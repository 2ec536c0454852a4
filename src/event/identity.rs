//! Who a process was.

use std::borrow::Cow;

use super::{IdentityId, RecordingId, Timestamp};

/// A process as `/proc` of the recorder's host told of it, while it lived. A name and a pid are no identity: a pid is used
/// again, and a name is what the process says.
///
/// Everything here is the process's to choose or nearly so: it is hostile text. Bytes that are not UTF-8 are shown as
/// U+FFFD. What could not be read is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its row.
    pub id: IdentityId,
    /// The recording that it was read for.
    pub recording: RecordingId,
    /// The process id.
    pub pid: u32,
    /// When it started, to the hundredth of a second that the kernel tells, rounded down.
    pub started: Timestamp,
    /// When this was read.
    pub read: Timestamp,
    /// The file that it runs. It ends in ` (deleted)` where that was removed or replaced since.
    pub exe: Option<String>,
    /// The process that started it, or that took it over; 0 if that is not to be seen from here.
    pub ppid: Option<u32>,
    /// The command name of that.
    pub parent: Option<String>,
    /// The real user id.
    pub uid: Option<u32>,
    /// Its cgroup: the path in the hierarchy that tells most.
    pub cgroup: Option<String>,
    /// The container that it runs in: an id of 64 hexadecimal digits, or a name, as the cgroup tells.
    pub container: Option<String>,
    /// Its arguments, each with a zero byte behind it, as far as they were read; absent unless they were asked for, as
    /// they can hold secrets.
    pub cmdline: Option<Vec<u8>>,
}

impl Identity {
    /// Its arguments one by one, its own name first; bytes that are not UTF-8 are shown as U+FFFD.
    pub fn arguments(&self) -> Option<Vec<Cow<'_, str>>> {
        let bytes = self.cmdline.as_deref()?;
        let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        let parts = bytes.split(|byte| *byte == 0);
        Some(parts.map(String::from_utf8_lossy).collect())
    }

    /// The container as people tell it from others: of an id of 64 digits the first twelve, as Docker shows them.
    pub fn short_container(&self) -> Option<&str> {
        let container = self.container.as_deref()?;
        Some(if is_container_id(container) {
            container.get(..12).unwrap_or(container)
        } else {
            container
        })
    }
}

/// Whether this is an id as container runtimes make them: 64 hexadecimal digits in lower case.
pub fn is_container_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use crate::event::samples;

    #[test]
    fn arguments_are_told_apart() {
        let arguments = |bytes: &[u8]| {
            let mut identity = samples::identity();
            identity.cmdline = Some(bytes.to_vec());
            identity.arguments().unwrap().join("|")
        };
        for (bytes, expected) in [
            (&b"curl\0-s\0a b\0"[..], "curl|-s|a b"),
            (b"curl\0\0", "curl|"),
            (b"cut off\0he", "cut off|he"),
            (b"nginx: worker process\0", "nginx: worker process"),
            (b"\xff\0", "\u{fffd}"),
        ] {
            assert_eq!(arguments(bytes), expected);
        }
    }

    #[test]
    fn ids_are_shortened_and_names_are_not() {
        let mut identity = samples::identity();
        assert_eq!(identity.short_container(), Some("4f3c0a9b1122"));
        identity.container = Some("web-server-with-a-name".to_owned());
        assert_eq!(identity.short_container(), Some("web-server-with-a-name"));
        identity.container = None;
        assert_eq!(identity.short_container(), None);
    }
}
