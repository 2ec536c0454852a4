//! Which data goes: rules and facts about a capture make a plan. A calculation on plain values; `prune` carries it out.
//!
//! Age is judged by the time of receipt, which is the recorder's own, so that a wrong clock of eCapture's neither pins
//! nor prunes anything. The recorder's clock can be set as well; it notes that ([`Jump`]), and an age that reaches over a
//! jump leaves it out. Commits are in order of arrival: what came before a commit that is old enough is old enough, whatever
//! its times say. So a clock that was set back holds nothing for longer than what came after it.

use std::time::Duration;

use crate::event::Timestamp;
use crate::filter::Expr;

/// What is kept. Without any rule, everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// How long events are kept that no finer rule is true of; for ever without it.
    pub keep: Option<Keep>,
    /// Events that are kept for another time. Of several that are true of an event, the longest counts.
    pub keep_where: Vec<KeepWhere>,
    /// How large the capture may be, its `-wal` and `-shm` included.
    pub max_size: Option<MaxSize>,
    /// How much of the file system is to stay free.
    pub min_free: Option<MinFree>,
}

/// How long events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// For how long.
    pub age: Duration,
    /// The rule in the user's words.
    pub words: String,
}

/// How long some events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepWhere {
    /// Which.
    pub filter: Expr,
    /// For how long.
    pub age: Duration,
    /// The rule in the user's words.
    pub words: String,
}

/// How large the capture may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxSize {
    /// In bytes.
    pub bytes: u64,
    /// The rule in the user's words.
    pub words: String,
}

/// How much of the file system is to stay free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinFree {
    /// How much.
    pub share: Share,
    /// The rule in the user's words.
    pub words: String,
}

/// A part of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// So many bytes.
    Bytes(u64),
    /// So much of its size, in hundredths of a percent.
    Hundredths(u16),
}

impl Rules {
    /// Whether everything is kept.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What goes at which age, the youngest first.
    pub fn levels(&self) -> Vec<Level> {
        let mut levels: Vec<_> = self
            .keep_where
            .iter()
            .filter_map(|rule| {
                let longer = self.keep_where.iter().filter(|other| other.age > rule.age);
                Some(Level {
                    age: rule.age,
                    rule: rule.words.clone(),
                    goes: Goes::Events(Box::new(Expr::all(
                        [rule.filter.clone()].into_iter().chain(none_of(longer)),
                    )?)),
                })
            })
            .collect();
        if let Some(keep) = &self.keep {
            // At the longest age of all, whatever is left of a commit goes.
            let longest = self.keep_where.iter().max_by_key(|rule| rule.age);
            let (age, rule) = match longest.filter(|rule| rule.age > keep.age) {
                Some(rule) => (rule.age, &rule.words),
                None => (keep.age, &keep.words),
            };
            if age > keep.age
                && let Some(others) = none_of(self.keep_where.iter())
            {
                levels.push(Level {
                    age: keep.age,
                    rule: keep.words.clone(),
                    goes: Goes::Events(Box::new(others)),
                });
            }
            levels.retain(|level| level.age < age);
            levels.push(Level {
                age,
                rule: rule.clone(),
                goes: Goes::Commits,
            });
        }
        levels.sort_by_key(|level| level.age);
        levels
    }
}

/// Events that none of these rules is true of; `None` if there is no rule.
fn none_of<'a>(rules: impl Iterator<Item = &'a KeepWhere>) -> Option<Expr> {
    Expr::any(rules.map(|rule| rule.filter.clone())).map(Expr::negated)
}

/// What goes at one age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// The age.
    pub age: Duration,
    /// The rule in the user's words.
    pub rule: String,
    /// What goes.
    pub goes: Goes,
}

/// What goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goes {
    /// Whole commits.
    Commits,
    /// Single events, out of commits that stay.
    Events(Box<Expr>),
}

/// One commit that brought events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// Its first event.
    pub first: i64,
    /// Its last event.
    pub last: i64,
    /// When the last of its events was received.
    pub received: Timestamp,
}

/// A moment at which the recorder's clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// The last event that came before it.
    pub before: i64,
    /// How far it jumped, in nanoseconds; negative if it was set back.
    pub by_ns: i128,
}

/// What is known of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The time.
    pub now: Timestamp,
    /// The first event of the oldest commit and the last of the newest; `None` if there is no commit.
    pub ids: Option<(i64, i64)>,
    /// The jumps of the recorder's clock since the first event.
    pub jumps: Vec<Jump>,
    /// How large it is.
    pub size: Size,
}

/// How large a capture is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// The database, once what was given back of it is written back.
    pub file: u64,
    /// What is still to be cut off its end for that.
    pub to_cut: u64,
    /// Of that, pages that hold nothing.
    pub free_pages: u64,
    /// What lies beside it: `-wal` and `-shm`.
    pub logs: u64,
    /// Of that, what a reader holds: no removal makes it smaller.
    pub held: u64,
    /// The file system that it is on, if that is known: how much is free of how much.
    pub disk: Option<(u64, u64)>,
}

impl Size {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.file
            .saturating_add(self.to_cut)
            .saturating_add(self.logs)
    }
}

