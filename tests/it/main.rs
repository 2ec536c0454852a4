//! The programs from outside, and what several modules of the library promise together.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect is to fail there and then"
)]

mod architecture;
mod corpus;
mod corpus_exchanges;
mod digest;
mod encryption;
mod endurance;
mod equivalence;
mod exchange_index;
mod export_har;
mod export_parquet;
mod export_pcapng;
mod extremes;
mod filter;
mod hostile;
mod http2;
mod identities;
mod integrity;
mod query;
mod readme;
mod real;
mod record;
mod reindex;
mod round_trip;
mod rust_source;
mod search;
mod subset;
mod support;
mod vectors;

#[path = "../../examples/stand_in/mod.rs"]
#[expect(
    dead_code,
    reason = "the rest is for the quickstart and the benchmarks"
)]
mod stand_in;

use std::path::Path;

/// A file that no `mod` line names would be no test at all.
#[test]
fn every_file_here_is_a_module() {
    check_listed(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"),
        "main.rs",
    );
}

fn check_listed(folder: &Path, list: &str) {
    let lines = std::fs::read_to_string(folder.join(list)).unwrap();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == list {
            continue;
        }
        let module = name.trim_end_matches(".rs");
        let is_listed = lines
            .lines()
            .any(|line| line.trim_start_matches("pub(crate) ") == format!("mod {module};"));
        assert!(is_listed, "{} is not a module in {list}", path.display());
        if path.is_dir() {
            check_listed(&path, "mod.rs");
        }
    }
}
