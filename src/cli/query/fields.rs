//! Explains the filter language: its fields, and all of it.

use std::io::{self, Write};

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::report::Advised;
use crate::export::fields::{FieldLine, write};
use crate::filter::{FIELDS, Field, reference};
use crate::render::{Style, escape};

use super::{CommonArgs, Context, Output};

/// What stands between two columns.
const GUTTER: usize = 2;
/// The narrowest column that text is broken into, in columns of the terminal.
const MIN_TEXT_COLUMNS: usize = 24;

#[derive(Debug, Args)]
pub(super) struct FieldsArgs {
    /// One field, by its name or another name for it
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Write the whole reference of the language as Markdown
    #[arg(long, conflicts_with_all = ["name", "output"])]
    markdown: bool,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How to write it
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

pub(super) fn run(args: &FieldsArgs, context: &mut Context<'_>) -> anyhow::Result<Exit> {
    let style = context.style();
    let out = context.terminal.out();
    if args.markdown {
        out.write_all(reference::markdown().as_bytes())?;
        return Ok(Exit::Found);
    }
    let one = args.name.as_deref().map(named).transpose()?;
    match (args.output, one) {
        (Output::Jsonl, Some(field)) => write(out, &line(field))?,
        (Output::Jsonl, None) => {
            for field in &FIELDS {
                write(out, &line(field))?;
            }
        }
        (Output::Table, Some(field)) => write_one(out, field, &style)?,
        (Output::Table, None) => write_all(out, &style)?,
    }
    Ok(Exit::Found)
}

fn named(name: &str) -> anyhow::Result<&'static Field> {
    Field::named(name).ok_or_else(|| {
        Advised {
            message: reference::unknown_field(name),
            hint: "`ecq-query fields` lists all".to_owned(),
        }
        .into()
    })
}

fn line(field: &'static Field) -> FieldLine<'static> {
    FieldLine {
        name: field.name,
        aliases: field.aliases,
        sort: field.kind.name(),
        several: field.has_many,
        any_case: field.ignores_case,
        takes_name: field.takes_key,
        words: field.words(),
        description: field.help,
        example: field.example,
    }
}

/// A field with everything that is known about it.
fn write_one(out: &mut dyn Write, field: &Field, style: &Style) -> io::Result<()> {
    let lines = [
        ("field", field.form()),
        ("also", field.aliases.join(", ")),
        ("sort", field.sort()),
        ("means", field.help.to_owned()),
        ("words", field.words().join(", ")),
        ("example", field.example.to_owned()),
    ];
    let lead = "example".len() + GUTTER;
    for (title, text) in lines.iter().filter(|(_, text)| !text.is_empty()) {
        write_columns(out, &[(title, lead)], text, style.width)?;
    }
    Ok(())
}

/// A table of all, each with its other names and its example below what it means.
fn write_all(out: &mut dyn Write, style: &Style) -> io::Result<()> {
    let widest = |texts: &mut dyn Iterator<Item = String>| {
        texts.map(|text| escape::columns(&text)).max().unwrap_or(0) + GUTTER
    };
    let name = widest(&mut FIELDS.iter().map(Field::form));
    let sort = widest(&mut FIELDS.iter().map(Field::sort));
    for field in &FIELDS {
        let text = if field.aliases.is_empty() {
            field.help.to_owned()
        } else {
            format!("{} (also {})", field.help, field.aliases.join(", "))
        };
        let (form, sorts) = (field.form(), field.sort());
        write_columns(out, &[(&form, name), (&sorts, sort)], &text, style.width)?;
        write_columns(out, &[("", name), ("", sort)], field.example, style.width)?;
    }
    writeln!(out)?;
    let more = "`ecq-query fields NAME` explains one of them, `ecq-query fields --markdown` the whole language.";
    write_columns(out, &[], more, style.width)
}

/// Columns of a width each, and a text that is broken into as many lines as it takes.
fn write_columns(
    out: &mut dyn Write,
    columns: &[(&str, usize)],
    text: &str,
    width: usize,
) -> io::Result<()> {
    let lead: usize = columns.iter().map(|(_, width)| width).sum();
    let room = width.saturating_sub(lead).max(MIN_TEXT_COLUMNS);
    for (index, line) in broken(text, room).iter().enumerate() {
        if index == 0 {
            for (cell, width) in columns {
                let padding = width.saturating_sub(escape::columns(cell));
                write!(out, "{cell}{:padding$}", "")?;
            }
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{:lead$}{line}", "")?;
        }
    }
    Ok(())
}

/// A text in lines of at most `width` columns, as far as its words allow.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if escape::columns(line) + 1 + escape::columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(broken("a bc def g", 4), ["a bc", "def", "g"]);
        assert_eq!(broken("abcdef g", 4), ["abcdef", "g"]);
    }

    #[test]
    fn lines_fit() {
        let style = Style {
            color: false,
            width: 100,
            zone: crate::event::Zone::Utc,
            now: crate::event::Timestamp::MIN,
        };
        let mut out = Vec::new();
        write_all(&mut out, &style).unwrap();
        let out = String::from_utf8(out).unwrap();
        for line in out
            .lines()
            .filter(|line| !line.contains("sha256 ==") && !line.contains("e3b0c4"))
        {
            assert!(escape::columns(line) <= 100, "{line}");
        }
    }
}
