//! The user's own SQL, which only reads.
//!
//! This is the one place where text from outside becomes SQL: the whole statement is the user's. What it can do is held
//! down from several sides, none of which relies on another:
//!
//! - the file is opened as any [`Reader`] opens it (`trusted_schema` off, no triggers), and `query_only` is set;
//! - an authorizer lets nothing pass but selecting, reading and calling functions, so that there is no `ATTACH`, no
//!   `PRAGMA`, no temporary table and no transaction;
//! - what a capture brings along is not trusted (`defensive` on), and the functions that are added here cannot be called by
//!   its views;
//! - values, columns and the text of a statement are limited, rows come one by one, and whoever asks can stop it.
//!
//! A statement is one read transaction for as long as it runs: beside a live recorder its log cannot shrink meanwhile. That
//! is SQL's nature, and the reason for a limit of time. What it sorts or compares beyond SQLite's cache goes to temporary
//! files in `$SQLITE_TMPDIR`, `$TMPDIR` or `/var/tmp`, which have no name any more when they are written.
//!
//! # The view `packets`
//!
//! eCaptureQ keeps what it receives in a table of this name, and documents conditions and statements for it. The view
//! has that table's columns in its order, so that they run unchanged, and `id` and `time_text` behind. As there, none
//! of the columns is ever NULL: a text that is not known is empty, a number 0. Otherwise `src_ip != '127.0.0.1'`, which
//! its guide gives for "all but the loopback", would hide every event whose addresses are not known. NULL stands in the
//! views `event_list` and `connection_list`, which can be joined by `id`.
//!
//! | column | what it is |
//! |---|---|
//! | `"index"`, `id` | the event's number; `index` is a word of SQL's, and needs its quotes |
//! | `timestamp` | nanoseconds since 1970, which eCapture sends too, though the guide says milliseconds |
//! | `uuid` | a stream key, made from the columns in the form of eCapture's OpenSSL probe |
//! | `src_ip`, `src_port`, `dst_ip`, `dst_port` | the tuple as sent |
//! | `pid`, `pname` | the process |
//! | `type` | eCapture's number, mostly 1 and 3 for an HTTP/1 request and response, 2 and 4 for HTTP/2, 0 for others (`docs/wire.md`) |
//! | `length` | bytes of payload |
//! | `is_binary` | whether the payload is no UTF-8, judged by all of it (eCaptureQ: by the first 100 bytes) |
//! | `payload_utf8`, `payload_binary` | the payload in the one or the other; the other is empty |
//! | `time_text` | the time in words, in UTC |
//!
//! `LIKE` minds the case, as it does there. A payload of more than [`MAX_VALUE_BYTES`] is an error that names its event,
//! and never cut: a search that misses something quietly is worse than one that fails.

mod error;
mod functions;
mod text;

use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, Statement};

pub use error::SqlError;

use super::error::{At, Error};
use super::reader::Reader;
use functions::{Fault, Payloads};
use text::Text;

/// No larger payload can be handled by a statement.
pub(super) const MAX_VALUE_BYTES: usize = 16 << 20;

/// How much larger a row may be on the way: SQLite sorts rows as one value.
const ROOM_BYTES: usize = 1 << 20;

/// No longer statement is read.
const MAX_STATEMENT_BYTES: i32 = 1 << 20;

/// No row of a result has more columns.
const MAX_COLUMNS: i32 = 256;

/// How many steps of SQLite's machine pass between two looks at whether to stop.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// How long it is between two looks of another thread.
const PAUSE: Duration = Duration::from_millis(100);

/// Functions that reach beyond the capture, by SQLite's own account.
const DENIED_FUNCTIONS: [&str; 2] = ["load_extension", "fts3_tokenizer"];

/// The view that eCaptureQ's statements are written for.
const PACKETS: &str = r#"
CREATE TEMP VIEW packets AS
SELECT
    e.id AS "index",
    e.time_ns AS timestamp,
    coalesce(p.pid, 0) || '_' || (coalesce(p.pid, 0) + coalesce(e.tid_after_pid, 0)) || '_' || coalesce(p.pname, '')
        || '_' || coalesce(c.fd, 0) || '_' || coalesce(sh.direction, 0)
        || '_' || ecq_endpoint(c.src_ip, c.src_port) || '-' || ecq_endpoint(c.dst_ip, c.dst_port) AS uuid,
    coalesce(ip_text(c.src_ip), '') AS src_ip,
    CAST(coalesce(c.src_port, 0) AS INTEGER) AS src_port,
    coalesce(ip_text(c.dst_ip), '') AS dst_ip,
    CAST(coalesce(c.dst_port, 0) AS INTEGER) AS dst_port,
    CAST(coalesce(p.pid, 0) AS INTEGER) AS pid,
    CAST(coalesce(p.pname, '') AS TEXT) AS pname,
    CAST(coalesce(sh.ecapture_type, 0) AS INTEGER) AS type,
    e.payload_bytes AS length,
    ecq_is_binary(e.id, sh.content, e.payload_bytes) AS is_binary,
    ecq_text(e.id, sh.content, e.payload_bytes) AS payload_utf8,
    ecq_binary(e.id, sh.content, e.payload_bytes) AS payload_binary,
    e.id AS id,
    time_text(e.time_ns) AS time_text
