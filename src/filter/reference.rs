//! The reference of the filter language, made from the same tables that it is read by.
//!
//! `docs/filter.md` is [`markdown`]; `tests/it/filter/reference.rs` holds it to that.

use super::examples::{FROM_ECAPTUREQ, QUESTIONS, flag_examples};
use super::field::{FIELDS, Field, HEADER_ALIASES, Type};
use super::names;
use super::needle::MIN_ENCODED_BYTES;
use super::parse::{MAX_FILTER_BYTES, MAX_FILTER_DEPTH};
use super::time_expr::TIME_FORMS;

impl Type {
    /// What values of this sort are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Int => "number",
            Self::Duration => "length of time",
            Self::Size => "size",
            Self::Status => "status",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Ip => "address",
            Self::Endpoint => "end",
            Self::Word => "word",
            Self::WordOrNumber => "word or number",
            Self::Bool => "yes or no",
        }
    }
}

impl Field {
    /// Its name, with brackets if it needs them.
    pub fn form(&self) -> String {
        if self.takes_key {
            format!("{}[\"…\"]", self.name)
        } else {
            self.name.to_owned()
        }
    }

    /// What sort of values it has, and what is particular about them.
    pub fn sort(&self) -> String {
        let mut sort = self.kind.name().to_owned();
        if self.has_many {
            sort.push_str(", several");
        }
        if self.ignores_case {
            sort.push_str(", any case");
        }
        sort
    }
}

const INTRODUCTION: &str = r#"# The filter language

<!-- Made by `ecq-query fields --markdown`. A test compares; change the tables in src/filter instead of this file. -->

A filter says which events are meant. It is the dialect of Wireshark's display filters, with processes, times relative
to now and HTTP heads:

```sh
ecq-query 'pname == "curl" && status >= 500 && time >= -10m'
```

Single quotes around the whole keep the shell away from it; several arguments are read as one filter. What is a name of
a field is that field; other words need no quotes if they have no spaces: `pname == curl` is understood as well.
`ecq-query fields` lists the fields, `ecq-query fields NAME` explains one.
"#;

const COMPARISONS: [(&str, &str); 10] = [
    (
        "`==` `eq`",
        "a value equals; lies in the network, range or class",
    ),
    ("`!=` `ne`", "there are values, and none of them equals"),
    (
        "`<` `lt`, `<=` `le`, `>` `gt`, `>=` `ge`",
        "order: of times, numbers, sizes and statuses; of text and bytes, byte by byte",
    ),
    (
        "`in {80, 443, 8000..8100}`",
        "equals one of these; items are separated by commas or spaces, `..` is a range with both ends",
    ),
    ("`not in {…}`", "the same as `not` before the field"),
    (
        "`contains \"text\"`",
        "the text or bytes are in a value; the case matters",
    ),
    (
        "`contains base64(\"text\")`, `hex(…)`, `percent(…)`",
        "the text is in a value in this encoding, wherever it begins",
    ),
    (
        "`matches \"regex\"`, `~`",
        "a regular expression finds something in a value; it ignores case unless it says `(?-i)`",
    ),
    (
        "a field alone",
        "it has a value; of a yes-or-no field: it is yes",
    ),
    (
        "two fields",
        "`src.port == dst.port`: a value of the one compares so with a value of the other",
    ),
];

const JOINTS: &str = "`not` (`!`) binds closest, then `and` (`&&`), `xor` (`^^`), `or` (`||`); parentheses group. The words can be in\n\
     capitals.\n";

const TRUTH: &str = r#"- **Several values.** `ip`, `port`, `addr`, `type`, header fields and others can have several values for one event. A
  comparison is true if it is true of one of them. `!=` is true if none is equal: `port != 443` is false of a connection
  that has 443 at either end.
- **No value.** What an event does not have satisfies no comparison, `!=` included. `not` turns every answer around, so
  `not port == 443` is also true of events whose ports are unknown, and `port != 443` is not.
- **Across events.** eCapture cuts a stream where the process read or wrote. `any` and `payload` with `contains`, or
  with `matches` and a pattern that is no more than a text, also find what begins in one event of a stream and ends in
  the next; it belongs to the event in which it ends. Every other comparison, and every other pattern, is about one
  event.
