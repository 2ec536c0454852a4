//! A program that is given something hostile: it must end by itself, in words, and with little memory.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::env::Run;

/// No program takes longer for a small capture, however busy the machine.
const TIME: Duration = Duration::from_secs(30);

/// Nor more memory (KiB): the caches of a query and of its threads, and four of the largest values.
const MEMORY_KIB: u64 = 512 << 10;

/// Nor has it more to say (bytes).
const OUTPUT_BYTES: u64 = 4 << 30;

/// How much of that is kept.
const KEPT_BYTES: u64 = 32 << 20;

const POLL: Duration = Duration::from_millis(2);

/// How long it takes to see whether a program has settled.
const WHILE: Duration = Duration::from_secs(1);

/// Runs a program to its end. What is wrong with that end, if anything: that there was none, a crash, an exit status that
/// means nothing, too much memory.
pub(crate) fn run_bounded(command: Command) -> Result<Run, String> {
    run_within(MEMORY_KIB, command)
}

/// The same with this much memory, in KiB.
pub(crate) fn run_within(memory_kib: u64, mut command: Command) -> Result<Run, String> {
    let line = format!("{command:?}");
    command.env("RUST_BACKTRACE", "1");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = listen(child.stdout.take().unwrap());
    let stderr = listen(child.stderr.take().unwrap());
    let deadline = Instant::now() + TIME;
    let mut peak_kib = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        // It only grows, but for the first moment, in which the memory can still be that of this process (vfork).
        peak_kib = status_kib(&child, "VmHWM:").unwrap_or(peak_kib);
        if Instant::now() > deadline || peak_kib > 2 * memory_kib {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(POLL);
    };
    let (stdout, said_bytes) = stdout.join().unwrap();
    let (stderr, _) = stderr.join().unwrap();
    let run = Run {
        line,
        status: status.and_then(|status| status.code()),
        stdout,
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    };
    let fault = if peak_kib > memory_kib {
        Some(format!("{peak_kib} KiB, and {memory_kib} are allowed"))
    } else if status.is_none() {
        Some(format!("no end after {TIME:?}"))
    } else if run.stderr.contains("panicked") || !matches!(run.status, Some(0..=2)) {
        Some(format!("a crash: {status:?}"))
    } else if said_bytes >= OUTPUT_BYTES {
        Some("no end of output".to_owned())
    } else if run.status == Some(2) && run.stderr.trim().is_empty() {
        Some("a failure without a word".to_owned())
    } else {
        None
    };
    match fault {
        Some(fault) => Err(format!("{fault}\n{}", run.story())),
        None => Ok(run),
    }
}

/// Runs a program that may go on for ever, and interrupts it when it has done so for a while. What is wrong with it, if anything:
/// a crash, that it is busy while nothing is to be done, that it does not end.
pub(crate) fn run_a_while(mut command: Command) -> Result<(), String> {
    let line = format!("{command:?}");
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = listen(child.stderr.take().unwrap());
    let began = Instant::now();
    let mut was_busy = None;
    let mut fault = None;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(POLL);
        let spent = busy(&child).unwrap_or_default();
        if began.elapsed() > TIME {
            fault = Some("interrupts do not end it");
            child.kill().unwrap();
        } else if began.elapsed() > 2 * WHILE {
            let before = was_busy.unwrap_or(spent);
            if spent.saturating_sub(before) > WHILE / 2 {
                fault = Some("it is busy");
            }
            kill_process(Pid::from_child(&child), Signal::INT).ok();
            // Twice, if once is not enough.
            std::thread::sleep(WHILE);
        } else if began.elapsed() > WHILE {
            was_busy.get_or_insert(spent);
        }
    };
    let said = String::from_utf8_lossy(&stderr.join().unwrap().0).into_owned();
    if said.contains("panicked") || !matches!(status.code(), Some(0..=2 | 130)) {
        fault = Some("a crash");
    }
    match fault {
        Some(fault) => Err(format!("{fault}: {status:?}\n$ {line}\n{said}")),
        None => Ok(()),
    }
}

/// How long a program has had the processor so far. proc(5): the 14th and 15th field, in ticks of a hundredth of a second.
fn busy(child: &Child) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11).map(str::parse::<u64>);
    let ticks = fields.next()?.ok()? + fields.next()?.ok()?;
    Some(Duration::from_millis(10 * ticks))
}

/// Listens to the end, or to more than anybody has to say. The beginning of it, and how much it was.
fn listen(mut stream: impl Read + Send + 'static) -> JoinHandle<(Vec<u8>, u64)> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut count = (&mut stream)
            .take(KEPT_BYTES)
            .read_to_end(&mut bytes)
            .unwrap() as u64;
        let mut rest = stream.take(OUTPUT_BYTES);
        count += std::io::copy(&mut rest, &mut std::io::sink()).unwrap();
        (bytes, count)
    })
}

/// What the system says of the memory of a program, in KiB: `VmHWM:` is the most that it had so far, `VmRSS:` what it has
/// (proc(5)). `None` when it has just ended.
pub(crate) fn status_kib(child: &Child, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
