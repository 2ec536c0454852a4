//! What is exported, one event or exchange after the other, and the formats that need more than that.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};

use anyhow::Context as _;

use super::pieces::{Pieces, Redacting};
use crate::cli::query::Context;
use crate::cli::query::capture::{Captures, Origin};
use crate::cli::query::exchanges::merged;
use crate::cli::query::sink::unless_pruned;
use crate::event::{ConnectionId, StoredEvent};
use crate::export::parquet::{ParquetEvents, ParquetExchanges};
use crate::export::pcapng::PcapngWriter;
use crate::filter::{Expr, Field, FieldId, Level, Literal, Operand, Test, Unit};
use crate::http::exchange::{Bodies, Exchange, Side};
use crate::redact::Redactor;
use crate::store::{Error, Merged, Order, Reader};

/// How many connections are named in a filter; of more, events are looked through.
const NAMED_CONNECTIONS: usize = 1000;

/// What is exported.
pub(in crate::cli::query) struct Job<'a> {
    pub(in crate::cli::query) captures: &'a Captures,
    pub(in crate::cli::query) filter: Option<&'a Expr>,
    pub(in crate::cli::query) redactor: Option<&'a Redactor>,
    /// Whose bodies are written as they are.
    pub(in crate::cli::query) side: Side,
}

type EachExchange<'e> = dyn FnMut(Option<&str>, &Exchange, &dyn Bodies) -> io::Result<()> + 'e;

type EachEvent<'e> =
    dyn FnMut(Option<&str>, &StoredEvent, &mut Pieces<'_>) -> anyhow::Result<()> + 'e;

impl Job<'_> {
    /// Gives every exchange, oldest first, to `each`; how many there are.
    pub(in crate::cli::query) fn each_exchange(
        &self,
        context: &Context<'_>,
        each: &mut EachExchange<'_>,
    ) -> anyhow::Result<u64> {
        self.expect(context, Reader::body_bytes_of_exchanges)?;
        let mut merged = merged(self.captures, self.filter, Order::OldestFirst, None)?;
        let mut count = 0;
        while let Some((number, summary)) =
            merged.next_item().context("failed to read exchanges")?
        {
            let Origin { reader, name, .. } = self.captures.origin(number);
            let failed = || format!("failed to export exchange {}", summary.exchange.id);
            let exchange = reader.whole_exchange(&summary);
            // What was pruned since it was found is gone, and not damaged.
            let Some(exchange) = unless_pruned(exchange).with_context(failed)? else {
                continue;
            };
            match self.redactor {
                None => each(name, &exchange, reader),
                Some(redactor) => {
                    let redacted = redactor.redact(&exchange, reader);
                    each(name, redacted.exchange(), &redacted)
                }
            }
            .with_context(failed)?;
            count += 1;
            let halves = [&exchange.request, &exchange.response];
            let bytes = halves.into_iter().flatten().map(|half| half.body_bytes);
            self.went_through(context, bytes.fold(0, u64::saturating_add));
            if context.watch.is_stopped() {
                break;
            }
        }
        Ok(count)
    }

    /// Whether nobody else tells how far a selection is: what looks into payloads does.
    fn is_progress_ours(&self) -> bool {
        let levels = self.filter.map(Expr::levels).unwrap_or_default();
        !levels.contains(&Level::Payload)
    }

    /// Tells how much there is to be gone through, if it is everything; of a part nobody knows.
    fn expect(
        &self,
        context: &Context<'_>,
        bytes: impl Fn(&Reader) -> Result<u64, Error>,
    ) -> anyhow::Result<()> {
        if self.filter.is_none() && context.terminal.shows_progress() {
            for reader in self.captures.readers() {
                let bytes = bytes(reader).context("failed to see how much there is")?;
                context.watch.add_total(bytes);
            }
        }
        Ok(())
    }

    fn went_through(&self, context: &Context<'_>, bytes: u64) {
        if self.is_progress_ours() {
            context.watch.add_scanned(bytes);
        }
    }

    /// Gives every event, oldest first, to `each`; how many there are. With `wanted`, of each capture those of these
    /// connections in place of those of the filter.
    pub(super) fn each_event(
        &self,
        context: &Context<'_>,
        wanted: Option<&[HashSet<i64>]>,
        each: &mut EachEvent<'_>,
    ) -> anyhow::Result<u64> {
        if wanted.is_none() {
            self.expect(context, |reader| Ok(reader.count(None)?.bytes))?;
        }
        let mut inputs = Vec::new();
        for (number, reader) in self.captures.readers().enumerate() {
            let named = wanted
                .and_then(|wanted| wanted.get(number))
                .map(of_connections);
            let filter = match &named {
                Some(filter) => filter.as_ref(),
                None => self.filter,
            };
            inputs.push(
                reader
                    .events(filter, Order::OldestFirst, None)
                    .context("failed to select events")?,
            );
        }
        let mut merged = Merged::new(Order::OldestFirst, inputs, None);
        let are_all = wanted.is_some() || self.filter.is_none();
        let mut redacting = self
            .redactor
            .map(|redactor| Redacting::new(redactor, self.captures, are_all, context))
            .transpose()?;
        let mut count = 0;
        while let Some((number, event)) = merged.next_item().context("failed to read events")? {
            let is_wanted = wanted
                .and_then(|wanted| wanted.get(number))
                .is_none_or(|ids| {
                    event
                        .connection
                        .is_some_and(|connection| ids.contains(&connection.number()))
                });
            let origin = self.captures.origin(number);
            let failed = || format!("failed to export event {}", event.id);
            if is_wanted
                && let Some(payload) =
                    unless_pruned(origin.reader.payload(&event)).with_context(failed)?
            {
                let (event, mut pieces) = match &mut redacting {
                    None => (Cow::Borrowed(&event), Pieces::Stored(payload)),
                    Some(redacting) => redacting
                        .event(origin, &event, payload)
                        .with_context(failed)?,
                };
                each(origin.name, &event, &mut pieces).with_context(failed)?;
                self.went_through(context, event.payload_bytes);
                count += 1;
            }
            if context.watch.is_stopped() {
                break;
            }
        }
        Ok(count)
    }

    /// The connections of the exchanges that are asked for, of each capture.
    fn connections(&self) -> anyhow::Result<Vec<HashSet<i64>>> {
        self.captures
            .readers()
            .map(|reader| {
                let mut found = HashSet::new();
                let mut exchanges = reader
                    .exchanges(self.filter, Order::OldestFirst, None)
                    .context("failed to select exchanges")?;
                while let Some(summary) = exchanges
                    .next_exchange()
                    .context("failed to read exchanges")?
                {
                    found.extend(summary.exchange.connection.map(ConnectionId::number));
                }
                Ok(found)
            })
            .collect()
    }
}

