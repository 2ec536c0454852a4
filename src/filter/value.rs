//! Values as they are written, read as what the field on the other side has.

use ipnet::IpNet;

use super::check::Checker;
use super::error::Error;
use super::expr::Literal;
use super::field::{Field, Type};
use super::field_id::FieldId;
use super::literal::{address, network};
use super::names;
use super::needle::{Form, MIN_ENCODED_BYTES, Needle};
use super::number::{duration, int, size, status_literal};
use super::operand::FORMS;
use super::parse_error::ParseError;
use super::pattern::Pattern;
use super::syntax::{Item, Term, TermKind};
use super::time_expr::{TIME_FORMS, time};

impl Checker<'_> {
    /// The value that a term is, for comparison with `field`, whose values are of the sort `kind`.
    pub(super) fn literal(
        &self,
        field: &Field,
        kind: Type,
        term: &Term<'_>,
    ) -> Result<Literal, ParseError> {
        let is_quoted = matches!(term.kind, TermKind::Quoted(_));
        let bytes = self.plain(term)?;
        if matches!(kind, Type::Text | Type::Bytes) {
            return if is_quoted {
                Ok(Literal::Bytes(bytes.to_vec()))
            } else {
                self.bare_text(kind, term, bytes).map(Literal::Bytes)
            };
        }
        let fault = |message: String| self.fault(term.span.clone(), message);
        let text = std::str::from_utf8(bytes).map_err(|_| fault("this is not UTF-8".to_owned()))?;
        match kind {
            Type::Int => int(text).map(Literal::Int),
            Type::Size => size(text).map(Literal::Int),
            Type::Duration => duration(text).map(Literal::Int),
            Type::Status => status_literal(text),
            Type::Time => time(text, self.now, self.zone)
                .map(Literal::Time)
                .map_err(|error| no_time(&error)),
            Type::Ip => network(text)
                .map(Literal::Net)
                .map_err(|error| error.to_string()),
            Type::Endpoint => address(text)
                .map(Literal::Endpoint)
                .map_err(|error| error.to_string()),
            Type::Word | Type::WordOrNumber => {
                word(field, text).map(|word| Literal::Bytes(word.into_bytes()))
            }
            Type::Bool => match text {
                "true" | "1" => Ok(Literal::Bool(true)),
                "false" | "0" => Ok(Literal::Bool(false)),
                _ => Err("expected `true` or `false`".to_owned()),
            },
            Type::Text | Type::Bytes => Ok(Literal::Bytes(bytes.to_vec())),
        }
        .map_err(fault)
    }

    /// The text of a term that is neither a function nor has brackets.
    fn plain<'t>(&self, term: &'t Term<'_>) -> Result<&'t [u8], ParseError> {
        match &term.kind {
            TermKind::Quoted(value) => Ok(value),
            TermKind::Word { word, brackets } if brackets.is_empty() => Ok(word.as_bytes()),
            TermKind::Word { .. } => {
                Err(self.fault(term.span.clone(), "expected a value, not a field"))
            }
            TermKind::Call { name, .. } => Err(self.fault(
                term.span.clone(),
                if FORMS.iter().any(|(form, _)| form == name) {
                    format!("`{name}` stands only behind `contains`")
                } else {
                    "expected a value, not a function".to_owned()
                },
            )),
        }
    }

    /// A text without quotes; where bytes are looked at, also bytes such as `50:4b` or `:50`.
    fn bare_text(&self, kind: Type, term: &Term<'_>, bytes: &[u8]) -> Result<Vec<u8>, ParseError> {
        let fault = |message: String| self.fault(term.span.clone(), message);
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        if Field::named(text).is_some() {
            return Err(fault(format!(
                "`{text}` is a field: write it in quotes to mean the text"
            )));
        }
        if text.contains(['*', '?']) {
            return Err(fault(
                "use `matches` with a regular expression, or quotes if `*` and `?` are meant as they are".to_owned(),
            ));
        }
        if kind == Type::Text {
            return Ok(bytes.to_vec());
        }
        if let Some(read) = hex_pairs(text, ':') {
            return Ok(read);
        }
        let read = hex_pairs(text, '-')
            .or_else(|| hex_pairs(text, '.'))
            .or_else(|| hex_digits(text.strip_prefix("0x")?))
            .or_else(|| hex_digits(text).filter(|read| read.len() == 1));
        match read {
            Some(read) => Err(fault(format!(
                "write `{}` for bytes, or quotes for the text",
                shown_bytes(&read)
            ))),
            None => Ok(bytes.to_vec()),
        }
    }

    /// A value of a set.
    pub(super) fn item(
        &self,
        field: &Field,
        kind: Type,
        item: &Item<'_>,
    ) -> Result<Literal, ParseError> {
        let first = self.literal(field, kind, &item.first)?;
        let Some(last) = &item.last else {
            return Ok(first);
        };
        let span = item.first.span.start..last.span.end;
        let last = self.literal(field, kind, last)?;
        range(&first, &last).map_err(|message| self.fault(span, message))
    }

    /// What is looked for behind `contains`.
    pub(super) fn needle(
        &self,
        field: &Field,
        kind: Type,
        term: &Term<'_>,
    ) -> Result<Needle, ParseError> {
        let (form, value) = match &term.kind {
            TermKind::Call { name, argument, .. } => {
                let Some((_, form)) = FORMS.iter().find(|(form, _)| form == name) else {
                    return Err(self.fault(term.span.clone(), "expected a value, not a function"));
                };
                (*form, argument.as_ref())
            }
            _ => (Form::Plain, term),
        };
        let Literal::Bytes(bytes) = self.literal(field, kind, value)? else {
            return Err(self.fault(value.span.clone(), "expected a text"));
        };
        Needle::new(bytes, form).ok_or_else(|| {
            let message = if form == Form::Plain {
                "there is nothing to look for".to_owned()
            } else {
                format!("a text to be looked for in another form needs {MIN_ENCODED_BYTES} bytes")
            };
            self.fault(value.span.clone(), message)
        })
    }

    /// The regular expression behind `matches`.
    pub(super) fn pattern(&self, term: &Term<'_>) -> Result<Pattern, ParseError> {
        let bytes = self.plain(term)?;
        let is_field = |word: &str| Field::named(word).is_some();
        if let TermKind::Word { word, .. } = term.kind
            && is_field(word)
        {
            return Err(self.fault(
                term.span.clone(),
                format!("`{word}` is a field: write it in quotes to mean the text"),
            ));
        }
        let mut text = String::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid().iter();
            text.extend(invalid.map(|byte| format!(r"\x{byte:02x}")));
        }
        Pattern::new(&text).map_err(|error| self.fault(term.span.clone(), no_pattern(&error)))
    }
}

