//! Goes on listing events as they are recorded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::exit::Exit;
use crate::event::{EventId, StoredEvent, Timestamp};
use crate::filter::Expr;
use crate::record;
use crate::store::{self, Access, Condition, Order, Reader, Vault};

use super::Context;
use super::capture::{self, Captures, Origin};
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
            began: reader.began().context("failed to read the capture")?,
        });
    }
    // A reader that stays keeps a recorder from beginning, or from closing its file: it is opened anew each time.
    drop(captures);
    while !context.watch.is_stopped() {
        sink.flush(context)?;
        context.terminal.flush()?;
        std::thread::sleep(PAUSE);
        for (number, followed) in followed.iter_mut().enumerate() {
            let Some(mut reader) = followed.open()? else {
                // Of a ring, the file can be gone.
                followed.go_on(context)?;
                continue;
            };
            let name = followed.name.clone();
            let mut each = |context: &mut Context<'_>, reader: &Reader, after| {
                let origin = Origin {
                    reader,
                    number,
                    name: name.as_deref(),
                };
                news(reader, after, filter, |event| {
                    sink.write(context, origin, event)
                })
            };
            let mut after = followed.after;
            let began = reader.began().context("failed to read the capture")?;
            if began.is_none() && followed.began.is_some() {
                // A recorder is about to begin in it.
                continue;
            }
            if began != followed.began {
                // Another capture has its name now. What came last before that is in the one that it was.
                after = match before(&reader, &followed.path)? {
                    Some(old) => each(context, &old.with_vault(&followed.vault), after)?,
                    None => EventId::new(0),
                };
                capture::unlock(&mut reader, context)?;
                followed.vault = reader.vault().clone();
            }
            let reader = reader.with_vault(&followed.vault);
            after = each(context, &reader, after)?;
            followed.after = after;
            followed.began = began;
            if reader.access() != Access::Live {
                followed.go_on(context)?;
            }
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
    /// When it began, which tells it from another of its name.
    began: Option<Timestamp>,
}

impl Followed {
    /// Opens it; `None` where a recorder sets it aside just now and its name is not given to the next yet.
    fn open(&self) -> anyhow::Result<Option<Reader>> {
        match Reader::open(&self.path) {
            Ok(reader) => Ok(Some(reader)),
            Err(_) if is_between(&self.path) => Ok(None),
            Err(error) => Err(error).context("failed to open the capture"),
        }
    }

    /// When nobody writes to it any more and there is another file of its ring: goes on in that.
    fn go_on(&mut self, context: &mut Context<'_>) -> anyhow::Result<()> {
        let Some(path) = record::next_file(&self.path).filter(|path| has_begun(path)) else {
            return Ok(());
        };
        let mut reader = Reader::open(&path).context("failed to open the capture")?;
        context.terminal.note(format_args!(
            "the recording went on: following {}",
            path.display()
        ));
        // Numbers of events begin anew with another recording.
        if before(&reader, &path)?.is_none() {
            self.after = EventId::new(0);
        }
        self.began = reader.began().context("failed to read the capture")?;
        capture::unlock(&mut reader, context)?;
        self.vault = reader.vault().clone();
        self.path = path;
        Ok(())
    }
}

/// Whether there is a capture in which a recording was begun.
fn has_begun(path: &Path) -> bool {
    Reader::open(path).is_ok_and(|reader| matches!(reader.began(), Ok(Some(_))))
}

/// Whether there is no capture, or none yet.
fn is_between(path: &Path) -> bool {
    matches!(
        store::condition(path),
        Ok(Condition::Absent | Condition::Empty)
    )
}

/// The file beside `path` that the recording of this capture was in before.
fn before(reader: &Reader, path: &Path) -> anyhow::Result<Option<Reader>> {
    let before = reader.predecessor().context("failed to read the capture")?;
    // The name is the capture's word: it leads to no other folder.
    let path = before
        .filter(|before| Path::new(&before.name).file_name() == Some(before.name.as_ref()))
        .map(|before| path.with_file_name(before.name));
    Ok(path.and_then(|path| Reader::open(&path).ok()))
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
