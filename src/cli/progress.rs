//! A bar on standard error for scans that take long: how much was gone through, and how long the rest will take.
//!
//! It is drawn by a thread of its own, from the numbers of a [`Watch`], and only on a terminal. Whatever else is written to
//! the terminal takes it away first: [`super::terminal`] sees to that.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::render::{human, length};
use crate::store::Watch;

/// How long a scan may take without a bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long one picture of the bar stays.
const PICTURE: Duration = Duration::from_millis(200);

/// Where a bar is, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Place(Arc<Mutex<Option<ProgressBar>>>);

impl Place {
    /// Writes something else to the terminal: the bar goes, and comes back below it.
    pub(super) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        match &*self.lock() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away for good.
    pub(super) fn clear(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }

    fn put(&self, bar: ProgressBar) {
        *self.lock() = Some(bar);
    }

    /// Draws the bar; whether it is still there.
    fn draw(&self, watch: &Watch) -> bool {
        let place = self.lock();
        let Some(bar) = &*place else { return false };
        let (scanned, total) = (watch.scanned(), watch.total());
        // All was gone through, or an index answers: what is left to say is how much of the answer there is.
        if scanned >= total && watch.written() > 0 {
            bar.set_style(style("{msg}"));
            bar.set_message(format!("{} written", watch.written()));
            return true;
        }
        // Nothing is gone through, and nobody knows for how long.
        if scanned == 0 {
            return true;
        }
        // Before the rest, as each of these can draw.
        bar.set_message(words(scanned, total, bar.elapsed()));
        if total > 0 {
            if bar.length().is_none() {
                bar.set_style(style("{bar:30} {msg}"));
            }
            bar.set_length(total);
            bar.set_position(scanned.min(total));
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bar that is shown while this lives.
#[must_use = "the bar goes when this is dropped"]
#[derive(Debug)]
pub(super) struct Progress {
    place: Place,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Shows how far `watch` is, at `place`, if a bar is wanted and the work takes more than a second.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(super) fn start(place: &Place, watch: Watch, is_wanted: bool) -> io::Result<Self> {
        let thread = if is_wanted {
            let (end, ended) = mpsc::channel();
            let place = place.clone();
            let handle = std::thread::Builder::new()
                .name("progress".to_owned())
                .spawn(move || {
                    // Its clock begins here.
                    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
                        .with_style(style("{msg}"));
                    if ended.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    place.put(bar);
                    while place.draw(&watch)
                        && ended.recv_timeout(PICTURE) == Err(RecvTimeoutError::Timeout)
                    {
                    }
                })?;
            Some((end, handle))
        } else {
            None
        };
        Ok(Self {
            place: place.clone(),
            thread,
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, handle)) = self.thread.take() {
            drop(end);
            // A bar that failed to be drawn takes nothing away from the answer.
            drop(handle.join());
        }
        self.place.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `312 MiB of 2.1 GiB, 14 s left`. What is left is taken to go as fast as what is done.
fn words(scanned: u64, total: u64, passed: Duration) -> String {
    if total == 0 {
        return format!("{} gone through", human(scanned));
    }
    let scanned = scanned.min(total);
    let text = format!("{} of {}", human(scanned), human(total));
    let nanos = (passed.as_nanos()).saturating_mul(u128::from(total - scanned));
    match nanos.checked_div(u128::from(scanned)) {
        Some(nanos) => {
            let seconds = nanos.div_ceil(1_000_000_000);
            let left = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
            format!("{text}, {} left", length(left))
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says() {
        let seconds = Duration::from_secs;
        for (scanned, total, passed, expected) in [
            (0, 0, 2, "0 B gone through"),
            (312 << 20, 0, 2, "312 MiB gone through"),
            (0, 312 << 20, 2, "0 B of 312 MiB"),
            (
                327_155_712,
                2_254_857_830,
                2,
                "312 MiB of 2.1 GiB, 12 s left",
            ),
            (1, 7201, 1, "1 B of 7.0 KiB, 2 h left"),
            (1 << 20, 1 << 20, 5, "1.0 MiB of 1.0 MiB, 0 s left"),
            (2 << 20, 1 << 20, 5, "1.0 MiB of 1.0 MiB, 0 s left"),
        ] {
            assert_eq!(words(scanned, total, seconds(passed)), expected);
        }
        let forever = words(1, u64::MAX, Duration::MAX);
        assert!(forever.ends_with(" left"), "{forever}");
    }

    #[test]
    fn a_bar_that_was_taken_away_is_not_drawn_again() {
        let place = Place::default();
        assert!(!place.draw(&Watch::default()));
        place.put(ProgressBar::hidden());
        assert!(place.draw(&Watch::default()));
        assert_eq!(place.around(|| 7), 7);
        place.clear();
        assert!(!place.draw(&Watch::default()));
        assert_eq!(place.around(|| 8), 8);
    }

    #[test]
    fn what_is_written_is_counted() {
        let (place, watch) = (Place::default(), Watch::default());
        place.put(ProgressBar::hidden());
        let message = || place.lock().as_ref().unwrap().message();
        assert!(place.draw(&watch));
        assert_eq!(message(), "");
        watch.add_written();
        watch.add_written();
        assert!(place.draw(&watch));
        assert_eq!(message(), "2 written");
    }

    #[test]
    fn short_work_has_no_bar() {
        let place = Place::default();
        let progress = Progress::start(&place, Watch::default(), true).unwrap();
        assert!(place.lock().is_none());
        drop(progress);
        assert!(place.lock().is_none());
    }
}