- **Bodies.** `body` and `any` undo transfer and content codings, as far as one event holds the message, up to 8 MiB of
  decoded text. Of an exchange they hold the whole body, and its text in UTF-8 where the head or a byte order mark names
  another charset; of gRPC also each message that is compressed, and `any` each message of the WebSocket that it turned
  into.
- **The time of an exchange** is that of its first event, and so what `time`, `--since` and `--until` are about. A
  request that began before a period and was answered in it is found with a longer one: `--since 1h 'elapsed > 2s'`.
- **Trailers.** The header fields of an exchange are also those that follow its body, and those of interim responses:
  `resp.header["grpc-status"] != "0"` finds the gRPC calls that failed.
- **Case.** `==`, `contains` and `in` mind the case, except for fields marked *any case*. `lower(…)` and `upper(…)` help
  with the others.
"#;

const VALUES: [(&str, &str); 10] = [
    ("number", "`443`, `-1`, `0x1bb`"),
    (
        "length of time",
        "`250ms`, `1.5s`, `2m`; the units are `ns`, `us`, `ms`, `s`, `m`, `h` and `d`",
    ),
    (
        "size",
        "`1500`, `100k`, `2M`, `1G` (1000, 1000², 1000³), `64Ki`, `1Mi` (1024, 1024²); a `B` may follow",
    ),
    ("status", "`404`, a class `5xx`, a range `400-499`"),
    ("text", "`\"…\"`, `'…'`, `r\"…\"`, a word"),
    (
        "bytes",
        "the same, or pairs of hexadecimal digits `50:4b:03:04`; `:50` for one byte",
    ),
    (
        "address",
        "`10.0.0.1`, `2001:db8::1`, a network `10.0.0.0/8`; in a set also `10.0.0.1..10.0.0.9`",
    ),
    (
        "end",
        "`10.0.0.1`, `10.0.0.0/8`, `10.0.0.1:443`, `[2001:db8::1]:443`, `:443`",
    ),
    (
        "word",
        "one of the list below; `-` and `.` stand for `_`, `h1` and `h2` for `http1` and `http2`",
    ),
    (
        "yes or no",
        "`true`, `false`, `1`, `0`; or the field alone, and `not` before it",
    ),
];

const TEXTS: &str = r#"In quotes, `\"`, `\\`, `\n`, `\r`, `\t`, `\xff` (a byte), `\377` (a byte, octal), `\u00e9` and `\U0001f600` (characters)
are escapes. In `r"…"`, backslashes stand for themselves, as regular expressions need it. `^` and `$` are the ends of a
line; `\A` and `\z` those of the value. A pattern with `\x80` to `\xff` is about bytes, any other about UTF-8.
"#;

const FUNCTIONS: [(&str, &str); 6] = [
    (
        "`lower(field)`, `upper(field)`",
        "text and bytes with ASCII letters in one case",
    ),
    ("`len(field)`", "the length of a value in bytes"),
    ("`count(field)`", "how many values there are, 0 if none"),
    (
        "`field[start:length]`",
        "a part of text or bytes; a negative start counts from the end",
    ),
    (
        "`field[first-last]`, `field[at]`, `field[-4:]`",
        "the same, by the last byte, of one byte, up to the end",
    ),
    (
        "`header[\"name\"]`",
        "the values of one header field; `cookie[\"name\"]` those of one cookie",
    ),
];

const GRAMMAR: &str = r#"```text
filter  = xor { ("or" | "||") xor } ;
xor     = and { ("xor" | "^^") and } ;
and     = not { ("and" | "&&") not } ;
not     = ("not" | "!") not | "(" filter ")" | test ;
test    = operand
        | operand comparison operand                 (* one of the two can be a value *)
        | operand ["not" | "!"] "in" "{" item { [","] item } "}"
        | operand "contains" ( value | ("base64" | "hex" | "percent") "(" value ")" )
        | operand ("matches" | "~") value ;
