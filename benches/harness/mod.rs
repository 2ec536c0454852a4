//! What both benchmarks need: the time of this thread, medians of interleaved rounds, and a table of targets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

pub(crate) mod memory;
pub(crate) mod recording;
pub(crate) mod reference;

/// The processor time that this thread has used.
pub(crate) fn thread_cpu() -> Duration {
    spent(ClockId::ThreadCPUTime)
}

/// The processor time that all threads have spent.
pub(crate) fn process_cpu() -> Duration {
    spent(ClockId::ProcessCPUTime)
}

fn spent(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Runs `work` and gives its result with the processor time that this thread spent in it.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = thread_cpu();
    let result = work();
    (result, thread_cpu().saturating_sub(before))
}

/// What was measured in several rounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured(Vec<f64>);

impl Measured {
    /// One value, measured exactly.
    pub(crate) fn exact(value: f64) -> Self {
        Self(vec![value])
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Round by round, how often that one goes into this one.
    pub(crate) fn over(&self, that: &Self) -> Self {
        Self(self.0.iter().zip(&that.0).map(|(a, b)| a / b).collect())
    }

    /// The middle one of the rounds.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let upper = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        let lower = sorted
            .get(sorted.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(f64::NAN);
        f64::midpoint(lower, upper)
    }

    fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// The table that a benchmark prints: one line a figure.
#[derive(Debug, Default)]
pub(crate) struct Table {
    lines: String,
    missed: u32,
}

impl Table {
    /// A figure that must not be above `target`.
    pub(crate) fn judge(&mut self, name: &str, measured: &Measured, target: f64, unit: &str) {
        let is_met = measured.median() <= target;
        self.missed += u32::from(!is_met);
        let verdict = if is_met { "pass" } else { "MISS" };
        self.line(name, measured, &format!("<= {target}"), unit, verdict);
    }

    /// A figure that must not be below `target`.
    pub(crate) fn judge_at_least(
        &mut self,
        name: &str,
        measured: &Measured,
        target: f64,
        unit: &str,
    ) {
        let is_met = measured.median() >= target;
        self.missed += u32::from(!is_met);
        let verdict = if is_met { "pass" } else { "MISS" };
        self.line(name, measured, &format!(">= {target}"), unit, verdict);
    }

    /// A figure without a target.
    pub(crate) fn state(&mut self, name: &str, measured: &Measured, unit: &str) {
        self.line(name, measured, "", unit, "");
    }

    fn line(&mut self, name: &str, measured: &Measured, target: &str, unit: &str, verdict: &str) {
        let noise = if measured.0.len() > 1 {
            format!("{:.2}-{:.2}", measured.min(), measured.max())
        } else {
            String::new()
        };
        writeln!(
            self.lines,
            "{name:<62} {:>9.2} {unit:<6} {noise:>15}  {target:<8} {verdict}",
            measured.median(),
        )
        .expect("writing to a string cannot fail");
    }

    /// A line that says what follows.
    pub(crate) fn heading(&mut self, text: &str) {
        writeln!(self.lines, "\n{text}").expect("writing to a string cannot fail");
    }

    /// Prints what there is so far.
    pub(crate) fn print(&mut self) {
        println!("{}", self.lines.trim_end());
        self.lines.clear();
    }

    /// Prints how many targets were missed.
    pub(crate) fn conclude(mut self) {
        self.print();
        match self.missed {
            0 => println!("\nall targets met"),
            missed => println!("\n{missed} target(s) missed"),
        }
    }
}

/// The arguments after `--`: flags, and flags with a number.
#[derive(Debug)]
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    pub(crate) fn read() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|argument| argument == flag)
    }

    /// The text after `flag`, else an empty one.
    pub(crate) fn text(&self, flag: &str) -> &str {
        let at = self.0.iter().position(|argument| argument == flag);
        at.and_then(|at| self.0.get(at + 1))
            .map_or("", String::as_str)
    }

    /// The number after `flag`, else `usual`.
    pub(crate) fn number(&self, flag: &str, usual: usize) -> usize {
        self.0
            .iter()
            .position(|argument| argument == flag)
            .and_then(|at| self.0.get(at + 1))
            .map_or(usual, |text| {
                text.replace('_', "")
                    .parse()
                    .unwrap_or_else(|_| panic!("{flag} wants a number"))
            })
    }
}

/// A path in cargo's folder for the temporary files of benchmarks.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Removes a database and what SQLite leaves beside it.
pub(crate) fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::fs::remove_file(name).ok();
    }
}

/// As a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes far below 2^52"
)]
pub(crate) fn number(value: u64) -> f64 {
    value as f64
}

/// How often the second duration goes into the first.
pub(crate) fn ratio(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64()
}
