//! Which bytes an event must hold for a filter to be true of it: what the search filter and the scan of blocks look for.

use std::collections::BTreeSet;

use regex_syntax::hir::{Hir, HirKind};

use super::expr::{Comparison, Expr, Function, Literal, Operand, Test};
use super::field::{Level, Type};
use super::field_id::FieldId;
use super::pattern::{Pattern, class_members, class_size};

/// How many alternatives are told apart; of more, only a part of each is looked for.
const MAX_ALTERNATIVES: usize = 64;

/// How many characters a class may have to be told apart.
const MAX_CLASS: u32 = 8;

/// What an event's text must hold: all byte strings of at least one of the groups, without regard to the case of ASCII
/// letters. The text is the payload with what comes before it in its stream, and the decoded body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    groups: BTreeSet<BTreeSet<Vec<u8>>>,
}

impl Required {
    /// The groups, each in lower case; at least one, and none of them empty.
    pub fn groups(&self) -> impl Iterator<Item = impl Iterator<Item = &[u8]> + Clone> + Clone {
        self.groups
            .iter()
            .map(|group| group.iter().map(Vec::as_slice))
    }

    fn of_alternatives(texts: impl IntoIterator<Item = Vec<u8>>) -> Option<Self> {
        let groups: BTreeSet<_> = texts
            .into_iter()
            .map(|text| BTreeSet::from([text.to_ascii_lowercase()]))
            .collect();
        let is_telling = !groups.is_empty() && groups.iter().flatten().all(|text| !text.is_empty());
        is_telling.then_some(Self { groups })
    }

    /// How telling it is: the least number of bytes that a group asks for.
    fn weight(&self) -> usize {
        self.groups
            .iter()
            .map(|group| group.iter().map(Vec::len).sum())
            .min()
            .unwrap_or(0)
    }

    /// What must hold for both.
    fn and(self, other: Self) -> Self {
        if self.groups.len() * other.groups.len() > MAX_ALTERNATIVES {
            return if self.weight() < other.weight() {
                other
            } else {
                self
            };
        }
        let groups = self
            .groups
            .iter()
            .flat_map(|left| other.groups.iter().map(move |right| left | right))
            .collect();
        Self { groups }
    }

    /// What must hold for one of the two.
    fn or(mut self, other: Self) -> Option<Self> {
        self.groups.extend(other.groups);
        (self.groups.len() <= MAX_ALTERNATIVES).then_some(self)
    }
}

impl Expr {
    /// What an event's text must hold for the filter to be true; `None` if nothing is known about that.
    pub fn required(&self) -> Option<Required> {
        match self {
            Self::And(parts) => parts
                .iter()
                .filter_map(Self::required)
                .reduce(Required::and),
            Self::Or(parts) => {
                let mut all: Option<Required> = None;
                for part in parts {
                    let part = part.required()?;
                    all = Some(match all {
                        None => part,
                        Some(all) => all.or(part)?,
                    });
                }
                all
            }
            Self::Xor(..) | Self::Not(_) => None,
            Self::Test(test) => test.required(),
        }
    }
}

impl Test {
    fn required(&self) -> Option<Required> {
        if !self.operands().all(is_part_of_text) {
            return None;
        }
        match self {
            Self::Contains(_, needle) => {
                Required::of_alternatives(needle.alternatives().map(<[u8]>::to_vec))
            }
            Self::Matches(_, pattern) => of_pattern(pattern),
            Self::Compare(_, Comparison::Equal, literal) => {
                of_literals(std::slice::from_ref(literal))
            }
            Self::In(_, literals) => of_literals(literals),
            Self::Exists(_) | Self::Compare(..) | Self::CompareOperands(..) => None,
        }
    }
}

/// Whether the values of the operand stand in the event's text as they are, but for the case of letters.
fn is_part_of_text(operand: &Operand) -> bool {
    operand.field.level == Level::Payload
        && matches!(operand.field.kind, Type::Bytes | Type::Text)
        && operand.field.id != FieldId::Sha256
        && !matches!(operand.function, Some(Function::Len | Function::Count))
}

fn of_literals(literals: &[Literal]) -> Option<Required> {
    let texts: Option<Vec<_>> = literals
        .iter()
        .map(|literal| match literal {
            Literal::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        })
        .collect();
    let texts = texts.filter(|texts| texts.len() <= MAX_ALTERNATIVES)?;
    Required::of_alternatives(texts)
}

fn of_pattern(pattern: &Pattern) -> Option<Required> {
    let texts = match read(pattern.hir()) {
        Found::Exactly(texts) => texts,
        Found::Within(texts) => texts?,
    };
    Required::of_alternatives(texts)
}

/// What every match of a part of a pattern is or holds, in lower case.
enum Found {
    /// It is one of these, but for the case of ASCII letters.
    Exactly(BTreeSet<Vec<u8>>),
    /// It holds one of these; `None` if nothing is known.
    Within(Option<BTreeSet<Vec<u8>>>),
}

