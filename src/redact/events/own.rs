//! What the user's expressions match, also over several pieces of text.
//!
//! They are asked again about the end of the text before, together with what came since. What could become a match at the
//! end of a piece is covered as if it were one: it is told by an automaton that has not failed there.

use std::cell::RefCell;

use regex::bytes::Regex;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::{Anchored, Input, nfa::thompson, util::syntax};

use super::Tools;
use super::covers::Covers;
use super::secret::HARMLESS_BYTES;
use crate::redact::mark::is_replacement;

/// How much of the text before is kept at least, in bytes.
const BEFORE_BYTES: usize = 1 << 10;
/// How much of it is kept of what may be a match. One that is longer is taken to go on to the end of its line.
const MATCH_BYTES: usize = 64 << 10;
/// How many bytes at the end of a piece may be the beginning of a match. All of them are covered where the automaton cannot
/// tell.
const BEGINNING_BYTES: usize = 256;
/// How much memory the automaton of an expression may take, in bytes.
const AUTOMATON_BYTES: usize = 2 << 20;

/// The user's expressions, each with its automaton.
#[derive(Debug)]
pub(super) struct Patterns(Vec<(Regex, Option<Automaton>)>);

/// An automaton that is made as far as it was needed.
#[derive(Debug)]
struct Automaton {
    dfa: DFA,
    cache: RefCell<Cache>,
}

impl Patterns {
    pub(super) fn new(patterns: &[Regex]) -> Self {
        let with_automaton = |pattern: &Regex| (pattern.clone(), automaton(pattern));
        Self(patterns.iter().map(with_automaton).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn automaton(pattern: &Regex) -> Option<Automaton> {
    let config = DFA::config()
        .unicode_word_boundary(true)
        .cache_capacity(AUTOMATON_BYTES)
        .skip_cache_capacity_check(true);
    let dfa = DFA::builder()
        .syntax(syntax::Config::new().utf8(false))
        .thompson(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(AUTOMATON_BYTES)),
        )
        .configure(config)
        .build(pattern.as_str())
        .ok()?;
    let cache = RefCell::new(dfa.create_cache());
    Some(Automaton { dfa, cache })
}

/// Whether what begins in this place can become a match; also if that cannot be told.
fn can_begin(dfa: &DFA, cache: &mut Cache, text: &[u8], start: usize) -> bool {
    let input = Input::new(text)
        .anchored(Anchored::Yes)
        .range(start..text.len());
    let Ok(mut state) = dfa.start_state_forward(cache, &input) else {
        return true;
    };
    let rest = text.get(start..).unwrap_or_default();
    for byte in rest {
        match dfa.next_state(cache, state, *byte) {
            Ok(next) if next.is_dead() => return false,
            Ok(next) if next.is_quit() => return true,
            Ok(next) => state = next,
            Err(_) => return true,
        }
    }
    // That there was a match shows one byte behind it; then the question is whether it can be longer.
    let is_over = |byte| {
        dfa.next_state(cache, state, byte)
            .is_ok_and(|next| next.is_dead() || next.is_quit())
    };
    !(state.is_match() && (0..=u8::MAX).all(is_over))
}

/// Text on its way.
#[derive(Debug, Default)]
pub(super) struct Own {
    before: Vec<u8>,
    /// Whether a match was longer than what is kept, and everything is covered up to the end of the line.
    is_long: bool,
}

impl Own {
    pub(super) fn push(&mut self, tools: &Tools<'_>, bytes: &[u8], covers: &mut Covers) {
        if tools.patterns.is_empty() || bytes.is_empty() {
            return;
        }
        let known = self.before.len();
        let mut text = std::mem::take(&mut self.before);
        text.extend_from_slice(bytes);
        let mut cover = |start: usize, end: usize| {
            let range = start.saturating_sub(known)..end.saturating_sub(known);
            let mut mark = tools.key.mark();
            mark.update(text.get(start..end).unwrap_or_default());
            covers.add(&range, mark.of_length(range.len()), start >= known);
        };
        if self.is_long {
            let end = memchr::memchr(b'\n', bytes);
            cover(known, known + end.unwrap_or(bytes.len()));
            self.is_long = end.is_none();
        }
        let mut open = text.len();
        for (pattern, automaton) in &tools.patterns.0 {
            for found in pattern.find_iter(&text) {
                if found.is_empty() || found.end() <= known || is_replacement(found.as_bytes()) {
                    continue;
                }
                cover(found.start(), found.end());
                if found.end() == text.len() {
                    open = open.min(found.start());
                }
            }
            let first = text.len().saturating_sub(BEGINNING_BYTES);
            let begun = match automaton {
                Some(Automaton { dfa, cache }) => {
                    let cache = &mut cache.borrow_mut();
                    (first..text.len()).find(|start| can_begin(dfa, cache, &text, *start))
                }
                None => Some(first),
            };
            if let Some(start) = begun {
                if text.len() - start > HARMLESS_BYTES {
                    cover(start, text.len());
                }
                open = open.min(start);
            }
        }
        let first = open.min(text.len().saturating_sub(BEFORE_BYTES));
        if text.len() - first > MATCH_BYTES {
            self.is_long = true;
            self.before = text
                .get(text.len() - BEFORE_BYTES..)
                .unwrap_or_default()
                .to_vec();
        } else {
            self.before = text.get(first..).unwrap_or_default().to_vec();
        }
    }
}