FROM main.events AS e
JOIN main.streams AS s ON s.id = e.stream_id
JOIN main.processes AS p ON p.id = s.process_id
JOIN main.shapes AS sh ON sh.id = e.shape_id
LEFT JOIN main.connections AS c ON c.id = s.connection_id"#;

/// What stands before a bare condition, and behind it: eCaptureQ's own choice of columns, and its order.
const BEFORE_CONDITION: &str = r#"SELECT "index", timestamp, uuid, src_ip, src_port, dst_ip, dst_port, pid, pname, type, length, is_binary FROM packets WHERE (
"#;
const AFTER_CONDITION: &str = "\n) ORDER BY \"index\"";

/// A value in a result. Text is nearly always UTF-8, and can be any bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// Text.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// A capture that answers statements.
pub struct Sql {
    reader: Reader,
    fault: Fault,
    denied: Arc<Mutex<Option<String>>>,
    stop: Stop,
}

/// Whether a statement is to end.
type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

impl Sql {
    /// Sets the capture up for statements. `stop` is asked now and then while one runs, also by another thread, and ends it by
    /// `true`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(
        mut reader: Reader,
        stop: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let stop: Stop = Arc::new(stop);
        let fault = Fault::default();
        let denied = Arc::default();
        let path = reader.path.clone();
        set_up(&mut reader, &fault, &denied, Arc::clone(&stop)).at(&path)?;
        Ok(Self {
            reader,
            fault,
            denied,
            stop,
        })
    }

    /// Reads a statement, or the condition of one on `packets`. Nothing runs yet.
    ///
    /// # Errors
    /// When SQLite does not understand it, there is more than one, or it asks for more than reading.
    pub fn ask(&self, text: &str) -> Result<Question<'_>, SqlError> {
        let read = Text::read(text)?;
        // What was said about a statement before is not about this one.
        drop((take(&self.fault), take(&self.denied)));
        let coarse_time = read
            .coarse_time()
            .map(|(number, nanoseconds)| (number.to_owned(), nanoseconds));
        let statement = if read.is_condition {
            let whole = [BEFORE_CONDITION, read.body, AFTER_CONDITION].concat();
            self.reader.db.prepare(&whole)
        } else {
            self.reader.db.prepare(read.body)
        };
        let statement = statement.map_err(|error| self.unread(text, &read, error))?;
        if !statement.readonly() {
            return Err(SqlError::Denied {
                what: "writing".to_owned(),
            });
        }
        match statement.parameter_count() {
            0 => {}
            count => return Err(SqlError::Parameters(count)),
        }
        let columns = statement.column_names().map(str::to_owned).collect();
        Ok(Question {
            sql: self,
            statement,
            columns,
            coarse_time,
        })
    }

    /// What SQLite says of a text that it does not take.
    fn unread(&self, text: &str, read: &Text<'_>, error: rusqlite::Error) -> SqlError {
        if let Some(what) = take(&self.denied) {
            return SqlError::Denied { what };
        }
        let (message, offset) = match error {
            rusqlite::Error::SqlInputError { msg, offset, .. } => {
                (msg, usize::try_from(offset).ok())
            }
            other => return self.failed(other),
        };
        let before = if read.is_condition {
            BEFORE_CONDITION.len()
        } else {
            0
        };
        let at = offset.and_then(|offset| offset.checked_sub(before));
        match at {
            // A condition that SQLite expects to go on where it ends.
            Some(at) if read.is_condition && at >= read.body.len() => {
                let end = read.body.trim_end().len();
                SqlError::at(text, end..end, "something is missing at the end", true)
            }
            Some(at) => SqlError::at(text, text::range_at(text, at), &message, read.is_condition),
            None => SqlError::Failed(message),
        }
    }

    /// Whether what was ended has no end of its own.
    fn is_endless(&self) -> bool {
        let patience = self.reader.patience();
        patience.is_some_and(|patience| patience.is_lost())
    }

    /// Sorts what SQLite said. What one of our functions or the authorizer said before it knows better.
    fn failed(&self, error: rusqlite::Error) -> SqlError {
        if let Some(fault) = take(&self.fault) {
            return fault;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::AuthorizationForStatementDenied) => SqlError::Denied {
                what: take(&self.denied).unwrap_or_else(|| "a change".to_owned()),
            },
            Some(ErrorCode::OperationInterrupted) if !self.is_endless() => SqlError::Stopped,
            Some(ErrorCode::TooBig) => SqlError::TooLarge,
            Some(
                ErrorCode::Unknown
                | ErrorCode::TypeMismatch
                | ErrorCode::ConstraintViolation
                | ErrorCode::OutOfMemory,
            ) => match error {
                rusqlite::Error::SqliteFailure(_, Some(message)) => SqlError::Failed(message),
                other => SqlError::Failed(other.to_string()),
            },
            _ => SqlError::Store(Error::from_sqlite(&self.reader.path, error)),
        }
    }
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn set_up(
    reader: &mut Reader,
    fault: &Fault,
    denied: &Arc<Mutex<Option<String>>>,
    stop: Stop,
) -> rusqlite::Result<()> {
    let payloads = Arc::new(Payloads::of(reader, Arc::clone(fault)));
    let patience = reader.patience();
    let db = &mut reader.db;
    for (setting, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        // Those of the capture can be asked here; what they do ends in time.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, true),
        // A column that is misspelled in double quotes is an error then, and no text.
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    ] {
        db.set_db_config(setting, is_on)?;
    }
    let largest = i32::try_from(MAX_VALUE_BYTES + ROOM_BYTES).unwrap_or(i32::MAX);
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_LENGTH, largest),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_STATEMENT_BYTES),
        (Limit::SQLITE_LIMIT_COLUMN, MAX_COLUMNS),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        db.set_limit(limit, most)?;
    }
    db.pragma_update(None, "case_sensitive_like", true)?;
    functions::register(db, &payloads)?;
    db.execute_batch(PACKETS)?;
    db.pragma_update(None, "query_only", true)?;
    let is_over = move || {
        let is_endless = patience
            .as_ref()
            .is_some_and(|patience| patience.is_over(STEPS_BETWEEN_LOOKS));
        stop() || is_endless
    };
    db.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))?;
    let denied = Arc::clone(denied);
    db.authorizer(Some(move |context: AuthContext<'_>| {
        let Some(what) = refusal(context.action) else {
            return Authorization::Allow;
        };
        *denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        Authorization::Deny
    }))
}

