//! The chosen fields of what is listed, events or exchanges, as a table or as JSON.

use std::io::Write;

use crate::export::values::Object;
use crate::filter::{Operand, Type, Value};
use crate::render::grid::{Grid, Title};
use crate::render::{Style, escape, exchange_row, human};

use super::Output;
use super::chosen_fields::Chosen;

/// How many bytes of a value a column shows at most.
const SHOWN_BYTES: usize = 1024;

/// Where chosen fields go.
pub(super) struct Columns<'a> {
    chosen: &'a Chosen,
    style: Style,
    /// The table; JSON needs none.
    grid: Option<Grid>,
}

impl<'a> Columns<'a> {
    /// Of these fields; the capture is named as well if there are several.
    pub(super) fn new(style: Style, output: Output, chosen: &'a Chosen, are_several: bool) -> Self {
        let capture = are_several.then(|| Title::text("CAPTURE"));
        let titles = chosen.iter().map(|(name, operand)| title(name, operand));
        let grid = (output == Output::Table)
            .then(|| Grid::new(style, capture.into_iter().chain(titles).collect()));
        Self {
            chosen,
            style,
            grid,
        }
    }

    /// Writes what `values` gives for each field, of this capture, where there are several.
    pub(super) fn write(
        &mut self,
        out: &mut dyn Write,
        name: Option<&str>,
        values: impl Fn(&Operand) -> anyhow::Result<Vec<Value<'static>>>,
    ) -> anyhow::Result<()> {
        let Some(grid) = &mut self.grid else {
            let mut object = Object::default();
            if let Some(name) = name {
                object.text("capture", name);
            }
            for (name, operand) in self.chosen.iter() {
                object.field(name, operand.has_many_shown(), &values(operand)?);
            }
            object.write(out)?;
            return Ok(());
        };
        let mut cells: Vec<_> = name.into_iter().map(escape::line).collect();
        for (_, operand) in self.chosen.iter() {
            let texts: Vec<_> = values(operand)?
                .iter()
                .map(|value| cell(&self.style, operand.value_type(), value))
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

    /// Writes what waits for the widths of the columns.
    pub(super) fn flush(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        if let Some(grid) = &mut self.grid {
            grid.flush(out)?;
        }
        Ok(())
    }
}

/// The title of the column of a field.
fn title(name: &str, operand: &Operand) -> Title {
    let title = name.to_uppercase();
    match operand.value_type() {
        Type::Int | Type::Size | Type::Status | Type::Duration => Title::number(title),
        _ => Title::text(title),
    }
}

/// A value in a column.
fn cell(style: &Style, kind: Type, value: &Value<'_>) -> String {
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