/// A regular expression's fault in one line.
fn no_pattern(error: &Error) -> String {
    let text = error.to_string();
    match (error, text.rsplit_once("error: ")) {
        (Error::Pattern(_), Some((_, reason))) => {
            let reason: Vec<_> = reason.split_whitespace().collect();
            format!("this is no regular expression: {}", reason.join(" "))
        }
        (Error::Pattern(_), None) => format!(
            "this is no regular expression: {}",
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        ),
        _ => text,
    }
}

fn no_time(error: &Error) -> String {
    match error {
        Error::UnknownTime | Error::Empty => format!("{error}; a time is one of {TIME_FORMS}"),
        _ => error.to_string(),
    }
}

/// One of the words that the field's values are, or a number where that can be one.
pub(super) fn word(field: &Field, text: &str) -> Result<String, String> {
    if field.kind == Type::WordOrNumber
        && let Ok(number) = text.parse::<u32>()
    {
        return Ok(number.to_string());
    }
    let words = field.words();
    let wanted = text.to_ascii_lowercase().replace(['-', '.'], "_");
    let long = wanted
        .strip_prefix('h')
        .filter(|rest| rest.starts_with(['1', '2']))
        .map_or_else(|| wanted.clone(), |rest| format!("http{rest}"));
    if let Some(word) = words.iter().find(|word| **word == wanted || **word == long) {
        return Ok((*word).to_owned());
    }
    let number = if field.id == FieldId::Type {
        ", or eCapture's number"
    } else {
        ""
    };
    Err(format!(
        "unknown word {}{}; `{}` is one of {}{number}",
        names::quoted(text),
        names::suggestion(&long, words.iter().copied()),
        field.name,
        words.join(", "),
    ))
}

fn range(first: &Literal, last: &Literal) -> Result<Literal, String> {
    const ORDER: &str = "the range ends before it begins";
    let ends = |literal: &Literal| match literal {
        Literal::Int(number) => Some((*number, *number)),
        Literal::Ints(first, last) => Some((*first, *last)),
        _ => None,
    };
    if let (Some((first, _)), Some((_, last))) = (ends(first), ends(last)) {
        return if first <= last {
            Ok(Literal::Ints(first, last))
        } else {
            Err(ORDER.to_owned())
        };
    }
    match (first, last) {
        (Literal::Time(first), Literal::Time(last)) if first <= last => {
            Ok(Literal::Times(*first, *last))
        }
        (Literal::Time(_), Literal::Time(_)) => Err(ORDER.to_owned()),
        (Literal::Net(first), Literal::Net(last)) => {
            match (one_address(first), one_address(last)) {
                (Some(first), Some(last)) if first.is_ipv4() != last.is_ipv4() => {
                    Err("a range has addresses of one family".to_owned())
                }
                (Some(first), Some(last)) if first <= last => Ok(Literal::Ips(first, last)),
                (Some(_), Some(_)) => Err(ORDER.to_owned()),
                _ => Err("a range has addresses at its ends, not networks".to_owned()),
            }
        }
        _ => Err("only numbers, times and IP addresses have ranges".to_owned()),
    }
}

fn one_address(net: &IpNet) -> Option<std::net::IpAddr> {
    (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())
}

/// Bytes as pairs of hexadecimal digits with a separator between them, at least two; with `:` in front, at least one.
fn hex_pairs(text: &str, separator: char) -> Option<Vec<u8>> {
    let (inner, least) = match text.strip_prefix(':') {
        Some(inner) if separator == ':' => (inner, 1),
        _ => (text, 2),
    };
    let bytes: Option<Vec<u8>> = inner.split(separator).map(hex_byte).collect();
    bytes.filter(|bytes| bytes.len() >= least)
}

/// Bytes as pairs of hexadecimal digits with nothing between them, at least one.
pub(super) fn hex_digits(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| std::str::from_utf8(pair).ok().and_then(hex_byte))
        .collect();
    bytes.filter(|bytes| !bytes.is_empty())
}

fn hex_byte(pair: &str) -> Option<u8> {
    let is_pair = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(pair, 16).ok().filter(|_| is_pair)
}

/// Bytes in the form that is read back: `50:4b`, `:50` for one.
pub(super) fn shown_bytes(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let colon = if bytes.len() == 1 { ":" } else { "" };
    format!("{colon}{}", pairs.join(":"))
}
