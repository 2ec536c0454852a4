//! A stand-in for eCapture, to try ecq without root, a kernel or TLS.
//!
//! `cargo run --example stand_in -- --rate 200` prints the address to give to `ecq-record`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

#[path = "mod.rs"]
#[expect(dead_code, reason = "the rest is for tests and benchmarks")]
mod stand_in;

use stand_in::dialect::{Dialect, Message, Release};
use stand_in::options::Options;
use stand_in::run_log;
use stand_in::server::StandIn;
use stand_in::traffic::{Corpus, Traffic};

/// Stands in for eCapture: serves made-up traffic over a WebSocket, or writes it to a file.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The dialect: a (1.4.0), b (1.4.3 to 1.5.2), c (2.0.x) or d (2.1.0 and later).
    #[arg(long, default_value = "d", value_parser = parse_dialect)]
    dialect: Dialect,
    /// The release of eCapture to be; goes before --dialect.
    #[arg(long)]
    release: Option<Release>,
    /// Behave as with `ecapture --hex`.
    #[arg(long)]
    hex: bool,
    /// Events per second; 0 is as fast as clients take them.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// The seed: the same seed gives the same traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the payloads are like.
    #[arg(long, value_enum, default_value = "realistic")]
    corpus: CorpusName,
    /// Put this into every 1000th payload.
    #[arg(long)]
    needle: Option<String>,
    /// Stop after so many events.
    #[arg(long)]
    events: Option<usize>,
    /// Stop after this time, such as 5s.
    #[arg(long = "for", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Wait for this many clients before the first event.
    #[arg(long, default_value_t = 0)]
    clients: usize,
    /// Write the frames to a file, each after its length (u32, little-endian), and serve nobody.
    #[arg(long)]
    dump: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CorpusName {
    Realistic,
    Incompressible,
    Small,
}

fn parse_dialect(letter: &str) -> Result<Dialect, String> {
    Dialect::from_letter(letter).ok_or_else(|| String::from("a dialect is a, b, c or d"))
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let corpus = match arguments.corpus {
        CorpusName::Realistic => Corpus::Realistic,
        CorpusName::Incompressible => Corpus::Incompressible,
        CorpusName::Small => Corpus::Small,
    };
    let release = arguments
        .release
        .unwrap_or_else(|| arguments.dialect.newest_release());
    let mut options = Options::for_release(release);
    options.hex = arguments.hex;
    options.listen = arguments.listen;
    let mut traffic = Traffic::new(arguments.seed, corpus);
    if let Some(needle) = &arguments.needle {
        traffic = traffic.with_needle(1_000, needle);
    }
    let traffic = traffic.take(arguments.events.unwrap_or(usize::MAX));

    if let Some(path) = &arguments.dump {
        options.start_ns = Some(stand_in::START_NS);
        if arguments.events.is_none() {
            return Err(io::Error::other("--dump needs --events"));
        }
        return dump(&options, traffic, path);
    }

    let server = StandIn::start(options)?;
    let mut out = io::stdout();
    writeln!(out, "{}", server.url())?;
    out.flush()?;
    if arguments.clients > 0 {
        server.wait_for_clients(arguments.clients, Duration::MAX);
    }
    let began = Instant::now();
    let in_time = move || {
        arguments
            .duration
            .is_none_or(|limit| began.elapsed() < limit)
    };
    let rate = (arguments.rate > 0.0).then_some(arguments.rate);
    let played = server.play(traffic.take_while(|_| in_time()), rate);
    server.wait_for_empty_queues(Duration::from_secs(10));
    let (kicked, crashed) = (server.kicked(), server.crashed());
    server.stop();
    writeln!(
        io::stderr(),
        "{played} events played, {kicked} clients kicked{}",
        if crashed { ", crashed by a client" } else { "" }
    )
}

/// Writes what a client that was there from the start would get.
fn dump(
    options: &Options,
    traffic: impl Iterator<Item = stand_in::event::GeneratedEvent>,
    path: &Path,
) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let encoder = options.encoder();
    let release = options.release;
    for line in run_log::start_lines(release, stand_in::START_NS, options.zone_seconds) {
        append(&run_log::message(release, &line), &mut file)?;
    }
    if release.greets() {
        append(
            &run_log::heartbeat(release, 0, stand_in::START_NS),
            &mut file,
        )?;
    }
    for event in traffic {
        if let Some(message) = encoder.encode(&event, stand_in::START_NS + event.offset_ns) {
            append(&message, &mut file)?;
        }
    }
    file.flush()
}

fn append(message: &Message, file: &mut impl Write) -> io::Result<()> {
    let size = u32::try_from(message.bytes.len()).map_err(io::Error::other)?;
    file.write_all(&size.to_le_bytes())?;
    file.write_all(&message.bytes)
}
