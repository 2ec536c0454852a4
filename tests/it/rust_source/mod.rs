//! Rust source as the tests of it see it: its files, the tokens in them and the paths.
//!
//! Comments, literals, lifetimes and what is under `#[cfg(test)]` are left out. It is no parser: it knows as much of the
//! language as it takes to find every path.

mod paths;
mod size;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use paths::{Mention, in_crate, mentions};
pub(crate) use tokens::{Placed, tokens, without_tests};

pub(crate) fn is_within(module: &[String], places: &[&str]) -> bool {
    let module = module.join("::");
    places.iter().any(|place| {
        *place == "anywhere"
            || module == *place
            || module
                .strip_prefix(place)
                .is_some_and(|rest| rest.starts_with("::"))
    })
}

/// A source file.
pub(crate) struct Source {
    /// `src/store/open.rs`.
    pub(crate) path: String,
    /// The module that it is.
    pub(crate) module: Vec<String>,
    /// What is in it, tests left out.
    pub(crate) tokens: Vec<Placed>,
}

/// The module of a file under `src`; all of `bin` is one.
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().replace('-', "_"))
        .collect();
    if parts
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        parts.pop();
    }
    parts
}

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            files_under(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

/// All of `src` that is not for tests alone.
pub(crate) fn sources() -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    files_under(&folder, &mut files);
    let (mut sources, mut for_tests) = (Vec::new(), Vec::new());
    for file in files {
        let relative = file.strip_prefix(&folder).expect("it was found there");
        let module = module_of(relative);
        let text = fs::read_to_string(&file).expect("source is UTF-8");
        let (tokens, modules) = without_tests(&tokens(&text));
        for name in modules {
            for_tests.push([module.join("::"), name].join("::"));
        }
        sources.push(Source {
            path: format!("src/{}", relative.display()),
            module,
            tokens,
        });
    }
    let for_tests: Vec<&str> = for_tests.iter().map(String::as_str).collect();
    sources.retain(|source| !is_within(&source.module, &for_tests));
    assert!(
        sources.len() > 50,
        "only {} files were found",
        sources.len()
    );
    sources
}
