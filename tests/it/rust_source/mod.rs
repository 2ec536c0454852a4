//! Rust source as the architecture test sees it: tokens, and the paths in them.
//!
//! Comments, literals, lifetimes and what is under `#[cfg(test)]` are left out. It is no parser: it knows as much of the
//! language as it takes to find every path.

#![expect(clippy::indexing_slicing, reason = "a test may panic, and shows where")]

use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    PathSeparator,
    Sign(char),
}

/// A token and the line that it is on.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    token: Token,
    pub(crate) line: usize,
}

impl Placed {
    pub(crate) fn is(&self, sign: char) -> bool {
        self.token == Token::Sign(sign)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match &self.token {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The tokens of Rust source that matter here; comments, literals and lifetimes are left out.
pub(crate) fn tokens(source: &str) -> Vec<Placed> {
    let characters: Vec<char> = source.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut found = Vec::new();
    let (mut index, mut line) = (0, 1);
    while index < characters.len() {
        let begin = index;
        match at(index) {
            '/' if at(index + 1) == '/' => {
                while index < characters.len() && at(index) != '\n' {
                    index += 1;
                }
            }
            '/' if at(index + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(index), at(index + 1)) {
                        ('/', '*') => (depth, index) = (depth + 1, index + 2),
                        ('*', '/') => (depth, index) = (depth - 1, index + 2),
                        _ => index += 1,
                    }
                    if depth == 0 || index >= characters.len() {
                        break;
                    }
                }
            }
            '"' => index = after_string(&characters, index + 1),
            '\'' => {
                // A character, or else a lifetime.
                if at(index + 1) == '\\' {
                    index += 3;
                    while index < characters.len() && at(index) != '\'' {
                        index += 1;
                    }
                    index += 1;
                } else if at(index + 2) == '\'' {
                    index += 3;
                } else {
                    index += 1;
                    while is_word(at(index)) {
                        index += 1;
                    }
                }
            }
            ':' if at(index + 1) == ':' => {
                found.push(Placed {
                    token: Token::PathSeparator,
                    line,
                });
                index += 2;
            }
            character if is_word(character) => {
                while is_word(at(index)) {
                    index += 1;
                }
                let word: String = characters[begin..index].iter().collect();
                let is_prefix = ["r", "b", "br", "c", "cr"].contains(&word.as_str());
                let mut hashes = 0;
                while at(index + hashes) == '#' {
                    hashes += 1;
                }
                if is_prefix && word.ends_with('r') && at(index + hashes) == '"' {
                    index = after_raw_string(&characters, index + hashes + 1, hashes);
                } else if is_prefix && at(index) == '"' {
                    index = after_string(&characters, index + 1);
                } else if !(word == "b" && at(index) == '\'') {
                    found.push(Placed {
                        token: Token::Word(word),
                        line,
                    });
                }
            }
            character => {
                if !character.is_whitespace() {
                    found.push(Placed {
                        token: Token::Sign(character),
                        line,
                    });
                }
                index += 1;
            }
        }
        line += characters[begin..index.min(characters.len())]
            .iter()
            .filter(|each| **each == '\n')
            .count();
    }
    found
}

fn after_string(characters: &[char], mut index: usize) -> usize {
    while let Some(character) = characters.get(index) {
        match character {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    index
}

fn after_raw_string(characters: &[char], mut index: usize, hashes: usize) -> usize {
    while index < characters.len() {
        let closes = characters[index] == '"'
            && characters[index + 1..]
                .iter()
                .take(hashes)
                .filter(|each| **each == '#')
                .count()
                == hashes;
        index += 1;
        if closes {
            return index + hashes;
        }
    }
    index
}

/// Where the item ends that begins at `start`: behind its `;`, or behind the braces that it opens.
fn after_item(tokens: &[Placed], start: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match token.token {
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign(')' | ']') => depth = depth.saturating_sub(1),
            Token::Sign('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            Token::Sign(';') if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Takes out what is under `#[cfg(test)]`; gives the names of modules among it that have files of their own.
pub(crate) fn without_tests(tokens: &[Placed]) -> (Vec<Placed>, Vec<String>) {
    let opening = |index: usize| {
        let rest: Vec<_> = tokens
            .iter()
            .skip(index)
            .take(7)
            .map(|each| &each.token)
            .collect();
        let is_word =
            |token: &Token, wanted: &str| matches!(token, Token::Word(word) if word == wanted);
        matches!(
            rest.as_slice(),
            [Token::Sign('#'), Token::Sign('['), cfg, Token::Sign('('), test, Token::Sign(')'), Token::Sign(']')]
                if is_word(cfg, "cfg") && is_word(test, "test")
        )
    };
    let (mut kept, mut modules, mut index) = (Vec::new(), Vec::new(), 0);
    while index < tokens.len() {
        if !opening(index) {
            kept.push(tokens[index].clone());
            index += 1;
            continue;
        }
        index += 7;
        // Further attributes belong to the same item.
        while tokens.get(index).is_some_and(|each| each.is('#')) {
            let mut depth = 0_usize;
            index += 1;
            loop {
                depth = match tokens.get(index) {
                    Some(each) if each.is('[') => depth + 1,
                    Some(each) if each.is(']') => depth - 1,
                    _ => depth,
                };
                index += 1;
                if depth == 0 {
                    break;
                }
            }
        }
        let end = after_item(tokens, index);
        let item = &tokens[index..end];
        if let Some(at) = item.iter().position(|each| each.word() == Some("mod"))
            && item.last().is_some_and(|each| each.is(';'))
            && let Some(name) = item.get(at + 1).and_then(Placed::word)
        {
            modules.push(name.to_owned());
        }
        index = end;
    }
    (kept, modules)
}

/// One mention of something by a path of two parts or more.
#[derive(Debug)]
pub(crate) struct Mention {
    /// The module that the mention is in.
    pub(crate) module: Vec<String>,
    /// The path as written.
    pub(crate) parts: Vec<String>,
    /// Where in the file.
    pub(crate) line: usize,
}

/// Every path in a file, `use` trees spread out.
pub(crate) fn mentions(tokens: &[Placed], file_module: &[String]) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut module = file_module.to_vec();
    // The depths of braces at which modules inside the file began.
    let (mut depth, mut inner) = (0_usize, Vec::new());
    let mut index = 0;
    while let Some(placed) = tokens.get(index) {
        match &placed.token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => {
                depth = depth.saturating_sub(1);
                if inner.last() == Some(&depth) {
                    inner.pop();
                    module.pop();
                }
            }
            Token::Word(word)
                if word == "mod" && tokens.get(index + 2).is_some_and(|each| each.is('{')) =>
            {
                if let Some(name) = tokens.get(index + 1).and_then(Placed::word) {
                    module.push(name.to_owned());
                    inner.push(depth);
                }
                index += 1;
            }
            // In a type, `use<'a>` says what it captures.
            Token::Word(word)
                if word == "use" && !tokens.get(index + 1).is_some_and(|each| each.is('<')) =>
            {
                let mut leaves = Vec::new();
                index = use_tree(tokens, index + 1, &[], &mut leaves);
                found.extend(leaves.into_iter().map(|(parts, line)| Mention {
                    module: module.clone(),
                    parts,
                    line,
                }));
                continue;
            }
            Token::Word(word) => {
                let mut parts = vec![word.clone()];
                let line = placed.line;
                while tokens
                    .get(index + 1)
                    .is_some_and(|each| each.token == Token::PathSeparator)
                {
                    let Some(part) = tokens.get(index + 2).and_then(Placed::word) else {
                        break;
                    };
                    parts.push(part.to_owned());
                    index += 2;
                }
                if parts.len() > 1 {
                    found.push(Mention {
                        module: module.clone(),
                        parts,
                        line,
                    });
                }
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// Spreads out the tree that begins at `index`; gives where it ends.
fn use_tree(
    tokens: &[Placed],
    mut index: usize,
    before: &[String],
    leaves: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut parts = before.to_vec();
    let mut line = tokens.get(index).map_or(0, |each| each.line);
    while let Some(placed) = tokens.get(index) {
        match &placed.token {
            Token::Word(word) if word == "as" => index += 2,
            Token::Word(word) => {
                line = placed.line;
                // `use a::{self}` names a.
                if word != "self" || parts.is_empty() {
                    parts.push(word.clone());
                }
                index += 1;
            }
            Token::PathSeparator | Token::Sign('*' | '#') => index += 1,
            Token::Sign('{') => {
                index += 1;
                while tokens.get(index).is_some_and(|each| !each.is('}')) {
                    index = use_tree(tokens, index, &parts, leaves);
                    if tokens.get(index).is_some_and(|each| each.is(',')) {
                        index += 1;
                    }
                }
                return index + 1;
            }
            Token::Sign(_) => break,
        }
    }
    leaves.push((parts, line));
    index
}

/// The path from the top of the crate, if the mention is of something in this crate.
pub(crate) fn in_crate(mention: &Mention) -> Option<Vec<String>> {
    let mut base = mention.module.clone();
    let mut parts = mention.parts.as_slice();
    match parts.first()?.as_str() {
        "crate" | "ecq" => return Some(parts[1..].to_vec()),
        "self" => parts = &parts[1..],
        "super" => {}
        _ => return None,
    }
    while let Some(("super", rest)) = parts
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
    {
        base.pop();
        parts = rest;
    }
    base.extend(parts.iter().cloned());
    Some(base)
}

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

fn targets(source: &str, module: &[&str]) -> Vec<String> {
    let module: Vec<String> = module.iter().map(|part| (*part).to_owned()).collect();
    let (tokens, _) = without_tests(&tokens(source));
    mentions(&tokens, &module)
        .iter()
        .map(|mention| {
            in_crate(mention).map_or_else(|| mention.parts.join("::"), |path| path.join("/"))
        })
        .collect()
}

#[test]
fn it_sees_every_kind_of_path() {
    let cases: [(&str, &[&str]); 12] = [
        ("use crate::store::Writer;", &["store/Writer"]),
        (
            "use crate::{event::{self, Event}, wire as w, store::*};",
            &["event", "event/Event", "wire", "store"],
        ),
        (
            "fn f() -> crate::store::Error { crate::http::h1::head(b\"\") }",
            &["store/Error", "http/h1/head"],
        ),
        ("use super::super::store::Error;", &["store/Error"]),
        (
            "use super::row; use self::x::Y;",
            &["filter/row", "filter/plan/x/Y"],
        ),
        ("mod inner { use super::super::row; }", &["filter/row"]),
        (
            "pub(in crate::filter) fn f() { tokio::select! {} }",
            &["filter", "tokio::select"],
        ),
        (
            "// crate::store\n/* crate::wire /* x */ */ \"crate::http\"; r#\"crate::\"event\"#; '\"'; b'\"'",
            &[],
        ),
        (
            "fn f<'a>(x: &'a str) -> Vec<crate::wire::X> {}",
            &["wire/X"],
        ),
        (
            "#[cfg(test)]\n#[allow(x)]\nmod tests { use crate::store; }\nuse crate::event;",
            &["event"],
        ),
        (
            "#[cfg(test)] use crate::store; use crate::event::Kind;",
            &["event/Kind"],
        ),
        (
            "#[cfg(test)] pub(crate) mod samples;\nuse crate::event::Kind;",
            &["event/Kind"],
        ),
    ];
    for (source, expected) in cases {
        assert_eq!(targets(source, &["filter", "plan"]), expected, "{source}");
    }
    assert_eq!(
        without_tests(&tokens("#[cfg(test)] pub(crate) mod samples;")).1,
        ["samples"]
    );
    let lines: Vec<usize> = tokens("a\n\"\n\n\"\nb")
        .iter()
        .map(|placed| placed.line)
        .collect();
    assert_eq!(lines, [1, 5]);
}