operand = field | ("lower" | "upper" | "len" | "count") "(" field ")" ;
field   = name [ "[" string "]" ] [ "[" part "]" ] ;
part    = start ":" length | ":" length | first "-" last | at | "-" n ":" ;
item    = value [ ".." value ] ;
value   = string | word ;
```
"#;

/// What to say about a name that is no field's.
pub fn unknown_field(name: &str) -> String {
    names::unknown_field(name, false)
}

/// The reference as Markdown.
pub fn markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    section(&mut out, "Examples");
    let rows = QUESTIONS.map(|(question, filter)| vec![question.to_owned(), code(filter)]);
    table(&mut out, &["question", "filter"], rows);
    section(&mut out, "Comparisons");
    table(&mut out, &["comparison", "is true if"], pairs(&COMPARISONS));
    out.push('\n');
    out.push_str(JOINTS);
    section(&mut out, "When it is true");
    out.push_str(TRUTH);
    section(&mut out, "Values");
    let time = vec!["time".to_owned(), times()];
    let rows = std::iter::once(time).chain(pairs(&VALUES));
    table(&mut out, &["sort", "is written"], rows);
    out.push('\n');
    out.push_str(TEXTS);
    section(&mut out, "Functions and parts");
    table(&mut out, &["form", "means"], pairs(&FUNCTIONS));
    section(&mut out, "Fields");
    let rows = FIELDS.iter().map(field_row);
    table(
        &mut out,
        &["field", "sort", "also", "means", "example"],
        rows,
    );
    out.push_str("\nThe words of the fields that have words:\n\n");
    let rows = FIELDS.iter().filter(|field| !field.words().is_empty());
    table(
        &mut out,
        &["field", "words"],
        rows.map(|field| vec![code(field.name), codes(&field.words())]),
    );
    section(&mut out, "Wireshark's names");
    out.push_str(
        "Beside those in the table, `http` (a request or a response), `http.request` and `http.response` stand alone.\n\
         These are header fields, so that `http.user_agent` is `header[\"user-agent\"]`:\n\n",
    );
    for line in HEADER_ALIASES.chunks(4) {
        out.push_str(&codes(line));
        out.push_str(",\n");
    }
    out.truncate(out.trim_end_matches([',', '\n']).len());
    out.push_str(".\n");
    section(&mut out, "Flags");
    out.push_str(
        "Each flag stands for a filter; together they and the filter are joined with `and`.\n\n",
    );
    let flags = flag_examples().unwrap_or_default();
    let rows = flags
        .iter()
        .map(|(flag, expr)| vec![code(flag), code(&expr.to_string())]);
    table(&mut out, &["flag", "filter"], rows);
    section(&mut out, "From eCaptureQ");
    out.push_str("What eCaptureQ's documentation filters by, and how it is said here.\n\n");
    let rows = FROM_ECAPTUREQ.map(|(theirs, ours)| vec![theirs.to_owned(), code(ours)]);
    table(&mut out, &["eCaptureQ", "here"], rows);
    section(&mut out, "Limits");
    out.push_str(&limits());
    section(&mut out, "Grammar");
    out.push_str(GRAMMAR);
    out
}

fn limits() -> String {
    let kib = MAX_FILTER_BYTES >> 10;
    format!(
        "A filter has at most {kib} KiB and is nested at most {MAX_FILTER_DEPTH} deep. A compiled regular expression has at most\n\
         8 MiB. A text to be looked for in an encoded form has at least {MIN_ENCODED_BYTES} bytes: the encodings of shorter ones are\n\
         found everywhere.\n"
    )
}

fn section(out: &mut String, title: &str) {
    out.extend(["\n## ", title, "\n\n"]);
}

fn field_row(field: &Field) -> Vec<String> {
    vec![
        code(&field.form()),
        field.sort(),
        codes(field.aliases),
        field.help.to_owned(),
        code(field.example),
    ]
}

/// The forms of a time, each as code.
fn times() -> String {
    let forms: Vec<_> = TIME_FORMS.split(", ").collect();
    format!("{}; a `-` may stand before a length of time", codes(&forms))
}

fn pairs<'a>(rows: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = Vec<String>> + 'a {
    rows.iter()
        .map(|(left, right)| vec![(*left).to_owned(), (*right).to_owned()])
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn codes(texts: &[&str]) -> String {
    texts
        .iter()
        .map(|text| code(text))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A table; a `|` in a cell does not end it.
fn table(out: &mut String, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    out.extend(["| ", &header.join(" | "), " |\n|"]);
    out.push_str(&"---|".repeat(header.len()));
    out.push('\n');
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        out.extend(["| ", &cells.join(" | "), " |\n"]);
    }
}
