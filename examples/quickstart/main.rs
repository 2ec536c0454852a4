//! The quickstart: records made-up traffic for some seconds, then asks questions about it.
//!
//! `cargo run --release --example quickstart` needs no root, no kernel and no network. With `--keep` the capture stays.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

#[path = "../stand_in/mod.rs"]
#[expect(dead_code, reason = "the rest is for tests and benchmarks")]
mod stand_in;

use stand_in::dialect::Dialect;
use stand_in::options::Options;
use stand_in::server::StandIn;
use stand_in::traffic::{Corpus, Traffic};

/// How long traffic is recorded.
const RECORDING: Duration = Duration::from_secs(4);

/// Events per second.
const RATE: f64 = 300.0;

fn main() -> Result<()> {
    let keep = std::env::args_os().any(|argument| argument == "--keep");
    let programs = programs()?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let capture = directory.path().join("caps.db");

    say("A stand-in for eCapture plays made-up traffic; ecq-record keeps it for 4 seconds.\n")?;
    record(&programs, &capture)?;

    let database: &[&OsStr] = &[OsStr::new("--db"), capture.as_os_str()];
    let query = |words: &[&str]| {
        let words: Vec<_> = database
            .iter()
            .copied()
            .chain(words.iter().map(OsStr::new))
            .collect();
        ask(&programs, &words)
    };
    query(&["--pname", "curl", "--since", "10m", "-n", "10"])?;
    let posts = query(&["--method", "POST", "-n", "5"])?;
    let stats: Vec<_> = [&[OsStr::new("stats")], database].concat();
    ask(&programs, &stats)?;
    let number = first_number(&posts).unwrap_or("1");
    let show: Vec<_> = [&[OsStr::new("show"), OsStr::new(number)], database].concat();
    ask(&programs, &show)?;

    if keep {
        let kept = directory.keep();
        say(&format!("\nThe capture stays in {}\n", kept.display()))?;
    } else {
        directory
            .close()
            .context("cannot remove the temporary directory")?;
    }
    Ok(())
}

/// The folder of the programs: the one above this example's. Builds them if they are not there.
fn programs() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let folder = own
        .parent()
        .and_then(Path::parent)
        .context("this program is not in Cargo's target folder")?;
    let suffix = std::env::consts::EXE_SUFFIX;
    let there = |name: &str| folder.join(format!("{name}{suffix}")).is_file();
    if !(there("ecq-record") && there("ecq-query")) {
        let mut build = Command::new(cargo());
        build.args(["build", "--bins", "--manifest-path"]);
        build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        if !folder.ends_with("debug") {
            build.arg("--release");
        }
        let status = build.status().context("cannot run cargo")?;
        ensure!(status.success(), "cargo cannot build the programs");
    }
    Ok(folder.to_path_buf())
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example is its own edge, and Cargo says here which cargo runs it"
)]
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

/// Plays traffic and has `ecq-record` keep it.
fn record(programs: &Path, capture: &Path) -> Result<()> {
    let server = StandIn::start(Options::for_dialect(Dialect::Text))?;
    let url = server.url();
    let words = [
        OsStr::new("--db"),
        capture.as_os_str(),
        OsStr::new("--url"),
        OsStr::new(&url),
    ];
    announce("ecq-record", &words)?;
    let mut recorder = Command::new(programs.join("ecq-record"))
        .args(words)
        .stdin(Stdio::null())
        .spawn()
        .context("cannot run ecq-record")?;
    let connected = server.wait_for_clients(1, Duration::from_secs(10));
    if connected {
        let began = Instant::now();
        let traffic = Traffic::new(1, Corpus::Realistic);
        server.play(
            traffic.take_while(|_| began.elapsed() < RECORDING),
            Some(RATE),
        );
        server.wait_for_empty_queues(Duration::from_secs(5));
    }
    // As Ctrl-C does: the recorder writes what it still holds and closes the recording.
    let interrupted = Command::new("kill")
        .args(["-INT", &recorder.id().to_string()])
        .status();
    if !interrupted.is_ok_and(|status| status.success()) {
        recorder.kill().context("cannot stop ecq-record")?;
    }
    recorder.wait().context("cannot wait for ecq-record")?;
    ensure!(connected, "ecq-record did not connect to {url}");
    Ok(())
}

/// Runs `ecq-query`, shows the command and what it prints, and returns that.
fn ask(programs: &Path, words: &[&OsStr]) -> Result<String> {
    announce("ecq-query", words)?;
    let output = Command::new(programs.join("ecq-query"))
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run ecq-query")?;
    io::stdout().write_all(&output.stdout)?;
    // 1 says that nothing matched.
    ensure!(
        matches!(output.status.code(), Some(0 | 1)),
        "ecq-query failed: {}",
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Shows a command as one would type it.
fn announce(program: &str, words: &[&OsStr]) -> io::Result<()> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    say(&format!("\n$ {program} {}\n", words.join(" ")))
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The first event id of a listing: the first line that begins with a number.
fn first_number(listing: &str) -> Option<&str> {
    listing
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|word| word.parse::<u64>().is_ok())
}
