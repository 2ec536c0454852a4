//! Fields as they are written: names, aliases, names in brackets, parts, functions.

use std::ops::Range;

use super::check::Checker;
use super::expr::{Function, Operand, Slice};
use super::field::{Field, HEADER_ALIASES, Type};
use super::field_id::FieldId;
use super::names;
use super::needle::Form;
use super::parse_error::ParseError;
use super::syntax::{Bracket, Term, TermKind};

/// The functions of a field, by name.
pub(super) const FUNCTIONS: [(&str, Function); 4] = [
    ("lower", Function::Lower),
    ("upper", Function::Upper),
    ("len", Function::Len),
    ("count", Function::Count),
];

/// The functions of a value behind `contains`, by name.
pub(super) const FORMS: [(&str, Form); 3] = [
    ("base64", Form::Base64),
    ("hex", Form::Hex),
    ("percent", Form::Percent),
];

impl Operand {
    /// What sort of values it has, its function applied.
    pub fn value_type(&self) -> Type {
        match self.function {
            Some(Function::Len) => Type::Size,
            Some(Function::Count) => Type::Int,
            Some(Function::Lower | Function::Upper) | None => self.field.kind,
        }
    }
}

impl Checker<'_> {
    /// The field that a term is, or is a function of; `None` if it is a value.
    pub(super) fn operand(&self, term: &Term<'_>) -> Result<Option<Operand>, ParseError> {
        match &term.kind {
            TermKind::Quoted(_) => Ok(None),
            TermKind::Word { word, brackets } => self.field(term, word, brackets),
            TermKind::Call {
                name,
                name_span,
                argument,
            } => {
                if FORMS.iter().any(|(form, _)| form == name) {
                    return Ok(None);
                }
                let function = FUNCTIONS.iter().find(|(function, _)| function == name);
                let Some((name, function)) = function else {
                    return Err(self.unknown_function(name, name_span.clone()));
                };
                self.call(name, *function, argument).map(Some)
            }
        }
    }

    fn unknown_function(&self, name: &str, span: Range<usize>) -> ParseError {
        let functions = FUNCTIONS.iter().map(|(name, _)| *name);
        let suggestion = names::suggestion(name, functions.chain(FORMS.map(|(name, _)| name)));
        self.fault(
            span,
            format!("unknown function {}{suggestion}", names::quoted(name)),
        )
    }

    fn call(
        &self,
        name: &str,
        function: Function,
        argument: &Term<'_>,
    ) -> Result<Operand, ParseError> {
        let Some(operand) = self.operand(argument)? else {
            return Err(self.no_field(argument));
        };
        let is_text = matches!(operand.field.kind, Type::Text | Type::Bytes);
        if function != Function::Count && !is_text {
            let field = operand.field.name;
            return Err(self.fault(
                argument.span.clone(),
                format!("`{name}` is for text and bytes, and `{field}` has other values"),
            ));
        }
        Ok(Operand {
            function: Some(function),
            ..operand
        })
    }

    /// What to say about a term that is to be a field and is none.
    pub(super) fn no_field(&self, term: &Term<'_>) -> ParseError {
        let message = match &term.kind {
            TermKind::Word { word, .. } if names::is_known(word) => {
                format!("`{word}` stands alone, it has no values")
            }
            TermKind::Word { word, .. } if !is_number(word) => {
                let is_first = self
                    .text
                    .get(..term.span.start)
                    .is_some_and(|before| before.trim().is_empty());
                names::unknown_field(word, is_first)
            }
            _ => "a field is needed, this is a value".to_owned(),
        };
        self.fault(term.span.clone(), message)
    }

    fn field(
        &self,
        term: &Term<'_>,
        word: &str,
        brackets: &[Bracket],
    ) -> Result<Option<Operand>, ParseError> {
        let (field, mut key) = match (Field::named(word), header_alias(word)) {
            (Some(field), _) => (field, None),
            (None, Some(key)) => (Field::of(FieldId::Header), Some(key)),
            (None, None) if brackets.is_empty() => return Ok(None),
            (None, None) => return Err(self.no_field(term)),
        };
        let mut brackets = brackets.iter();
        if field.takes_key && key.is_none() {
            key = Some(match brackets.next() {
                Some(bracket) => self.key(field, bracket)?,
                None => {
                    return Err(self.fault(
                        term.span.clone(),
                        format!(
                            "`{0}` needs a name in brackets, as in `{0}[\"{1}\"]`",
                            field.name,
                            sample_key(field)
                        ),
                    ));
                }
            });
        }
        let slice = brackets
            .next()
            .map(|bracket| self.slice(field, bracket))
            .transpose()?;
        if let Some(bracket) = brackets.next() {
            return Err(self.fault(bracket.span.clone(), "one part is enough"));
        }
        Ok(Some(Operand {
            field,
            key,
            slice,
            function: None,
        }))
    }

    fn key(&self, field: &Field, bracket: &Bracket) -> Result<String, ParseError> {
        let fault = |message: &str| self.fault(bracket.span.clone(), message);
        let key =
            std::str::from_utf8(&bracket.text).map_err(|_| fault("this name is not UTF-8"))?;
        if key.is_empty() {
            return Err(fault("a name is needed in the brackets"));
        }
        Ok(if field.id == FieldId::Cookie {
            key.to_owned()
        } else {
            key.to_ascii_lowercase()
        })
    }

    fn slice(&self, field: &Field, bracket: &Bracket) -> Result<Slice, ParseError> {
        let fault = |message: String| self.fault(bracket.span.clone(), message);
        if bracket.is_quoted {
            return Err(fault(format!("`{}` takes no name in brackets", field.name)));
        }
        if !matches!(field.kind, Type::Text | Type::Bytes) {
            return Err(fault(format!(
                "only text and bytes have parts, and `{}` has other values",
                field.name
            )));
        }
        std::str::from_utf8(&bracket.text)
            .ok()
            .and_then(slice)
            .ok_or_else(|| {
                fault("a part is `[start:length]`, `[first-last]` or `[at]`, a start from the end negative".to_owned())
            })
    }
}

