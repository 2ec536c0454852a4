//! The tokens of Rust source, and which of them are only for tests.

#![expect(clippy::indexing_slicing, reason = "a test may panic, and shows where")]

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    /// `::`
    PathSeparator,
    Sign(char),
}

/// A token and the line that it is on.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(super) token: Token,
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

#[test]
fn a_token_knows_its_line() {
    let lines: Vec<usize> = tokens("a\n\"\n\n\"\nb")
        .iter()
        .map(|placed| placed.line)
        .collect();
    assert_eq!(lines, [1, 5]);
}
