//! Who did it.

use super::Identity;

/// The process behind an event, as eCapture names it at the time of capture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Process {
    /// The process id (the kernel's thread group id) in the host's namespace.
    pub pid: Option<u32>,
    /// The thread id.
    pub tid: Option<u32>,
    /// The user id; only shells tell it.
    pub uid: Option<u32>,
    /// The thread's command name, at most 15 bytes, as eCapture sent it up to the first NUL. Bytes that are not
    /// UTF-8 are shown as U+FFFD; the frame's own bytes are then in the envelope.
    pub pname: Option<String>,
}

impl Process {
    /// The user id: as eCapture tells it, or else as it was read of the process.
    pub fn uid_or(&self, identity: Option<&Identity>) -> Option<u32> {
        self.uid
            .or_else(|| identity.and_then(|identity| identity.uid))
    }
}
