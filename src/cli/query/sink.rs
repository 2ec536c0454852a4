//! Where listed events go.

use anyhow::Context as _;

use crate::event::StoredEvent;
use crate::export::jsonl;
use crate::render::Style;
use crate::render::table::{FIRST_LINE_BYTES, Table};
use crate::store::Error;

use super::capture::Origin;
use super::chosen_fields::Chosen;
use super::columns::Columns;
use super::{Context, Output};

/// Events as lines of one format.
pub(super) enum Sink<'a> {
    /// The usual table.
    Table(Table),
    /// Chosen fields.
    Columns(Columns<'a>),
    /// An object an event.
    Jsonl,
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        style: Style,
        output: Output,
        columns: Option<&'a Chosen>,
        are_several: bool,
    ) -> Self {
        match (output, columns) {
            (_, Some(chosen)) => Self::Columns(Columns::new(style, output, chosen, are_several)),
            (Output::Table, None) => Self::Table(Table::new(style)),
            (Output::Jsonl, None) => Self::Jsonl,
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
                let start = reader
                    .payload(event)
                    .and_then(|payload| payload.start(FIRST_LINE_BYTES));
                // What was pruned since it was found is gone, and not damaged.
                let Some(start) = unless_pruned(start).with_context(failed)? else {
                    return Ok(());
                };
                let label = name.map(|_| number + 1);
                table.push(out, label, event, &start)?;
                Ok(())
            }
            Self::Jsonl => {
                let payload = unless_pruned(reader.payload(event)).with_context(failed)?;
                let Some(mut payload) = payload else {
                    return Ok(());
                };
                jsonl::write(out, name, event, || {
                    payload.next_piece().with_context(failed)
                })
            }
            Self::Columns(columns) => columns.write(out, name, |operand| {
                reader.values(event, operand).with_context(failed)
            }),
        }
    }

    /// Writes what waits for the widths of the columns.
    pub(super) fn flush(&mut self, context: &mut Context<'_>) -> anyhow::Result<()> {
        match self {
            Self::Table(table) => table.flush(context.terminal.out())?,
            Self::Columns(columns) => columns.flush(context.terminal.out())?,
            Self::Jsonl => {}
        }
        Ok(())
    }

    pub(super) fn finish(mut self, context: &mut Context<'_>) -> anyhow::Result<()> {
        self.flush(context)
    }
}

/// What was read of an event; `None` if it was pruned meanwhile.
pub(super) fn unless_pruned<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Pruned { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
