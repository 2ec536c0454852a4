//! The recording goes on in another file. Links stay, and what comes meanwhile waits in the queue.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Committer, end_when_free};
use crate::event::Timestamp;
use crate::record::closing::Closing;
use crate::record::error::Error;
use crate::record::exchanges::ExchangeStage;
use crate::record::notice::Notice;
use crate::record::source::now;
use crate::record::switching::Due;
use crate::store::{self, Sealed, Writer};

impl Committer {
    /// Goes on in another file if it is time to.
    pub(super) fn switch_if_due(&mut self) -> Result<(), Error> {
        let Some(switching) = &self.switching else {
            return Ok(());
        };
        let is_quiet = || self.meters.queue.backlog().frames == 0;
        let due = switching.due(self.intakes.file_events(), is_quiet);
        let is_ring = switching.ring.is_some();
        let has_all_files = || {
            let files = self.autostop.files;
            files.is_some_and(|files| switching.written >= files)
        };
        match due {
            Some(_) if self.is_full => Ok(()),
            Some(Due::Full | Due::Asked) if has_all_files() => {
                self.set_full();
                Ok(())
            }
            Some(Due::AskedInVain) => {
                switching.answer();
                self.tell(Notice::NothingToSetAside);
                Ok(())
            }
            Some(Due::Full | Due::Asked) => {
                switching.answer();
                self.commit()?;
                if self.is_full {
                    return Ok(());
                }
                self.closer.wait(&self.meters);
                if is_ring {
                    self.go_on_in_next(due == Some(Due::Asked))
                } else {
                    self.set_aside()
                }
            }
            None => Ok(()),
        }
    }

    /// Goes on in the next file of a ring. The one before is completed meanwhile.
    fn go_on_in_next(&mut self, is_asked: bool) -> Result<(), Error> {
        let Some(switching) = &mut self.switching else {
            return Ok(());
        };
        let at = now().max(self.last_commit);
        let path = switching.names.next(at);
        let last = self.intakes.last_event();
        let before = self.store.predecessor(self.store.path(), last);
        // Begun before this one is ended: if that fails, the recording goes on here.
        let starts = switching.starts(at, &self.store);
        let next = match Writer::open_next(&path, &starts, before.as_ref()) {
            Ok(next) => next,
            Err(error) => {
                switching.put_off(is_asked);
                let reason = error.to_string();
                self.tell(Notice::CannotSwitch { path, reason });
                return Ok(());
            }
        };
        let exchanges = ExchangeStage::start(&next, self.notices.clone())?;
        self.end_file(at)?;
        let closing = Closing {
            store: std::mem::replace(&mut self.store, next),
            exchanges: std::mem::replace(&mut self.exchanges, exchanges),
            notices: self.notices.clone(),
            abandon: Arc::clone(&self.abandon),
            gone: self.begin_file(at)?,
        };
        self.closer.close(closing)?;
        Ok(())
    }

    /// Completes the file, gives it another name, and goes on in a new one under its own. Frames wait meanwhile.
    fn set_aside(&mut self) -> Result<(), Error> {
        if !self.store.is_in_place()? {
            let path = self.store.path().to_owned();
            self.tell(Notice::MovedAway(path));
            return Ok(());
        }
        let at = now().max(self.last_commit);
        self.end_file(at)?;
        if !self.exchanges.finish(false, &self.abandon) {
            let path = self.store.path().to_owned();
            self.tell(Notice::ExchangesLeftIn(path));
        }
        let Some(switching) = &mut self.switching else {
            return Ok(());
        };
        let from = self.store.path().to_owned();
        let base = switching.names.base().to_owned();
        let (sealed, name) = if from == base {
            let aside = switching.names.next(switching.began_at);
            match self.store.set_aside(&aside)? {
                Sealed::Yes => (Sealed::Yes, aside),
                Sealed::HeldByReader => (Sealed::HeldByReader, from),
            }
        } else {
            (self.store.leave_one_file()?, from)
        };
        let last = self.intakes.last_event();
        let before = self.store.predecessor(&name, last);
        let notice = match sealed {
            Sealed::HeldByReader => Notice::FileHeld(name),
            Sealed::Yes => Notice::SetAside(name),
        };
        self.notices.send(notice).ok();
        // A file that a reader holds keeps its name, to which its -wal belongs.
        let path = if store::is_free(&base) {
            base
        } else {
            switching.names.next(at)
        };
        let starts = switching.starts(at, &self.store);
        self.store = Writer::open_next(&path, &starts, before.as_ref())?;
        self.exchanges = ExchangeStage::start(&self.store, self.notices.clone())?;
        self.begin_file(at)?;
        Ok(())
    }

    /// Closes in this file what is open, and ends its recordings.
    fn end_file(&mut self, at: Timestamp) -> Result<(), Error> {
        self.intakes.end_file(at);
        self.commit()?;
        self.end_watch();
        let counters = self.intakes.file_counters();
        end_when_free(&self.abandon, &mut self.store, &counters, at)
    }

    /// Begins in the file that is open now. Which files go then.
    fn begin_file(&mut self, at: Timestamp) -> Result<Vec<PathBuf>, Error> {
        self.intakes.begin_file(at, self.store.recordings());
        self.log_watch.go_on();
        if let Some(retention) = &mut self.retention {
            retention.go_on(&mut self.store)?;
        }
        let path = self.store.path().to_owned();
        self.meters.begin_file(path.clone());
        self.tell(Notice::GoesOnIn(path.clone()));
        let switching = self.switching.as_mut();
        Ok(switching.map_or_else(Vec::new, |switching| switching.began(path, at)))
    }
}
