//! Random filters as text, from the table of fields.
//!
//! The values are such as occur in the captures of these tests, so that filters are true of some events and false of
//! others. The same seed gives the same filters.

use ecq::filter::{About, FIELDS, Field, FieldId, Type};

use super::numbers::Numbers;

const NUMBERS: [i64; 14] = [
    0, 1, 2, 3, 5, 7, 80, 100, 200, 443, 1200, 8443, 50_000, 65_535,
];
const STATUSES: [&str; 8] = [
    "200", "404", "2xx", "4xx", "5xx", "200-299", "400-404", "500",
];
const SIZES: [&str; 6] = ["0", "1", "43", "1k", "2Ki", "1M"];
const DURATIONS: [&str; 5] = ["0s", "250ms", "1.5s", "2m", "1h"];
const TIMES: [&str; 7] = [
    "now",
    "-10m",
    "today",
    "yesterday",
    "\"2026-11-23T10:51:45Z\"",
    "2026-11-23T10:51:42Z",
    "2026-11-23",
];
const NETS: [&str; 7] = [
    "10.0.0.1",
    "10.0.0.0/8",
    "93.184.216.34",
    "0.0.0.0/0",
    "2001:db8::2",
    "2001:db8::/32",
    "::/0",
];
const ENDS: [&str; 6] = [
    "10.0.0.1",
    "10.0.0.0/8:50000",
    "93.184.216.34:443",
    ":8443",
    "[2001:db8::2]:8443",
    "2001:db8::/32",
];
const TEXTS: [&str; 18] = [
    "curl",
    "nginx",
    "GET",
    "post",
    "example.com",
    "Example.com",
    "api.test:8443",
    "api.test",
    "/a?b=1",
    "/login",
    "b=1",
    "https://",
    "text/html",
    "json",
    "1.1",
    "hello",
    "S3cr3t",
    "binary",
];
const BYTES: [&str; 5] = ["00:ff:fe:01", ":ff", "47:45:54", "\"\\r\\n\"", "\"\\x1b[\""];
const PATTERNS: [&str; 9] = [
    "\"curl\"",
    "\"^get \"",
    "r\"\\d{3}\"",
    "\"(?-i)s3cr3t\"",
    "\"s3cr3t\"",
    "r\"\\xff\"",
    "\"a|b\"",
    "\"o$\"",
    "r\"^$\"",
];
const KEYS: [&str; 7] = [
    "host",
    "Content-Length",
    "content-type",
    "user-agent",
    "x-none",
    "session",
    "set-cookie",
];

/// Where filters come from.
pub(crate) struct RandomFilters {
    numbers: Numbers,
}