/// What is not allowed about an action, in SQL's words; `None` if it is.
fn refusal(action: AuthAction<'_>) -> Option<String> {
    let what = match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => return None,
        AuthAction::Function { function_name } => {
            let is_denied = DENIED_FUNCTIONS
                .iter()
                .any(|denied| function_name.eq_ignore_ascii_case(denied));
            return is_denied.then(|| format!("the function {function_name}"));
        }
        AuthAction::Pragma { pragma_name, .. } => format!("PRAGMA {pragma_name}"),
        AuthAction::Attach { .. } => "ATTACH".to_owned(),
        AuthAction::Detach { .. } => "DETACH".to_owned(),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => "a transaction".to_owned(),
        _ => "a change".to_owned(),
    };
    Some(what)
}

/// A statement that was understood.
pub struct Question<'a> {
    sql: &'a Sql,
    statement: Statement<'a>,
    columns: Vec<String>,
    coarse_time: Option<(String, String)>,
}

impl Question<'_> {
    /// The names of the columns, which can repeat.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// A number in the statement that looks as if it were to be compared with `timestamp` and is in seconds or
    /// milliseconds, and what it would be in nanoseconds.
    pub fn coarse_time(&self) -> Option<(&str, &str)> {
        let (number, nanoseconds) = self.coarse_time.as_ref()?;
        Some((number, nanoseconds))
    }

    /// Runs it. `take` is handed row by row, each with a cell for each column, until it breaks.
    ///
    /// # Errors
    /// What `take` says; when the statement fails, or is stopped.
    pub fn for_each<E: From<SqlError>>(
        &mut self,
        take: impl FnMut(&[Cell<'_>]) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let sql = self.sql;
        let (stop, handle) = (&sql.stop, sql.reader.db.get_interrupt_handle());
        std::thread::scope(|scope| {
            // Gone when the statement is over.
            let (_over, running) = channel::<()>();
            scope.spawn(move || {
                // SQLite counts the rows of a table in one step, within which it asks nobody.
                while running.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    if stop() {
                        handle.interrupt();
                    }
                }
            });
            self.each_row(take)
        })
    }

    fn each_row<E: From<SqlError>>(
        &mut self,
        mut take: impl FnMut(&[Cell<'_>]) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let sql = self.sql;
        let mut rows = self
            .statement
            .query([])
            .map_err(|error| sql.failed(error))?;
        while let Some(row) = rows.next().map_err(|error| sql.failed(error))? {
            let cells: Result<Vec<_>, _> = (0..self.columns.len())
                .map(|column| row.get_ref(column).map(cell))
                .collect();
            let cells = cells.map_err(|error| sql.failed(error))?;
            if take(&cells)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => Cell::Text(text),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}
