//! Whether a reader keeps the capture's `-wal` from being written back, and who that is: looked at once a second, between
//! commits.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::meters::Meters;
use super::notice::Notice;
use crate::store::{self, Holder, Writer};

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How often at most the same readers are told of.
const TELL: Duration = Duration::from_secs(60);

/// Looks at the `-wal` and says who holds it.
pub(super) struct LogWatch {
    meters: Arc<Meters>,
    notices: Sender<Notice>,
    looked: Option<Instant>,
    /// While a reader holds it.
    held: Option<Held>,
}

/// What was seen and told of a log that is held.
struct Held {
    since: Instant,
    /// Who held it at the last look.
    seen: HashSet<u32>,
    /// Who was told of.
    named: HashSet<u32>,
    told: Option<Instant>,
}

impl LogWatch {
    pub(super) fn new(meters: Arc<Meters>, notices: Sender<Notice>) -> Self {
        Self {
            meters,
            notices,
            looked: None,
            held: None,
        }
    }

    /// Goes on with another file.
    pub(super) fn go_on(&mut self) {
        self.held = None;
        self.meters.set_held(0, &[]);
    }

    /// Looks, if it is time to. What fails here fails in the next commit as well, and is told there.
    pub(super) fn tend(&mut self, store: &mut Writer) {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look(store).ok();
            self.looked = Some(Instant::now());
        }
    }

    /// Has what was given back of the file cut off as well, once nothing more is.
    fn look(&mut self, store: &mut Writer) -> Result<(), store::Error> {
        let size = store.size()?;
        let is_to_cut = size.to_cut > 0 && !store.is_pruning();
        let is_in_the_way = (size.held > 0 || is_to_cut) && store.write_back()?;
        let is_held = size.held > 0 && is_in_the_way;
        let Some(holders) = is_held.then(|| others(store.path())).flatten() else {
            self.meters.set_held(0, &[]);
            if self.held.take().is_some_and(|held| held.told.is_some()) {
                self.notices.send(Notice::LogFree).ok();
            }
            return Ok(());
        };
        self.meters.set_held(size.held, &holders);
        let now = Instant::now();
        let held = self.held.get_or_insert_with(|| Held::new(now));
        if let Some(holders) = held.look(holders, now) {
            let bytes = size.held;
            self.notices.send(Notice::LogHeld { bytes, holders }).ok();
        }
        Ok(())
    }
}

/// The other processes that read a capture, as far as the system tells; `None` if it is this one alone, whose threads read
/// for a moment at a time.
fn others(path: &Path) -> Option<Vec<Holder>> {
    let mut holders = store::holders(path);
    let is_told = !holders.is_empty();
    holders.retain(|holder| holder.pid != std::process::id());
    (!is_told || !holders.is_empty()).then_some(holders)
}

impl Held {
    fn new(since: Instant) -> Self {
        Self {
            since,
            seen: HashSet::new(),
            named: HashSet::new(),
            told: None,
        }
    }

    /// Who is to be told of. Whoever is there at one look alone has a short query, and is none who keeps it; but where
    /// those take turns for long, or the system tells of nobody, it is told all the same.
    fn look(&mut self, holders: Vec<Holder>, now: Instant) -> Option<Vec<Holder>> {
        let now_seen = holders.iter().map(|holder| holder.pid).collect();
        let seen = std::mem::replace(&mut self.seen, now_seen);
        let staying: Vec<_> = holders
            .iter()
            .filter(|holder| seen.contains(&holder.pid))
            .cloned()
            .collect();
        let is_new = staying
            .iter()
            .any(|holder| !self.named.contains(&holder.pid));
        let is_due = now.duration_since(self.told.unwrap_or(self.since)) >= TELL;
        let is_nameless = self.told.is_none() && holders.is_empty() && now > self.since;
        if !is_new && !is_due && !is_nameless {
            return None;
        }
        self.told = Some(now);
        let told = if staying.is_empty() { holders } else { staying };
        self.named.extend(told.iter().map(|holder| holder.pid));
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holders(pids: &[u32]) -> Vec<Holder> {
        let holder = |pid: &u32| Holder {
            pid: *pid,
            name: None,
        };
        pids.iter().map(holder).collect()
    }

    /// What is told at these looks, a second apart.
    fn told(looks: &[Vec<u32>]) -> Vec<Option<Vec<Holder>>> {
        let began = Instant::now();
        let mut held = Held::new(began);
        (0..)
            .zip(looks)
            .map(|(second, pids)| held.look(holders(pids), began + Duration::from_secs(second)))
            .collect()
    }

    #[test]
    fn who_stays_is_told_of_once_a_minute() {
        let mut looks = vec![vec![2, 7], vec![8, 2]];
        looks.resize(66, vec![1, 2]);
        let told = told(&looks);
        assert_eq!(told[0], None);
        assert_eq!(told[1], Some(holders(&[2])));
        assert_eq!(told[2], None, "1 is there at one look");
        assert_eq!(told[3], Some(holders(&[1, 2])), "and at two");
        assert!(told[4..63].iter().all(Option::is_none));
        assert_eq!(told[63], Some(holders(&[1, 2])));
        assert!(told[64..].iter().all(Option::is_none));
    }

    #[test]
    fn readers_that_take_turns_are_told_of_after_a_minute() {
        let looks: Vec<_> = (0..62).map(|second| vec![second]).collect();
        let told = told(&looks);
        assert!(told[..60].iter().all(Option::is_none));
        assert_eq!(told[60], Some(holders(&[60])));
        assert_eq!(told[61], None);
    }

    #[test]
    fn where_nobody_is_named_it_is_told_at_the_second_look() {
        let looks = [vec![], vec![], vec![]];
        assert_eq!(told(&looks), [None, Some(Vec::new()), None]);
    }
}