impl RandomFilters {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            numbers: Numbers::new(seed),
        }
    }

    /// A filter with at most `depth` levels of joints.
    pub(crate) fn filter(&mut self, depth: usize) -> String {
        let kind = if depth == 0 {
            0
        } else {
            self.numbers.below(10)
        };
        match kind {
            0..=3 => self.test(),
            4 => format!("not {}", self.part(depth)),
            5 => format!("!{}", self.part(depth)),
            6 | 7 => self.joined(depth, &["and", "&&", "AND"]),
            8 => self.joined(depth, &["or", "||"]),
            _ => self.joined(depth, &["xor", "^^"]),
        }
    }

    fn joined(&mut self, depth: usize, joints: &[&str]) -> String {
        let mut text = self.part(depth);
        for _ in 0..=self.numbers.below(2) {
            let joint = self.numbers.pick(joints);
            text = format!("{text} {joint} {}", self.part(depth));
        }
        text
    }

    fn part(&mut self, depth: usize) -> String {
        format!("({})", self.filter(depth - 1))
    }

    /// A leaf.
    pub(crate) fn test(&mut self) -> String {
        let field = self.field();
        let (operand, kind) = self.operand(field);
        let is_text = matches!(kind, Type::Text | Type::Bytes);
        let is_function = operand.contains('(');
        match self.numbers.below(8) {
            0 if !is_function => operand,
            1 => format!("{operand} in {}", self.set(field, kind)),
            2 => format!("{operand} not in {}", self.set(field, kind)),
            3 | 4 if is_text => format!("{operand} contains {}", self.needle(kind)),
            5 if is_text => {
                let operator = self.numbers.pick(&["matches", "~"]);
                format!("{operand} {operator} {}", self.numbers.pick(&PATTERNS))
            }
            6 => self.two_operands(&operand, kind),
            _ => {
                let operator = self.operator(kind);
                format!("{operand} {operator} {}", self.literal(field, kind))
            }
        }
    }

    /// A field that events have.
    fn field(&mut self) -> &'static Field {
        loop {
            let field = &FIELDS[self.numbers.below(FIELDS.len())];
            if field.about() != About::Exchanges {
                return field;
            }
        }
    }

    fn operator(&mut self, kind: Type) -> &'static str {
        let has_order = !matches!(
            kind,
            Type::Ip | Type::Endpoint | Type::Word | Type::WordOrNumber | Type::Bool
        );
        if has_order {
            self.numbers
                .pick(&["==", "!=", "<", "<=", ">", ">=", "eq", "ne", "lt", "ge"])
        } else {
            self.numbers.pick(&["==", "!=", "eq", "ne"])
        }
    }

    /// A field with what it needs and may have, and the sort of its values.
    fn operand(&mut self, field: &'static Field) -> (String, Type) {
        let names: Vec<_> = std::iter::once(&field.name).chain(field.aliases).collect();
        let mut text = (*names[self.numbers.below(names.len())]).to_owned();
        if field.takes_key {
            text = format!("{text}[\"{}\"]", self.numbers.pick(&KEYS));
        }
        let is_text = matches!(field.kind, Type::Text | Type::Bytes);
        if is_text && self.numbers.below(6) == 0 {
            let slice = self
                .numbers
                .pick(&["0:3", "-3:3", "1-2", "0", "-1", ":4", "-2:"]);
            text = format!("{text}[{slice}]");
        }
        match self.numbers.below(12) {
            0 => (format!("count({text})"), Type::Int),
            1 if is_text => (format!("len({text})"), Type::Size),
            2 if is_text => (format!("lower({text})"), field.kind),
            3 if is_text => (format!("upper({text})"), field.kind),
            _ => (text, field.kind),
        }
    }

    fn two_operands(&mut self, left: &str, kind: Type) -> String {
        loop {
            let field = self.field();
            let (right, other) = self.operand(field);
            if sort(kind) == sort(other) {
                let strict = if sort(kind) == Type::Bytes {
                    // Words have no order.
                    Type::Word
                } else {
                    kind
                };
                let operator = self.operator(strict);
                return format!("{left} {operator} {right}");
            }
        }
    }

    fn set(&mut self, field: &Field, kind: Type) -> String {
        let has_ranges = matches!(kind, Type::Int | Type::Size | Type::Status);
        let mut items = Vec::new();
        for _ in 0..=self.numbers.below(3) {
            items.push(if has_ranges && self.numbers.below(3) == 0 {
                let first = self.numbers.pick(&NUMBERS);
                format!("{first}..{}", first + self.numbers.pick(&NUMBERS))
            } else if kind == Type::Ip && self.numbers.below(4) == 0 {
                "10.0.0.0..10.0.0.9".to_owned()
            } else if kind == Type::Time && self.numbers.below(4) == 0 {
                "2026-11-23T10:51:42Z..2026-11-23T10:51:46Z".to_owned()
            } else {
                self.literal(field, kind)
            });
        }
        let separator = self.numbers.pick(&[", ", " ", ","]);
        format!("{{{}}}", items.join(separator))
    }

    /// A value that a field of this sort can be compared with.
    fn literal(&mut self, field: &Field, kind: Type) -> String {
        match kind {
            Type::Time => self.numbers.pick(&TIMES).to_owned(),
            Type::Int => self.numbers.pick(&NUMBERS).to_string(),
            Type::Size => self.numbers.pick(&SIZES).to_owned(),
            Type::Duration => self.numbers.pick(&DURATIONS).to_owned(),
            Type::Status => self.numbers.pick(&STATUSES).to_owned(),
            Type::Ip => self.numbers.pick(&NETS).to_owned(),
            Type::Endpoint => self.numbers.pick(&ENDS).to_owned(),
            Type::Bool => self.numbers.pick(&["true", "false"]).to_owned(),
            Type::Bytes if self.numbers.below(3) == 0 => self.numbers.pick(&BYTES).to_owned(),
            Type::Text | Type::Bytes => format!("\"{}\"", self.numbers.pick(&TEXTS)),
            Type::Word | Type::WordOrNumber => {
                if field.id == FieldId::Type && self.numbers.below(4) == 0 {
                    return self.numbers.below(6).to_string();
                }
                let words = field.words();
                let word = words[self.numbers.below(words.len())];
                if self.numbers.below(2) == 0 {
                    word.to_owned()
                } else {
                    format!("\"{word}\"")
                }
            }
        }
    }

    fn needle(&mut self, kind: Type) -> String {
        match self.numbers.below(6) {
            0 => format!(
                "base64(\"{}\")",
                self.numbers.pick(&["hello", "S3cr3t", "example.com"])
            ),
            1 => format!(
                "hex(\"{}\")",
                self.numbers.pick(&["hello", "S3cr3t", "curl"])
            ),
            2 => format!(
                "percent(\"{}\")",
                self.numbers.pick(&["/a?b=1", "S3cr3t", "a b c"])
            ),
            3 if kind == Type::Bytes => self.numbers.pick(&BYTES).to_owned(),
            _ => format!("\"{}\"", self.numbers.pick(&TEXTS)),
        }
    }
}

/// Fields whose values are compared with each other have the same.
fn sort(kind: Type) -> Type {
    match kind {
        Type::Int | Type::Size | Type::Status => Type::Int,
        Type::Text | Type::Bytes | Type::Word | Type::WordOrNumber => Type::Bytes,
        other => other,
    }
}
