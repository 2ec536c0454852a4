//! How operators are spelled, here and in other languages.

use super::expr::Comparison;
use super::parse_error::harmless;
use super::token::TokenKind;

/// Whether a token is this symbol, or this word in any case.
pub(super) fn is_spelled(kind: &TokenKind<'_>, spelling: &str) -> bool {
    match kind {
        TokenKind::Word(word) => word.eq_ignore_ascii_case(spelling),
        TokenKind::Symbol(symbol) => *symbol == spelling,
        TokenKind::Quoted(_) | TokenKind::End => false,
    }
}

/// The comparison that a token is.
pub(super) fn comparison(kind: &TokenKind<'_>) -> Option<Comparison> {
    const SPELLINGS: [(&str, &str, Comparison); 6] = [
        ("==", "eq", Comparison::Equal),
        ("!=", "ne", Comparison::NotEqual),
        ("<", "lt", Comparison::Less),
        ("<=", "le", Comparison::LessOrEqual),
        (">", "gt", Comparison::Greater),
        (">=", "ge", Comparison::GreaterOrEqual),
    ];
    SPELLINGS
        .iter()
        .find(|(symbol, word, _)| is_spelled(kind, symbol) || is_spelled(kind, word))
        .map(|(.., comparison)| *comparison)
}

/// Whether a word is an operator, and so no field.
pub(super) fn is_keyword(word: &str) -> bool {
    let words = ["and", "or", "xor", "not", "in", "contains", "matches"];
    words.iter().any(|each| word.eq_ignore_ascii_case(each))
        || comparison(&TokenKind::Word(word)).is_some()
}

/// What to say about a symbol of another language.
pub(super) fn wrong_symbol(symbol: &str) -> Option<String> {
    let right = match symbol {
        "=" | "===" => "==",
        "<>" | "!==" | "~=" => "!=",
        "=>" => ">=",
        "=<" => "<=",
        "&" => "&&",
        "|" => "||",
        "^" => "^^",
        "=~" => "~",
        "~*" => return Some("use `matches`, which ignores case unless it says `(?-i)`".to_owned()),
        "!~" => return Some("use `matches`, with `not` before the field".to_owned()),
        _ => return None,
    };
    Some(format!("use `{right}` instead of `{symbol}`"))
}

/// What to say about a word of another language.
pub(super) fn wrong_word(word: &str) -> Option<String> {
    let upper = word.to_ascii_uppercase();
    let advice = match upper.as_str() {
        "LIKE" | "ILIKE" | "GLOB" => "use `contains`, or `matches` with a regular expression,",
        "REGEXP" | "RLIKE" | "REGEX" | "MATCH" => "use `matches`",
        "BETWEEN" => "use `in {first..last}`",
        "IS" => "use the field alone if it has a value, `not` before it if it has none,",
        "NOT" => "use `not` before the field",
        "HAS" | "INCLUDES" | "CONTAIN" => "use `contains`",
        "EQUALS" => "use `==`",
        _ => return None,
    };
    Some(format!("{advice} instead of `{}`", harmless(word)))
}
