//! Pruning a capture that nobody records into: what would go, and then that it goes.

use std::path::Path;

use super::{Done, Pruner, Step, facts};
use crate::event::{EventId, Timestamp};
use crate::filter::Expr;
use crate::store::error::{At, Error};
use crate::store::reader::Reader;
use crate::store::retention::{Goes, Plan, Rules, Size};
use crate::store::spans::Order;
use crate::store::vault::Secret;
use crate::store::watch::Watch;
use crate::store::{migrate, open, patience};

/// About how many bytes an event takes beside its payload, to estimate what a removal gives back.
const EVENT_BYTES: u64 = 64;

/// How often a plan is made anew: sizes are judged once what is too old is gone.
const MAX_ROUNDS: usize = 8;

/// What goes by one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// The rule in the user's words.
    pub rule: String,
    /// How many events.
    pub events: u64,
    /// How many bytes of payload, before compression.
    pub payload_bytes: u64,
    /// The earliest and the latest of them, by event time.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Whether that is an estimate: how much a removal gives back shows only afterwards.
    pub is_estimated: bool,
}

impl Preview {
    fn add(&mut self, time: i64, payload_bytes: u64) {
        let time = Timestamp::from_nanos(time);
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
        self.events += 1;
        self.payload_bytes = self.payload_bytes.saturating_add(payload_bytes);
    }
}

/// What pruning would do, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruning {
    /// What goes, by rule.
    pub previews: Vec<Preview>,
    /// How large the capture was.
    pub size: Size,
    /// What was done; `None` if it was only asked what would be.
    pub done: Option<Done>,
    /// Whether a rule on size is not met, and nothing is left that may go.
    pub is_short: bool,
}

/// Tells what the rules would remove from the capture at `path`, or with `is_done` removes it. `disk` is how much of the
/// file system is free, and how much there is. `secret` opens an encrypted capture. `watch` can stop it; what was removed is gone, and the file is sound.
///
/// # Errors
/// When the file cannot be read, or `secret` does not open it, or it is not ours to write, or a recorder has it, or it is newer than this program.
pub fn prune(
    path: &Path,
    (rules, secret): (&Rules, Option<&Secret>),
    (now, disk): (Timestamp, Option<(u64, u64)>),
    is_done: bool,
    watch: &Watch,
) -> Result<Pruning, Error> {
    let mut reader = Reader::open(path)?;
    reader.unlock(secret)?;
    reader.set_watch(watch.clone());
    let state = facts::state_of(&reader, now, disk)?;
    let plan = facts::plan(&reader.db, &reader.path, rules, &state)?;
    let mut pruning = Pruning {
        previews: previews(&reader, &plan, &state.size, watch)?,
        size: state.size,
        ..Pruning::default()
    };
    drop(reader);
    if is_done && !watch.is_stopped() {
        let (done, is_short) = carry_out(path, (rules, secret), (now, disk), watch)?;
        pruning.done = Some(done);
        pruning.is_short = is_short;
    }
    Ok(pruning)
}

fn carry_out(
    path: &Path,
    (rules, secret): (&Rules, Option<&Secret>),
    (now, disk): (Timestamp, Option<(u64, u64)>),
    watch: &Watch,
) -> Result<(Done, bool), Error> {
    let path = open::resolve(path)?;
    let (_lock, db, vault) = migrate::open_to_change(&path, secret)?;
    let mut pruner = Pruner::new(&path, rules.clone(), &vault)?;
    pruner.make_thorough();
    let mut disk = disk;
    for _ in 0..MAX_ROUNDS {
        pruner.look(&db, now, disk, true)?;
        if !pruner.is_busy() {
            break;
        }
        while !watch.is_stopped() && pruner.step(&db, now, &|_| false)? != Step::Idle {}
        super::write_back(&db, &path)?;
        disk = disk.and_then(|_| open::disk_space(&path).ok());
        if pruner.is_short() || watch.is_stopped() {
            break;
        }
    }
    let (done, is_short) = (pruner.done(), pruner.is_short());
    drop(pruner);
    open::leave_one_file(&db).at(&path)?;
    Ok((done, is_short))
}

fn previews(
    reader: &Reader,
    plan: &Plan,
    size: &Size,
    watch: &Watch,
) -> Result<Vec<Preview>, Error> {
    let mut previews = Vec::new();
    let mut gone = i64::MIN;
    for removal in &plan.removals {
        let mut preview = Preview {
            rule: removal.rule.clone(),
            ..Preview::default()
        };
        match &removal.goes {
            Goes::Commits => {
                gone = removal.through;
                each_event(reader, |id, time, payload_bytes| {
                    if id <= removal.through {
                        preview.add(time, payload_bytes);
                    }
                    id < removal.through && !watch.is_stopped()
                })?;
            }
            Goes::Events(filter) => {
                let bounds = [
                    Expr::after(EventId::new(removal.after)),
                    Expr::up_to(EventId::new(removal.through)),
                ];
                let filter = Expr::all([(**filter).clone()].into_iter().chain(bounds));
                let mut rows = reader.events(filter.as_ref(), Order::OldestFirst, None)?;
                while let Some((time, id)) = rows.next_id()? {
                    if let Some(event) = reader.event(id)? {
                        preview.add(time.as_nanos(), event.payload_bytes);
                    }
                }
            }
        }
        if preview.events > 0 {
            previews.push(preview);
        }
    }
    if let Some(excess) = &plan.excess {
        let by_age: u64 = previews.iter().map(cost).sum();
        let missing = excess
            .bytes
            .saturating_sub(size.free_pages)
            .saturating_sub(by_age);
        let mut preview = Preview {
            rule: excess.rule.clone(),
            is_estimated: true,
            ..Preview::default()
        };
        // How much of what is stored is needed for a byte of what was received.
        let mut all = Preview::default();
        each_event(reader, |_, time, payload_bytes| {
            all.add(time, payload_bytes);
            !watch.is_stopped()
        })?;
        let used = size.file.saturating_sub(size.free_pages);
        let newest = facts::last_but_one(&reader.db).at(&reader.path)?;
        each_event(reader, |id, time, payload_bytes| {
            if id <= gone {
                return true;
            }
            let share =
                u128::from(cost(&preview)) * u128::from(used) / u128::from(cost(&all).max(1));
            let is_enough = share >= u128::from(missing);
            if !is_enough && Some(id) <= newest {
                preview.add(time, payload_bytes);
            }
            !is_enough && Some(id) <= newest && !watch.is_stopped()
        })?;
        previews.push(preview);
    }
    Ok(previews)
}

fn cost(preview: &Preview) -> u64 {
    preview
        .payload_bytes
        .saturating_add(preview.events.saturating_mul(EVENT_BYTES))
}

/// Gives the id, time and size of each event, the oldest first, as long as more are wanted.
fn each_event(
    reader: &Reader,
    mut wants_more: impl FnMut(i64, i64, u64) -> bool,
) -> Result<(), Error> {
    let path = &reader.path;
    let mut statement = reader
        .db
        .prepare_cached("SELECT id, time_ns, payload_bytes FROM events ORDER BY id")
        .at(path)?;
    let mut rows = statement.query([]).at(path)?;
    let mut before = None;
    while let Some(row) = rows.next().at(path)? {
        let id = row.get("id").at(path)?;
        if before.replace(id).is_some_and(|before| id <= before) {
            return Err(patience::not_rising()).at(path);
        }
        if !wants_more(
            id,
            row.get("time_ns").at(path)?,
            row.get("payload_bytes").at(path)?,
        ) {
            break;
        }
    }
    Ok(())
}
