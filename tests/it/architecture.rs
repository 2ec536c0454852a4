//! Who may use whom: `docs/architecture.md` says it, and this test holds the source to it.
//!
//! A path is a use wherever it stands, outside of `#[cfg(test)]`. The tables here and those of the document must be the same, and hold nothing that is not used.

#![expect(clippy::indexing_slicing, reason = "a test may panic, and shows where")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::rust_source::{Mention, in_crate, is_within, mentions, sources, tokens, without_tests};

/// Which modules each module may name; none but those above it. The document lists them under `EDGES_HEADING`.
const EDGES: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("wire", &["event"]),
    ("http", &["event"]),
    ("normalize", &["event", "wire", "http"]),
    ("filter", &["event", "http"]),
    ("store", &["event", "http", "filter"]),
    ("redact", &["event", "http"]),
    (
        "record",
        &["event", "wire", "normalize", "filter", "store", "redact"],
    ),
    ("export", &["event", "filter", "http", "redact"]),
    ("render", &["event", "http"]),
    (
        "cli",
        &[
            "event", "http", "filter", "store", "redact", "record", "export", "render",
        ],
    ),
    ("bin", &["cli"]),
];

/// Where each library may be named. `anywhere` is for those that carry no decision. The document lists them under
/// `LIBRARIES_HEADING`.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli"]),
    ("argon2", &["store::vault"]),
    (
        "base64",
        &[
            "wire::json",
            "normalize::render",
            "filter::needle",
            "export",
        ],
    ),
    (
        "bitflags",
        &["event::provenance", "normalize::epoch", "http::exchange"],
    ),
    ("brotli_decompressor", &["http::coding", "http::decode"]),
    ("bytes", &["anywhere"]),
    ("chacha20poly1305", &["store::vault"]),
    (
        "chrono",
        &[
            "event::time",
            "event::zone",
            "wire::run_log",
            "filter::time_expr",
            "render",
        ],
    ),
    ("clap", &["cli"]),
    ("clap_complete", &["cli::query::completions"]),
    ("clap_mangen", &["cli::query::man"]),
    ("csv", &["export"]),
    ("encoding_rs", &["http::view", "redact", "export"]),
    ("etherparse", &["export::pcapng"]),
    (
        "flate2",
        &["http::coding", "http::decode", "http::view::websocket"],
    ),
    (
        "foldhash",
        &[
            "normalize::connections",
            "store::intern",
            "store::unidentified",
            "store::stream_ends",
            "store::exchanges",
        ],
    ),
    ("form_urlencoded", &["http::view"]),
    ("futures_util", &["record::source"]),
    ("getrandom", &["store::vault"]),
    ("glob", &["cli::query"]),
    ("hkdf", &["store::vault"]),
    ("hmac", &["store::chain", "redact"]),
    ("http_body_util", &["record::metrics"]),
    (
        "humantime",
        &[
            "filter::time_expr",
            "cli::query",
            "cli::keep",
            "cli::limits",
        ],
    ),
    ("hyper", &["record::metrics"]),
    ("hyper_util", &["record::metrics"]),
    ("indicatif", &["cli::progress"]),
    ("infer", &["http::view"]),
    ("ipnet", &["filter", "store::sql", "cli::select"]),
    ("memchr", &["anywhere"]),
    ("parquet", &["export::parquet"]),
    ("percent_encoding", &["http::view"]),
    ("procfs", &["cli::doctor", "record::identities"]),
    ("prometheus_client", &["record::metrics"]),
    ("prost", &["wire::protobuf"]),
    ("regex", &["filter", "store::scan", "redact"]),
    ("regex_automata", &["redact::events"]),
    ("regex_syntax", &["filter"]),
    ("rpassword", &["cli::terminal"]),
    ("rusqlite", &["store"]),
    (
        "rustix",
        &[
            "store::open",
            "record::clock",
            "cli::doctor",
            "cli::query::bundle",
        ],
    ),
    ("rustls", &["record"]),
    ("rustls_native_certs", &["record::source"]),
    ("sd_notify", &["cli::service"]),
    ("serde", &["wire", "export"]),
    ("serde_json", &["wire", "export", "cli::terminal"]),
    (
        "sha2",
        &[
            "filter",
            "store::digest",
            "store::chain",
            "store::vault",
            "record::import",
            "redact",
            "export",
        ],
    ),
    ("signal_hook", &["cli::interrupt"]),
    ("tar", &["export::bundle"]),
    (
        "tempfile",
        &[
            "store::private_copy",
            "store::subset",
            "export::extract",
            "cli::query::output_file",
            "cli::query::bundle",
        ],
    ),
    ("terminal_size", &["cli::terminal"]),
    ("thiserror", &["anywhere"]),
    ("tokio", &["record"]),
    ("tokio_tungstenite", &["record::source"]),
    ("unicode_width", &["filter::parse_error", "render::escape"]),
    ("webpki_roots", &["record::source"]),
    ("zeroize", &["store::vault"]),
    (
        "zstd",
        &[
            "http::coding",
            "http::decode",
            "store::block",
            "export::bundle",
        ],
    ),
];

