//! When a recording ends by itself.

use std::time::Duration;

/// When a recording ends by itself: at the first of these limits. Without any, when it is interrupted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Autostop {
    /// After so long.
    pub duration: Option<Duration>,
    /// When the capture, with what lies beside it, has this many bytes. The commit that gets there is the last.
    pub file_bytes: Option<u64>,
    /// When so many files of a ring are full.
    pub files: Option<u64>,
    /// When this recording has stored so many events; no more are stored.
    pub events: Option<u64>,
}

impl Autostop {
    /// Completes when the duration is over.
    pub(super) async fn elapsed(self) {
        match self.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    }
}
