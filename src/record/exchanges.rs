//! The stage that makes the index of exchanges while recording: a thread of its own, some seconds behind.
//!
//! It reads what was committed and never holds up the reader or the writer but for the moment in which it stores some
//! hundred exchanges. If it falls behind it catches up; if it fails, the recording goes on without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::clock::steady_ns;
use super::notice::Notice;
use crate::store::{self, Follow, Watch, Writer};

/// How often what settled is read.
const PAUSE: Duration = Duration::from_secs(1);

/// How often an end looks whether it is to be cut short,
const LOOK: Duration = Duration::from_millis(50);

/// and how often at most before it is: some 20 seconds.
const MOST_LOOKS: u32 = 400;

/// The stage, while it runs.
pub(super) struct ExchangeStage {
    /// `None` once it has ended.
    thread: Option<JoinHandle<()>>,
    end: Sender<()>,
    is_stopped: Arc<AtomicBool>,
}

impl ExchangeStage {
    /// Begins to index the capture that `store` writes.
    pub(super) fn start(store: &Writer, notices: Sender<Notice>) -> std::io::Result<Self> {
        let (path, vault) = (store.path().to_owned(), store.vault().clone());
        let (end, ended) = mpsc::channel::<()>();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let watch = Watch::stopped_by(Arc::clone(&is_stopped));
        let flag = Arc::clone(&is_stopped);
        let thread = std::thread::Builder::new()
            .name("exchanges".to_owned())
            .spawn(move || {
                let mut next = || {
                    if flag.load(Ordering::Relaxed) {
                        return Follow::Leave;
                    }
                    match ended.recv_timeout(PAUSE) {
                        Ok(()) => Follow::Rest,
                        Err(RecvTimeoutError::Timeout) => Follow::At(steady_ns()),
                        Err(RecvTimeoutError::Disconnected) => Follow::Leave,
                    }
                };
                if let Err(error) = store::follow(&path, &vault, &watch, &mut next) {
                    notices
                        .send(Notice::ExchangesFailed(error.to_string()))
                        .ok();
                }
            })?;
        Ok(Self {
            thread: Some(thread),
            end,
            is_stopped,
        })
    }

    /// Waits for the rest of the index, for some seconds unless `has_time`, and not at all once `abandon` is set.
    /// Whether all of it was made.
    pub(super) fn finish(&mut self, has_time: bool, abandon: &AtomicBool) -> bool {
        let Some(thread) = self.thread.take() else {
            return true;
        };
        self.end.send(()).ok();
        let mut looks = 0_u32;
        while !thread.is_finished() {
            looks = looks.saturating_add(1);
            let is_late = !has_time && looks > MOST_LOOKS;
            if is_late || abandon.load(Ordering::Relaxed) {
                self.is_stopped.store(true, Ordering::Relaxed);
            }
            std::thread::sleep(LOOK);
        }
        let is_whole = !self.is_stopped.load(Ordering::Relaxed);
        thread.join().is_ok() && is_whole
    }
}