/// Functions of the standard library that only some modules may call; with no module, none.
const FUNCTIONS: &[(&[&str], &[&str])] = &[
    (&["io", "stdout"], &["cli::terminal"]),
    (&["io", "stderr"], &["cli::terminal"]),
    (&["process", "exit"], &[]),
    (&["process", "abort"], &[]),
    (&["SystemTime", "now"], &["cli", "record::source"]),
    (
        &["Instant", "now"],
        &[
            "cli::query::sql",
            "cli::service",
            "cli::talker",
            "record::identities",
            "record::log_watch",
            "record::retention",
            "record::source",
            "record::switching",
            "record::writer",
        ],
    ),
    (&["Utc", "now"], &[]),
    (&["Local", "now"], &[]),
];

/// Macros that write past `cli::terminal`.
const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

const DOCUMENT: &str = "docs/architecture.md";
const EDGES_HEADING: &str = "## Who may use whom";
const LIBRARIES_HEADING: &str = "## Libraries with a home";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

fn every_mention() -> Vec<(String, Mention)> {
    sources()
        .iter()
        .flat_map(|source| {
            mentions(&source.tokens, &source.module)
                .into_iter()
                .map(|each| (source.path.clone(), each))
        })
        .collect()
}

fn fail_if_any(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "\n{}\n(the rules are in {DOCUMENT})",
        faults.join("\n")
    );
}

/// The rows of the first table under a heading: the name in the first cell, the names in the second.
fn table(heading: &str) -> BTreeMap<String, BTreeSet<String>> {
    let document = read(DOCUMENT);
    let (_, section) = document
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("{DOCUMENT} has no section {heading:?}"));
    let names = |cell: &str| -> Vec<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let mut rows = BTreeMap::new();
    for line in section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
    {
        let cells: Vec<_> = line.trim_matches('|').split('|').collect();
        for name in names(cells[0]) {
            let is_new = rows
                .insert(name.clone(), names(cells[1]).into_iter().collect())
                .is_none();
            assert!(is_new, "{DOCUMENT} lists {name} twice");
        }
    }
    rows
}

fn as_table(rows: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
    rows.iter()
        .map(|(name, others)| {
            (
                (*name).to_owned(),
                others.iter().map(|other| (*other).to_owned()).collect(),
            )
        })
        .collect()
}

#[test]
fn the_document_has_the_same_tables() {
    assert_eq!(
        table(EDGES_HEADING),
        as_table(EDGES),
        "{DOCUMENT}, {EDGES_HEADING}"
    );
    assert_eq!(
        table(LIBRARIES_HEADING),
        as_table(LIBRARIES),
        "{DOCUMENT}, {LIBRARIES_HEADING}"
    );
}

#[test]
fn dependencies_point_one_way() {
    for (index, (module, others)) in EDGES.iter().enumerate() {
        for other in *others {
            let is_above = EDGES[..index].iter().any(|(above, _)| above == other);
            assert!(
                is_above,
                "{module} → {other}: a module may use those above it in the table"
            );
        }
    }
}

