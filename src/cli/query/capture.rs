//! Opens the capture that is asked about.

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;

use crate::cli::capture_path::{self, Origin, Surroundings};
use crate::cli::report::Unreadable;
use crate::cli::select::Anchor;
use crate::event::Timestamp;
use crate::store::{Access, Reader};

use super::Context;

/// Opens the capture and, when it was not named, says which one it is.
pub(super) fn open(context: &mut Context<'_>) -> anyhow::Result<Reader> {
    let named = context.common.db.as_deref();
    let chosen = capture_path::for_query(named, &Surroundings::read(), capture_path::is_there)
        .context("failed to find a capture")?;
    let path = chosen.path.as_path();
    match chosen.origin {
        Origin::Named => {}
        Origin::Environment => {
            context
                .terminal
                .note(format_args!("reading {} ($ECQ_DB)", path.display()));
        }
        Origin::Found | Origin::Default => {
            context
                .terminal
                .note(format_args!("reading {}", path.display()));
        }
    }
    check_readable(path)?;
    let reader = Reader::open(path).context("failed to open the capture")?;
    tell_access(context, reader.access());
    Ok(reader)
}

/// Says what is not as usual about the capture.
fn tell_access(context: &mut Context<'_>, access: Access) {
    match access {
        Access::Finished | Access::Live => {}
        Access::PrivateCopy => context.terminal.note(
            "its last recording left a -wal file beside it: reading a private copy of both",
        ),
        Access::LogMissing => context.terminal.error(
            "its last recording ended without a word, and its -wal file is missing: the last commits may be absent",
        ),
    }
}

/// Asks the system before SQLite does, whose answer would be "unable to open".
fn check_readable(path: &Path) -> Result<(), Unreadable> {
    let wrap = |cause| Unreadable {
        path: path.to_owned(),
        cause,
    };
    // Opening a pipe would wait for whoever writes to it; what is no file is refused by the store, in words.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Ok(());
    }
    let file = File::open(path).map_err(wrap)?;
    if file.metadata().map_err(wrap)?.is_dir() {
        return Err(wrap(std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(())
}

/// What the times on the command line are read against.
pub(super) fn anchor(context: &Context<'_>, reader: &Reader) -> anyhow::Result<Anchor> {
    Ok(Anchor {
        now: context.now,
        newest: reader
            .newest_time()
            .context("failed to look up the newest event")?,
        zone: context.zone,
    })
}

/// Says why nothing was found, as far as time is the reason.
pub(super) fn explain_nothing(
    context: &mut Context<'_>,
    since: Option<Timestamp>,
    newest: Option<Timestamp>,
) {
    let Some(newest) = newest else {
        context.terminal.note("the capture holds no events");
        return;
    };
    match since {
        Some(since) if newest < since => {
            let style = context.style();
            context.terminal.note(format_args!(
                "nothing since {}: the newest event is from {}",
                style.second(since),
                style.second(newest)
            ));
            if !context.common.quiet {
                context
                    .terminal
                    .hint("`--relative-to last` counts --since back from that event");
            }
        }
        _ => context.terminal.note("no event matches"),
    }
}
