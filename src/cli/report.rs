//! An error as lines for a person: what failed, why, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::filter;
use crate::record;
use crate::render::escape;
use crate::store::{self, SecretKind};

use super::capture_path::{NotFound, SYSTEM_CAPTURE};
use super::terminal::Terminal;

/// A capture that one may not read, or that is no file. It wraps what the system said.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// The capture.
    pub(crate) path: PathBuf,
    /// What the system said.
    pub(crate) cause: io::Error,
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "failed to open {}", self.path.display())
    }
}

/// An error that brings its own advice: an action that can be taken.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Advised {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: String,
}

/// Writes an error: the chain of causes in one line, and hints below it.
pub fn report(terminal: &mut Terminal, error: &anyhow::Error) {
    // Causes can quote what was captured, or a path with anything in it. Only a filter's fault is drawn over several lines.
    let text = chain(error);
    let is_drawn = error
        .chain()
        .any(<dyn std::error::Error>::is::<filter::Error>);
    if is_drawn {
        let lines: Vec<_> = text.lines().map(escape::line).collect();
        terminal.error(lines.join("\n"));
    } else {
        terminal.error(escape::line(&text));
    }
    for hint in hints(error) {
        terminal.hint(escape::line(&hint));
    }
}

/// Every cause, outermost first; one that the text before it already ends with is not repeated.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// What can be done, for every cause that something can be done about.
fn hints(error: &anyhow::Error) -> Vec<String> {
    error.chain().filter_map(hint).collect()
}