#[test]
fn modules_use_only_what_they_may() {
    let known: BTreeSet<&str> = EDGES.iter().map(|(module, _)| *module).collect();
    let (mut faults, mut used) = (Vec::new(), BTreeSet::new());
    for (path, mention) in every_mention() {
        let Some(from) = mention.module.first() else {
            continue;
        };
        let place = format!("{path}:{}", mention.line);
        if !known.contains(from.as_str()) {
            faults.push(format!("{place}: the module {from} is in no table"));
            continue;
        }
        let Some(target) = in_crate(&mention) else {
            continue;
        };
        let shown = mention.parts.join("::");
        match target.first().map(String::as_str) {
            None => faults.push(format!("{place}: {shown} names the whole crate")),
            Some(to) if to == from => {}
            Some(to) => {
                used.insert((from.clone(), to.to_owned()));
                let may = EDGES
                    .iter()
                    .any(|(module, others)| module == from && others.contains(&to));
                if !may {
                    faults.push(format!("{place}: {from} → {to} is not allowed ({shown})"));
                }
            }
        }
    }
    for (module, others) in EDGES {
        for other in *others {
            if !used.contains(&((*module).to_owned(), (*other).to_owned())) {
                faults.push(format!(
                    "{module} → {other} is allowed, but nothing needs it: take it off both tables"
                ));
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn libraries_stay_at_home() {
    let (mut faults, mut used) = (Vec::new(), BTreeSet::new());
    for (path, mention) in every_mention() {
        let Some((library, homes)) = LIBRARIES
            .iter()
            .find(|(library, _)| *library == mention.parts[0])
        else {
            continue;
        };
        let module = mention.module.join("::");
        match homes
            .iter()
            .find(|home| is_within(&mention.module, &[home]))
        {
            Some(home) => {
                used.insert((*library, *home));
            }
            None => faults.push(format!(
                "{path}:{}: {library} is not for {module}",
                mention.line
            )),
        }
    }
    for (library, homes) in LIBRARIES {
        for home in *homes {
            if !used.contains(&(*library, *home)) {
                faults.push(format!(
                    "{library} may be in {home}, but is not: take it off both tables"
                ));
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn every_library_has_a_home() {
    let manifest = read("Cargo.toml");
    let (_, dependencies) = manifest
        .split_once("\n[dependencies]\n")
        .expect("there are dependencies");
    let declared: BTreeSet<String> = dependencies
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .collect();
    let listed: BTreeSet<String> = LIBRARIES
        .iter()
        .map(|(library, _)| (*library).to_owned())
        .collect();
    assert_eq!(
        declared, listed,
        "Cargo.toml, and the libraries that {DOCUMENT} gives a home"
    );
}

#[test]
fn nothing_prints_exits_or_tells_the_time_but_the_edge() {
    let mut faults = Vec::new();
    for (path, mention) in every_mention() {
        for (function, homes) in FUNCTIONS {
            let is_meant = mention
                .parts
                .windows(function.len())
                .any(|part| part == *function);
            if is_meant && !is_within(&mention.module, homes) {
                faults.push(format!(
                    "{path}:{}: {} is not for here",
                    mention.line,
                    mention.parts.join("::")
                ));
            }
        }
    }
    for source in sources() {
        for pair in source.tokens.windows(2) {
            if let Some(word) = pair[0].word()
                && pair[1].is('!')
                && PRINTING.contains(&word)
            {
                faults.push(format!(
                    "{}:{}: {word}! writes past cli::terminal",
                    source.path, pair[0].line
                ));
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn the_crate_is_its_modules() {
    let (tokens, _) = without_tests(&tokens(&read("src/lib.rs")));
    let declared: BTreeSet<&str> = tokens
        .windows(2)
        .filter(|pair| pair[0].word() == Some("mod"))
        .filter_map(|pair| pair[1].word())
        .collect();
    let listed: BTreeSet<&str> = EDGES
        .iter()
        .map(|(module, _)| *module)
        .filter(|module| *module != "bin")
        .collect();
    assert_eq!(declared, listed, "src/lib.rs, and the modules of the table");
}