/// Whether a word is rather a number than a name.
fn is_number(word: &str) -> bool {
    word.trim_start_matches(['-', ':', '.', '['])
        .starts_with(|first: char| first.is_ascii_digit())
}

fn sample_key(field: &Field) -> &'static str {
    match field.id {
        FieldId::Cookie => "session",
        FieldId::RespHeader => "server",
        _ => "user-agent",
    }
}

/// The header field that one of Wireshark's names stands for.
fn header_alias(word: &str) -> Option<String> {
    HEADER_ALIASES
        .contains(&word)
        .then(|| {
            word.strip_prefix("http.")
                .map(|name| name.replace('_', "-"))
        })
        .flatten()
}

/// Reads what stands in the brackets of a part.
fn slice(text: &str) -> Option<Slice> {
    if let Some((start, length)) = text.split_once(':') {
        let start = if start.is_empty() { 0 } else { number(start)? };
        let length = if length.is_empty() && start < 0 {
            start.checked_neg()?
        } else {
            number(length)?
        };
        return part(start, length);
    }
    // A `-` in front is a sign.
    let dash = text.char_indices().skip(1).find(|(_, each)| *each == '-');
    let Some((dash, _)) = dash else {
        return part(number(text)?, 1);
    };
    let (first, last) = (number(text.get(..dash)?)?, number(text.get(dash + 1..)?)?);
    if (first < 0) != (last < 0) {
        return None;
    }
    part(first, last.checked_sub(first)?.checked_add(1)?)
}

fn part(start: i64, length: i64) -> Option<Slice> {
    let length = u32::try_from(length).ok().filter(|length| *length > 0)?;
    Some(Slice { start, length })
}

fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let cases = [
            ("0:4", Some((0, 4))),
            (":4", Some((0, 4))),
            ("-4:4", Some((-4, 4))),
            ("-4:", Some((-4, 4))),
            ("-4:2", Some((-4, 2))),
            ("0-3", Some((0, 4))),
            ("-4--1", Some((-4, 4))),
            ("7", Some((7, 1))),
            ("-1", Some((-1, 1))),
            ("4:", None),
            (":", None),
            ("", None),
            ("-", None),
            ("3-1", None),
            ("-3-1", None),
            ("1:0", None),
            ("0:4294967296", None),
            ("+1", None),
            ("-9223372036854775808:", None),
        ];
        for (text, expected) in cases {
            let read = slice(text).map(|slice| (slice.start, slice.length));
            assert_eq!(read, expected, "{text}");
        }
    }
}
