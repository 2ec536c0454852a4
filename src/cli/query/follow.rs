//! Goes on listing events as they are recorded.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::event::{EventId, StoredEvent};
use crate::filter::Expr;
use crate::store::{Access, Order, Reader, Vault};

use super::Context;
use super::capture::{Captures, Origin};
use super::list::ListArgs;

/// How long to wait before looking again; a recorder commits at least once a second.
const PAUSE: Duration = Duration::from_millis(200);

/// How many earlier events are shown first unless `--limit` says otherwise.
const EARLIER: u64 = 10;

pub(super) fn run(
    args: &ListArgs,
    captures: Captures,
    filter: Option<&Expr>,
    context: &mut Context<'_>,
) -> anyhow::Result<Exit> {
    let mut sink = args.sink(context, &captures);
    let mut followed = Vec::new();
    let earlier = args.limit.map_or(Some(EARLIER), super::list::Limit::number);
    for (number, reader) in captures.readers().enumerate() {
        let origin = captures.origin(number);
        let mut rows = reader
            .events(filter, Order::NewestFirst, earlier)
            .context("failed to select events")?;
        let mut events = Vec::new();
        while let Some(event) = rows.next_event().context("failed to read events")? {
            events.push(event);
        }
        for event in events.iter().rev() {
            sink.write(context, origin, event)?;
        }
        if reader.access() != Access::Live {
            context.terminal.note(format_args!(
                "no recorder writes to {} now: waiting for one",
                reader.path().display()
            ));
        }
        followed.push(Followed {
            path: reader.path().to_owned(),
            vault: reader.vault().clone(),
            name: origin.name.map(str::to_owned),
            after: rows.upper(),
        });
    }
    // A reader that stays keeps a recorder from beginning, or from closing its file: it is opened anew each time.
    drop(captures);
    while !context.watch.is_stopped() {
        sink.flush(context)?;
        context.terminal.flush()?;
        std::thread::sleep(PAUSE);
        for (number, followed) in followed.iter_mut().enumerate() {
            let reader = Reader::open_with(&followed.path, &followed.vault)
                .context("failed to open the capture")?;
            let origin = Origin {
                reader: &reader,
                number,
                name: followed.name.as_deref(),
            };
            followed.after = news(&reader, followed.after, filter, |event| {
                sink.write(context, origin, event)
            })?;
        }
    }
    sink.finish(context)?;
    Ok(Exit::Found)
}

/// A capture that is followed.
struct Followed {
    path: PathBuf,
    vault: Vault,
    name: Option<String>,
    /// The last event that was looked at.
    after: EventId,
}

/// Gives the events behind `after` to `each`; the last one that was looked at.
fn news(
    reader: &Reader,
    mut after: EventId,
    filter: Option<&Expr>,
    mut each: impl FnMut(&StoredEvent) -> anyhow::Result<()>,
) -> anyhow::Result<EventId> {
    loop {
        let (events, last) = reader
            .newer(after, filter)
            .context("failed to read events")?;
        for event in &events {
            each(event)?;
        }
        if last == after {
            return Ok(after);
        }
        after = last;
    }
}