/// The filter for events of these connections, as far as a filter is worth while; they are looked at one by one anyhow.
fn of_connections(ids: &HashSet<i64>) -> Option<Expr> {
    if ids.len() > NAMED_CONNECTIONS {
        return None;
    }
    let mut numbers: Vec<_> = ids.iter().copied().collect();
    numbers.sort_unstable();
    let literals = numbers.into_iter().map(Literal::Int).collect();
    let operand = Operand::field(Field::of(FieldId::Conn));
    Some(Expr::Test(Test::In(operand, literals)))
}

pub(super) fn pcapng(
    job: &Job<'_>,
    unit: Unit,
    out: &mut (dyn Write + Send),
    context: &mut Context<'_>,
) -> anyhow::Result<u64> {
    let mut writer = PcapngWriter::new();
    // A part of a connection could not be dissected: HTTP/2 needs all that came before.
    let wanted = match unit {
        Unit::Events => None,
        Unit::Exchanges => Some(job.connections()?),
    };
    let count = job.each_event(context, wanted.as_deref(), &mut |name, event, pieces| {
        writer.write(out, name, event, || pieces.next())
    })?;
    writer.finish(out)?;
    if writer.skipped() > 0 {
        context.terminal.note(format_args!(
            "{} events are no packets: they have no connection, or no bytes",
            writer.skipped()
        ));
    }
    if writer.repeats() > 0 {
        context.terminal.note(format_args!(
            "{} events are no packets: eCapture repeated a head in them, in place of bytes that it did not pass on",
            writer.repeats()
        ));
    }
    Ok(count
        .saturating_sub(writer.skipped())
        .saturating_sub(writer.repeats()))
}

pub(super) fn parquet_events(
    job: &Job<'_>,
    out: &mut (dyn Write + Send),
    context: &Context<'_>,
) -> anyhow::Result<u64> {
    let mut writer = ParquetEvents::new(out)?;
    let count = job.each_event(context, None, &mut |name, event, pieces| {
        writer.write(name, event, || pieces.next())
    })?;
    writer.finish()?;
    Ok(count)
}

pub(super) fn parquet_exchanges(
    job: &Job<'_>,
    out: &mut (dyn Write + Send),
    context: &Context<'_>,
) -> anyhow::Result<u64> {
    let mut writer = ParquetExchanges::new(out)?;
    let count = job.each_exchange(context, &mut |name, exchange, bodies| {
        writer.write(name, exchange, bodies)
    })?;
    writer.finish()?;
    Ok(count)
}