fn hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(advised) = cause.downcast_ref::<Advised>() {
        return Some(advised.hint.clone());
    }
    if let Some(error) = cause.downcast_ref::<store::Error>() {
        return store_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<store::SqlError>() {
        return sql_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<record::Error>() {
        return record_hint(error);
    }
    if cause.downcast_ref::<NotFound>().is_some() {
        return Some("name a capture with --db, or make one with `ecq-record`".to_owned());
    }
    if let Some(unreadable) = cause.downcast_ref::<Unreadable>() {
        return unreadable_hint(&unreadable.path, unreadable.cause.kind());
    }
    if let Some(error) = cause.downcast_ref::<filter::Error>() {
        return filter_hint(error);
    }
    None
}

/// Advice for what the store says. A variant that one can do something about gets its line here.
fn store_hint(error: &store::Error) -> Option<String> {
    let hint = match error {
        store::Error::Missing { .. } => "name a capture with --db, or make one with `ecq-record`",
        store::Error::NoDirectory { .. } => "make the directory, or name another file with --db",
        store::Error::NotAFile { .. } => "name a file with --db",
        store::Error::StrangeCompany { .. } => {
            "nothing of ecq leaves that there: remove it, or copy the capture alone to another folder"
        }
        store::Error::Symlink { .. } => "name the file that it leads to with --db",
        store::Error::NotOwner { .. } => "run as that user, or name another file with --db",
        store::Error::Denied { .. } => "use `sudo`, or name another file with --db",
        store::Error::ReadOnly { .. } => {
            "record to a file on a disk that can be written, named with --db"
        }
        store::Error::Foreign { .. } => {
            "name a capture, or a file that is not there yet, with --db"
        }
        store::Error::Exists { .. } => "name a file that is not there yet",
        store::Error::Newer { .. } => "use the version of ecq that wrote it, or a newer one",
        store::Error::InUse { .. } => {
            "another ecq-record writes to it, or an ecq-query reads it: stop that one, or name another file with --db"
        }
        store::Error::Busy { .. } => "another program holds it: try again, or stop that program",
        store::Error::Full { .. } => {
            "make room on that disk, then try again: what was recorded before is safe"
        }
        store::Error::Corrupt { .. } => {
            "copy the file before anything else; `ecq-query verify` says what is damaged, and `ecq-query salvage` saves the rest; \
             where that cannot be, `sqlite3 FILE .recover` can save rows"
        }
        store::Error::WrongKey { .. } => {
            "give the key that it was begun with by --chain-key, or name another file with --db"
        }
        store::Error::Encrypted {
            kind: SecretKind::KeyFile,
            ..
        } => "give the key file that it was begun with by --key-file FILE or $ECQ_KEY_FILE",
        store::Error::Encrypted {
            kind: SecretKind::Passphrase,
            ..
        } => "give it by --passphrase-file FILE, or run this on a terminal, which asks for it",
        store::Error::NotEncrypted { .. } => {
            "a capture is encrypted from its beginning or not at all: name a new file with --db to be made with --encrypt, or \
             leave out --encrypt, --key-file, --passphrase-file and $ECQ_KEY_FILE"
        }
        store::Error::Pruned { .. } => "ask again: what is left is there",
        store::Error::AlreadyImported { .. } => "--again imports it a second time",
        store::Error::Io { .. } | store::Error::Sqlite { .. } => return None,
    };
    Some(hint.to_owned())
}

/// Advice for what is wrong with a statement.
fn sql_hint(error: &store::SqlError) -> Option<String> {
    let hint = match error {
        store::SqlError::Empty => {
            "name a condition, as in `ecq-query sql \"dst_port = 443\"`, or write a SELECT"
        }
        store::SqlError::Statement {
            message,
            is_condition,
            ..
        } => return unread_hint(message, *is_condition),
        store::SqlError::Denied { .. } => {
            "a statement is one SELECT; it can neither change nor set anything"
        }
        store::SqlError::Parameters(_) => "write the values into the statement",
        store::SqlError::Stopped => return None,
        store::SqlError::TooLarge => "look at less at once, as with substr(…)",
        store::SqlError::LargePayload { .. } => {
            "put `length <= 16777216 AND` in front, and write that payload out with `ecq-query show ID --raw`"
        }
        store::SqlError::Failed(message) => return unread_hint(message, false),
        // Transparent, so it is not a cause of its own in the chain.
        store::SqlError::Store(error) => return store_hint(error),
    };
    Some(hint.to_owned())
}

/// Advice for what SQLite does not understand, by its words.
fn unread_hint(message: &str, is_condition: bool) -> Option<String> {
    let message = message.to_lowercase();
    let hint = if message.contains("near \"index\"") {
        "`index` is a word of SQL's: write \"index\" in double quotes, or id"
    } else if is_condition
        && ["order", "limit", "group", "having", "union"]
            .iter()
            .any(|word| message.contains(&format!("near \"{word}\"")))
    {
        "a bare condition is what follows WHERE: for more, write it all, as in SELECT * FROM packets WHERE …"
    } else if message.contains("no such column") {
        "a text stands in single quotes; `packets` has \"index\", id, timestamp, time_text, uuid, src_ip, src_port, dst_ip, \
         dst_port, pid, pname, type, length, is_binary, payload_utf8 and payload_binary"
    } else if message.contains("no such table") {
        "ask `packets`, `event_list` or `connection_list`; sqlite_schema lists the rest"
    } else if message.contains("no such function") {
        "beside SQLite's own there are payload, cidr, regexp, ip_text and time_text"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// Advice for what a recorder says.
fn record_hint(error: &record::Error) -> Option<String> {
    match error {
        // Transparent, so it is not a cause of its own in the chain.
        record::Error::Store(error) => store_hint(error),
        record::Error::Metrics { .. } => {
            Some("name another address or port with --metrics, or leave it out".to_owned())
        }
        record::Error::BadUrl { .. } => Some(
            "it is what eCapture's --ecaptureq was given, usually ws://127.0.0.1:28257/".to_owned(),
        ),
        record::Error::SecretInUrl => Some(
            "say it with --header 'Authorization: @FILE', which is sent and not stored".to_owned(),
        ),
        record::Error::GivenTwice(_) => {
            Some("give each eCapture once, and each name to one: --url web=ws://…".to_owned())
        }
        record::Error::BadHeader { .. } => Some(
            "a header is --header 'Name: value', or 'Name: @FILE' for a value in a file".to_owned(),
        ),
        record::Error::HeaderFile { .. } => {
            Some("name a file that can be read, with the value alone in it".to_owned())
        }
        record::Error::BadAuthority { .. } => Some(
            "name a file with certificates in PEM form, which begin with -----BEGIN CERTIFICATE-----"
                .to_owned(),
        ),
        record::Error::FilterOnId => {
            Some("ask `ecq-query` for ids, or record with a filter on something else".to_owned())
        }
        record::Error::FilterOnIdentity(_) => Some(
            "record with a filter on `pname` or `pid`, and ask `ecq-query` for the rest".to_owned(),
        ),
        record::Error::NoTime { .. } => {
            Some("say when they were received with --received-at TIME".to_owned())
        }
        record::Error::SaveFrames { source, .. }
            if source.kind() == io::ErrorKind::AlreadyExists =>
        {
            Some("name a file that is not there yet".to_owned())
        }
        _ => None,
    }
}

fn unreadable_hint(path: &Path, kind: io::ErrorKind) -> Option<String> {
    match kind {
        io::ErrorKind::PermissionDenied if path == Path::new(SYSTEM_CAPTURE) => Some(
            "the system's capture belongs to root: use `sudo`, or name another with --db"
                .to_owned(),
        ),
        io::ErrorKind::PermissionDenied => {
            Some("use `sudo`, or name a capture that you may read with --db".to_owned())
        }
        io::ErrorKind::NotFound => {
            Some("name a capture with --db, or make one with `ecq-record`".to_owned())
        }
        io::ErrorKind::IsADirectory => Some("name the capture file in it".to_owned()),
        _ => None,
    }
}

fn filter_hint(error: &filter::Error) -> Option<String> {
    match error {
        filter::Error::UnknownTime | filter::Error::Empty => {
            Some(format!("a time is one of {}", filter::TIME_FORMS))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_are_joined_and_hints_collected() {
        let denied = Unreadable {
            path: PathBuf::from(SYSTEM_CAPTURE),
            cause: io::Error::from(io::ErrorKind::PermissionDenied),
        };
        let error = Err::<(), _>(denied)
            .context("failed to list events")
            .unwrap_err();
        assert_eq!(
            chain(&error),
            "failed to list events: failed to open /var/lib/ecq/caps.db: permission denied"
        );
        let hints = hints(&error);
        assert!(
            hints[0].contains("sudo") && hints[0].contains("--db"),
            "{hints:?}"
        );
        assert_eq!(hints.len(), 1);
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        let error = anyhow::anyhow!("no such file").context("failed: no such file");
        assert_eq!(chain(&error), "failed: no such file");
    }
}