/// What is to go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// By age; whole commits first.
    pub removals: Vec<Removal>,
    /// By size: after that.
    pub excess: Option<Excess>,
}

/// Data that is too old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The rule in the user's words.
    pub rule: String,
    /// What goes.
    pub goes: Goes,
    /// Of the events behind this one,
    pub after: i64,
    /// up to this one.
    pub through: i64,
}

/// How much has to be given back to the file system: the oldest commits go until there is so much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// In bytes.
    pub bytes: u64,
    /// The rule in the user's words.
    pub rule: String,
}

/// The hysteresis of the rules on size: a limit that is reached is fallen below by a twentieth of it.
const MARGIN: u64 = 20;

/// Makes the plan. `done` tells up to which event the work of a level was done before, `commit_at` the commit that holds an
/// event, or the last before it.
///
/// # Errors
/// What `done` and `commit_at` give.
pub fn plan<E>(
    rules: &Rules,
    state: &State,
    done: &mut dyn FnMut(&Level) -> Result<i64, E>,
    commit_at: &mut dyn FnMut(i64) -> Result<Option<Commit>, E>,
) -> Result<Plan, E> {
    let mut removals = Vec::new();
    // From the oldest age on: whole commits first, and finer rules only on what they leave.
    let mut gone = i64::MIN;
    for level in rules.levels().into_iter().rev() {
        let Some(through) = horizon(state, level.age, commit_at)? else {
            continue;
        };
        let after = match level.goes {
            Goes::Commits => i64::MIN,
            Goes::Events(_) => done(&level)?.max(gone),
        };
        if level.goes == Goes::Commits {
            gone = through;
        }
        if through > after {
            removals.push(Removal {
                rule: level.rule,
                goes: level.goes,
                after,
                through,
            });
        }
    }
    Ok(Plan {
        removals,
        excess: excess(rules, &state.size),
    })
}

/// The last event of a commit that is older than `age`, of which what follows is not. Ages grow with distance but for jumps
/// that nobody noted, so this is looked for in steps that double, from the newest commit on, and then by halves: what is
/// found is old in any case, and what lies before it goes with it.
fn horizon<E>(
    state: &State,
    age: Duration,
    commit_at: &mut dyn FnMut(i64) -> Result<Option<Commit>, E>,
) -> Result<Option<i64>, E> {
    let Some((first, last)) = state.ids else {
        return Ok(None);
    };
    let age = i128::try_from(age.as_nanos()).unwrap_or(i128::MAX);
    let is_old = |commit: &Commit| age_ns(state, commit) > age;
    let (mut step, mut high) = (0_i64, last);
    let mut found = loop {
        let id = last.saturating_sub(step).max(first);
        let Some(commit) = commit_at(id)? else {
            return Ok(None);
        };
        if is_old(&commit) {
            break commit.last;
        }
        high = commit.first.min(id).saturating_sub(1);
        if high < first {
            return Ok(None);
        }
        step = step.saturating_mul(2).max(last.saturating_sub(high));
    };
    let mut low = found.saturating_add(1);
    while low <= high {
        let middle = low + (high - low) / 2;
        let Some(commit) = commit_at(middle)? else {
            break;
        };
        if is_old(&commit) {
            found = commit.last;
            low = commit.last.max(middle).saturating_add(1);
        } else {
            high = commit.first.min(middle).saturating_sub(1);
        }
    }
    Ok(Some(found))
}

/// How long ago a commit was received, by the recorder's clock without its jumps.
fn age_ns(state: &State, commit: &Commit) -> i128 {
    let jumped: i128 = state
        .jumps
        .iter()
        .filter(|jump| jump.before >= commit.last)
        .map(|jump| jump.by_ns)
        .sum();
    i128::from(state.now.as_nanos()) - i128::from(commit.received.as_nanos()) - jumped
}

/// How much is to be given back.
fn excess(rules: &Rules, size: &Size) -> Option<Excess> {
    let by_size = rules.max_size.as_ref().and_then(|rule| {
        let counted = size
            .total()
            .saturating_sub(size.held)
            .saturating_sub(size.to_cut);
        (counted > rule.bytes).then(|| Excess {
            bytes: counted - (rule.bytes - rule.bytes / MARGIN),
            rule: rule.words.clone(),
        })
    });
    let by_disk = rules.min_free.as_ref().and_then(|rule| {
        let (free, total) = size.disk?;
        // What is on its way to be free, and what no removal frees.
        let free = free.saturating_add(size.to_cut).saturating_add(size.held);
        let wanted = match rule.share {
            Share::Bytes(bytes) => bytes,
            Share::Hundredths(hundredths) => {
                let wanted = u128::from(total) * u128::from(hundredths) / 10_000;
                u64::try_from(wanted).unwrap_or(u64::MAX)
            }
        };
        (free < wanted).then(|| Excess {
            bytes: (wanted - free).saturating_add(wanted / MARGIN),
            rule: rule.words.clone(),
        })
    });
    by_size
        .into_iter()
        .chain(by_disk)
        .max_by_key(|excess| excess.bytes)
}

#[cfg(test)]
mod tests;