fn read(hir: &Hir) -> Found {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Found::Exactly(BTreeSet::from([Vec::new()])),
        HirKind::Literal(literal) => {
            Found::Exactly(BTreeSet::from([literal.0.to_ascii_lowercase()]))
        }
        HirKind::Class(class) if class_size(class) <= MAX_CLASS => Found::Exactly(
            class_members(class)
                .iter()
                .map(|member| member.to_ascii_lowercase())
                .collect(),
        ),
        HirKind::Repetition(repetition) if repetition.min > 0 => match read(&repetition.sub) {
            Found::Exactly(texts) | Found::Within(Some(texts)) => Found::Within(telling(texts)),
            Found::Within(None) => Found::Within(None),
        },
        HirKind::Class(_) | HirKind::Repetition(_) => Found::Within(None),
        HirKind::Capture(capture) => read(&capture.sub),
        HirKind::Concat(parts) => read_row(parts),
        HirKind::Alternation(parts) => read_choice(parts),
    }
}

/// Joins what is known exactly as long as the alternatives stay few, and keeps the most telling run.
fn read_row(parts: &[Hir]) -> Found {
    let empty = || BTreeSet::from([Vec::new()]);
    let mut best: Option<BTreeSet<Vec<u8>>> = None;
    let mut run = empty();
    let mut is_exact = true;
    for part in parts {
        match read(part) {
            Found::Exactly(texts) if run.len() * texts.len() <= MAX_ALTERNATIVES => {
                run = run
                    .iter()
                    .flat_map(|before| {
                        texts
                            .iter()
                            .map(move |text| [before.as_slice(), text].concat())
                    })
                    .collect();
            }
            Found::Exactly(texts) => {
                is_exact = false;
                best = more_telling(best, telling(std::mem::replace(&mut run, texts)));
            }
            Found::Within(texts) => {
                is_exact = false;
                best = more_telling(best, telling(std::mem::replace(&mut run, empty())));
                best = more_telling(best, texts);
            }
        }
    }
    if is_exact {
        Found::Exactly(run)
    } else {
        Found::Within(more_telling(best, telling(run)))
    }
}

fn read_choice(parts: &[Hir]) -> Found {
    let mut all = BTreeSet::new();
    let mut is_exact = true;
    for part in parts {
        match read(part) {
            Found::Exactly(texts) => all.extend(texts),
            Found::Within(Some(texts)) => {
                is_exact = false;
                all.extend(texts);
            }
            Found::Within(None) => return Found::Within(None),
        }
    }
    if all.len() > MAX_ALTERNATIVES {
        Found::Within(None)
    } else if is_exact {
        Found::Exactly(all)
    } else {
        Found::Within(telling(all))
    }
}

/// The texts, unless one of them is empty: then they say nothing.
fn telling(texts: BTreeSet<Vec<u8>>) -> Option<BTreeSet<Vec<u8>>> {
    texts.iter().all(|text| !text.is_empty()).then_some(texts)
}

fn more_telling(
    left: Option<BTreeSet<Vec<u8>>>,
    right: Option<BTreeSet<Vec<u8>>>,
) -> Option<BTreeSet<Vec<u8>>> {
    let shortest = |texts: &BTreeSet<Vec<u8>>| texts.iter().map(Vec::len).min().unwrap_or(0);
    match (left, right) {
        (Some(left), Some(right)) if shortest(&right) > shortest(&left) => Some(right),
        (Some(left), _) => Some(left),
        (None, right) => right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Vec<String> {
        let pattern = Pattern::new(pattern).unwrap();
        of_pattern(&pattern).map_or_else(Vec::new, |required| {
            required
                .groups()
                .map(|group| {
                    group
                        .map(|text| String::from_utf8_lossy(text).into_owned())
                        .collect::<Vec<_>>()
                        .join("&")
                })
                .collect()
        })
    }

    #[test]
    fn patterns() {
        let cases: [(&str, &[&str]); 14] = [
            ("token", &["token", "to\u{212a}en"]),
            ("(?-i)Token", &["token"]),
            ("(?-i)abc|def", &["abc", "def"]),
            ("(?-i)abc[0-9]+defg", &["defg"]),
            ("(?-i)ab(cd)?efg", &["efg"]),
            ("(?-i)(abc)+", &["abc"]),
            ("(?-i)a[bc]d", &["abd", "acd"]),
            (r"(?-i)\babc$", &["abc"]),
            (r"\d+", &[]),
            ("(?-i)a|", &[]),
            ("(?-i)(abc|[0-9]+)", &[]),
            ("(?-i)x*", &[]),
            (r"(?-i)\xff\xd8", &["\u{fffd}\u{fffd}"]),
            ("(?-i)key[=:] ?value", &["value"]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(of(pattern), expected, "{pattern}");
        }
        // Eight letters with a third case each would make 256 texts: a part of it is enough.
        let many = of("kkkkkkkkk-secret");
        assert!(
            !many.is_empty() && many.len() <= MAX_ALTERNATIVES,
            "{many:?}"
        );
    }

    proptest::proptest! {
        #[test]
        fn what_a_pattern_finds_holds_what_it_requires(
            pattern in "(\\(\\?-i\\))?([a-dkS]{1,3}|[a-c]\\?|\\[a-d\\]\\+|\\(ab\\|cd\\)|k\\*){1,5}",
            text in "[a-dA-Dk\u{212a}s\u{17f}S]{0,40}",
        ) {
            let Ok(pattern) = Pattern::new(&pattern) else { return Ok(()) };
            let Some(required) = of_pattern(&pattern) else { return Ok(()) };
            if let Some(found) = pattern.regex().find(text.as_bytes()) {
                let found = found.as_bytes().to_ascii_lowercase();
                let holds = |wanted: &[u8]| found.windows(wanted.len()).any(|window| window == wanted);
                proptest::prop_assert!(required.groups().any(|mut group| group.all(holds)));
            }
        }
    }
}
