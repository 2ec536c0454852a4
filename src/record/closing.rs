//! A file that nothing more goes into is completed, and what is too old goes, while the recording goes on in the next.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use super::exchanges::ExchangeStage;
use super::meters::Meters;
use super::notice::Notice;
use crate::store::{Sealed, Writer};

/// How often is looked whether a file is complete.
const LOOK: Duration = Duration::from_millis(20);

/// What a file needs to be completed.
pub(super) struct Closing {
    pub(super) store: Writer,
    pub(super) exchanges: ExchangeStage,
    pub(super) notices: Sender<Notice>,
    pub(super) abandon: Arc<AtomicBool>,
    /// Files that go then.
    pub(super) gone: Vec<PathBuf>,
}

/// Files that are being completed: one at a time.
#[derive(Debug, Default)]
pub(super) struct Closer {
    thread: Option<JoinHandle<()>>,
}

impl Closer {
    /// Completes a file, on a thread of its own. The one before must be complete.
    pub(super) fn close(&mut self, closing: Closing) -> std::io::Result<()> {
        let thread = std::thread::Builder::new()
            .name("closing".to_owned())
            .spawn(move || closing.run())?;
        self.thread = Some(thread);
        Ok(())
    }

    /// Waits until all are complete.
    pub(super) fn wait(&mut self, meters: &Meters) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        while !thread.is_finished() {
            // The writer waits, and does not hang: the end of the index is bounded.
            meters.writer_rounds.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(LOOK);
        }
        // What a panic left undone is as after a kill: nothing that was committed is lost.
        drop(thread.join());
    }
}

impl Closing {
    fn run(self) {
        let Self {
            store,
            mut exchanges,
            notices,
            abandon,
            gone,
        } = self;
        let tell = |notice| {
            notices.send(notice).ok();
        };
        let path = store.path().to_owned();
        // It has the file open, which sealing does not allow.
        if !exchanges.finish(false, &abandon) {
            tell(Notice::ExchangesLeftIn(path.clone()));
        }
        match store.seal() {
            Ok(Sealed::Yes) => {}
            Ok(Sealed::HeldByReader) => tell(Notice::FileHeld(path)),
            Err(error) => tell(Notice::FileLeft {
                path,
                reason: error.to_string(),
            }),
        }
        for path in gone {
            if let Err(error) = remove(&path) {
                tell(Notice::CannotRemove {
                    path,
                    reason: error.to_string(),
                });
            }
        }
    }
}

/// Removes a capture with what lies beside it. That first: it is nothing without the file, and captured like it.
fn remove(path: &Path) -> std::io::Result<()> {
    for suffix in ["-wal", "-shm", ""] {
        let mut name = OsString::from(path);
        name.push(suffix);
        match std::fs::remove_file(&name) {
            // Somebody else moved it away.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
