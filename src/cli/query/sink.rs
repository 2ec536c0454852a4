//! Where listed events go.

use anyhow::Context as _;

use crate::event::StoredEvent;
use crate::export::{jsonl, values};
use crate::filter::{Operand, Type, Value};
use crate::render::grid::{Grid, Title};
use crate::render::table::{FIRST_LINE_BYTES, Table};
use crate::render::{Style, escape, exchange_row, human};

use super::capture::Origin;
use super::chosen_fields::Chosen;
use super::{Context, Output};

/// How many bytes of a value a column shows at most.
const SHOWN_BYTES: usize = 1024;

/// Events as lines of one format.
pub(super) enum Sink<'a> {
    /// The usual table.
    Table(Table),
    /// A table of chosen fields.
    Columns(Style, Grid, &'a Chosen),
    /// An object an event.
    Jsonl,
    /// An object an event, with chosen fields.
    JsonlColumns(&'a Chosen),
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        style: Style,
        output: Output,
        columns: Option<&'a Chosen>,
        are_several: bool,
    ) -> Self {
        match (output, columns) {
            (Output::Table, None) => Self::Table(Table::new(style)),
            (Output::Table, Some(columns)) => {
                let capture = are_several.then(|| Title::text("CAPTURE"));
                let titles = columns.iter().map(|(name, operand)| title(name, operand));
                let titles = capture.into_iter().chain(titles).collect();
                Self::Columns(style, Grid::new(style, titles), columns)
            }
            (Output::Jsonl, None) => Self::Jsonl,
            (Output::Jsonl, Some(columns)) => Self::JsonlColumns(columns),
        }
    }

    pub(super) fn write(
        &mut self,
        context: &mut Context<'_>,
        origin: Origin<'_>,
        event: &StoredEvent,
    ) -> anyhow::Result<()> {
        let failed = || format!("failed to read the payload of event {}", event.id);
        let Origin {
            reader,
            number,
            name,
        } = origin;
        let out = context.terminal.out();
        match self {
            Self::Table(table) => {
                let payload = reader.payload(event).with_context(failed)?;
                let start = payload.start(FIRST_LINE_BYTES).with_context(failed)?;
                let label = name.map(|_| number + 1);
                table.push(out, label, event, &start)?;
                Ok(())
            }
            Self::Jsonl => {
                let mut payload = reader.payload(event).with_context(failed)?;
                jsonl::write(out, name, event, || {
                    payload.next_piece().with_context(failed)
                })
            }
            Self::Columns(style, grid, columns) => {
                let mut cells: Vec<_> = name.into_iter().map(escape::line).collect();
                for (_, operand) in columns.iter() {
                    let values = reader.values(event, operand).with_context(failed)?;
                    let texts: Vec<_> = values
                        .iter()
                        .map(|value| cell(style, operand.value_type(), value))
                        .collect();
                    cells.push(if texts.is_empty() {
                        "-".to_owned()
                    } else {
                        texts.join(", ")
                    });
                }
                grid.push(out, cells)?;
                Ok(())
            }
            Self::JsonlColumns(columns) => {
                let mut object = values::Object::default();
                if let Some(name) = name {
                    object.text("capture", name);
                }
                for (name, operand) in columns.iter() {
                    let values = reader.values(event, operand).with_context(failed)?;
                    object.field(name, operand.has_many_shown(), &values);
                }
                object.write(out)?;
                Ok(())
            }
        }
    }

    /// Writes what waits for the widths of the columns.
    pub(super) fn flush(&mut self, context: &mut Context<'_>) -> anyhow::Result<()> {
        match self {
            Self::Table(table) => table.flush(context.terminal.out())?,
            Self::Columns(_, grid, _) => grid.flush(context.terminal.out())?,
            Self::Jsonl | Self::JsonlColumns(_) => {}
        }
        Ok(())
    }

    pub(super) fn finish(mut self, context: &mut Context<'_>) -> anyhow::Result<()> {
        self.flush(context)
    }
}

/// The title of the column of a field.
pub(super) fn title(name: &str, operand: &Operand) -> Title {
    let title = name.to_uppercase();
    match operand.value_type() {
        Type::Int | Type::Size | Type::Status | Type::Duration => Title::number(title),
        _ => Title::text(title),
    }
}

/// A value in a column.
pub(super) fn cell(style: &Style, kind: Type, value: &Value<'_>) -> String {
    match (value, kind) {
        (Value::Time(time), _) => style.short_time(*time),
        (Value::Int(number), Type::Duration) => exchange_row::elapsed(*number),
        (Value::Int(number), Type::Size) => human(u64::try_from(*number).unwrap_or(0)),
        (value, _) => {
            let bytes = value.to_bytes();
            let shown = bytes.get(..SHOWN_BYTES).unwrap_or(&bytes);
            escape::bytes(shown)
        }
    }
}
