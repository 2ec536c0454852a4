//! The paths in Rust source, and what in the crate they lead to.

#![expect(clippy::indexing_slicing, reason = "a test may panic, and shows where")]

use super::tokens::{Placed, Token, tokens, without_tests};

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
}
