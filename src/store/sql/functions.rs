//! Functions for statements: payloads, addresses, networks and regular expressions.
//!
//! All are for direct use only: what a capture's own views and indexes call is not ours (`SQLITE_DIRECTONLY`). Without a
//! value they give NULL.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};

use super::MAX_VALUE_BYTES;
use super::error::SqlError;
use crate::event::{Content, EventId, Timestamp};
use crate::filter::{self, Pattern};
use crate::store::block::Class;
use crate::store::payload::Payload;
use crate::store::{Error, Reader, Vault, Watch};

const FLAGS: FunctionFlags = FunctionFlags::SQLITE_UTF8
    .union(FunctionFlags::SQLITE_DETERMINISTIC)
    .union(FunctionFlags::SQLITE_DIRECTONLY);

/// What a function ran into, kept aside: SQLite passes on no more than its text.
pub(super) type Fault = Arc<Mutex<Option<SqlError>>>;

/// Registers them.
pub(super) fn register(db: &Connection, payloads: &Arc<Payloads>) -> Result<()> {
    let shared = Arc::clone(payloads);
    db.create_scalar_function(c"payload", 1, FLAGS, move |context| {
        let id: Option<i64> = context.get(0)?;
        let Some(id) = id else { return Ok(None) };
        shared.answer(|payloads| payloads.of_event(id))
    })?;
    let shared = Arc::clone(payloads);
    db.create_scalar_function(c"ecq_is_binary", 3, FLAGS, move |context| {
        let member = Member::read(context)?;
        shared.answer(|payloads| payloads.is_binary(member))
    })?;
    let shared = Arc::clone(payloads);
    db.create_scalar_function(c"ecq_text", 3, FLAGS, move |context| {
        let member = Member::read(context)?;
        shared.answer(|payloads| payloads.text(member))
    })?;
    let shared = Arc::clone(payloads);
    db.create_scalar_function(c"ecq_binary", 3, FLAGS, move |context| {
        let member = Member::read(context)?;
        shared.answer(|payloads| payloads.binary(member))
    })?;
    db.create_scalar_function(c"ip_text", 1, FLAGS, |context| {
        Ok(address(context.get_raw(0)).map(|ip| ip.to_string()))
    })?;
    db.create_scalar_function(c"ecq_endpoint", 2, FLAGS, |context| {
        let port: Option<u16> = context.get(1)?;
        Ok(match (address(context.get_raw(0)), port) {
            (Some(ip), Some(port)) => SocketAddr::new(ip, port).to_string(),
            // What eCapture writes there.
            _ => "0.0.0.0:0".to_owned(),
        })
    })?;
    db.create_scalar_function(c"time_text", 1, FLAGS, |context| {
        let nanoseconds: Option<i64> = context.get(0)?;
        Ok(nanoseconds.map(|time| Timestamp::from_nanos(time).to_string()))
    })?;
    db.create_scalar_function(c"cidr", 2, FLAGS, cidr)?;
    db.create_scalar_function(c"regexp", 2, FLAGS, regexp)
}

/// Whether an address lies in a network. What is no address lies in none.
fn cidr(context: &Context<'_>) -> Result<Option<bool>> {
    if is_null(context, 0) || is_null(context, 1) {
        return Ok(None);
    }
    let network: Arc<IpNet> = context.get_or_create_aux(1, |value| {
        let text = String::from_utf8_lossy(bytes(value)).into_owned();
        filter::network(&text).map_err(|error| format!("cidr: {text:?}: {error}"))
    })?;
    let ip = address(context.get_raw(0));
    Ok(Some(
        ip.is_some_and(|ip| network.contains(&ip.to_canonical())),
    ))
}

/// `text REGEXP pattern`. It minds the case, as `=` and `LIKE` do.
fn regexp(context: &Context<'_>) -> Result<Option<bool>> {
    if is_null(context, 0) || is_null(context, 1) {
        return Ok(None);
    }
    let pattern: Arc<Pattern> = context.get_or_create_aux(0, |value| {
        let text = String::from_utf8_lossy(bytes(value)).into_owned();
        Pattern::new(&format!("(?-i){text}")).map_err(|error| {
            // It draws the pattern first; its last line says what is wrong.
            let error = error.to_string();
            let last = error.lines().next_back().unwrap_or_default();
            format!("regexp: {text:?}: {}", last.trim_start_matches("error: "))
        })
    })?;
    Ok(Some(match context.get_raw(1) {
        ValueRef::Integer(number) => pattern.is_in(number.to_string().as_bytes()),
        ValueRef::Real(number) => pattern.is_in(number.to_string().as_bytes()),
        other => pattern.is_in(bytes(other)),
    }))
}

fn is_null(context: &Context<'_>, place: usize) -> bool {
    matches!(context.get_raw(place), ValueRef::Null)
}

fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

/// An address as text, or as the bytes of the tables.
fn address(value: ValueRef<'_>) -> Option<IpAddr> {
    match value {
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        ValueRef::Blob(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
            _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        },
        _ => None,
    }
}

/// What leads from an event to its payload.
#[derive(Clone, Copy)]
struct Member {
    id: i64,
    class: Option<Class>,
    bytes: u64,
}

impl Member {
    fn read(context: &Context<'_>) -> Result<Self> {
        let bytes = u64::try_from(context.get::<i64>(2)?).unwrap_or(0);
        let content = Content::from_code(context.get(1)?).unwrap_or(Content::Binary);
        Ok(Self {
            id: context.get(0)?,
            class: Class::of(content, bytes),
            bytes,
        })
    }
}

/// The payloads of a capture, through a connection of their own, which is opened when the first is asked for: a
/// function cannot use the connection that calls it.
pub(super) struct Payloads {
    path: PathBuf,
    vault: Vault,
    watch: Watch,
    reader: Mutex<Option<Reader>>,
    fault: Fault,
}

impl Payloads {
    /// Those of the capture that `reader` reads.
    pub(super) fn of(reader: &Reader, fault: Fault) -> Self {
        Self {
            path: reader.path().to_owned(),
            vault: reader.vault().clone(),
            watch: reader.watch().clone(),
            reader: Mutex::new(None),
            fault,
        }
    }

    /// Answers, and keeps what went wrong aside.
    fn answer<T>(
        &self,
        ask: impl FnOnce(&Open<'_>) -> std::result::Result<T, SqlError>,
    ) -> Result<T> {
        self.open_and(ask).map_err(|error| {
            let text = error.to_string();
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            rusqlite::Error::UserFunctionError(text.into())
        })
    }

    fn open_and<T>(
        &self,
        ask: impl FnOnce(&Open<'_>) -> std::result::Result<T, SqlError>,
    ) -> std::result::Result<T, SqlError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = match &mut *reader {
            Some(reader) => reader,
            // Of a private copy this makes a second one. Whoever began to record since has moved payloads about at most.
            empty => empty.insert(Reader::open_with(&self.path, &self.vault)?),
        };
        ask(&Open {
            reader,
            watch: &self.watch,
        })
    }
}

struct Open<'a> {
    reader: &'a Reader,
    watch: &'a Watch,
}

impl Open<'_> {
    fn of_event(&self, id: i64) -> std::result::Result<Option<Vec<u8>>, SqlError> {
        let Some(event) = self.reader.event(EventId::new(id))? else {
            return Ok(None);
        };
        let bytes = event.payload_bytes;
        let class = Class::of(event.event.content, bytes);
        self.whole(Member { id, class, bytes }).map(Some)
    }

    /// Whether it is no UTF-8, judged by all of its bytes.
    fn is_binary(&self, member: Member) -> std::result::Result<bool, SqlError> {
        let mut payload = self.payload(member)?;
        let mut pending = Vec::new();
        while let Some(piece) = payload.next_piece()? {
            if self.watch.is_stopped() {
                return Err(SqlError::Stopped);
            }
            let joined;
            let bytes: &[u8] = if pending.is_empty() {
                &piece
            } else {
                pending.extend_from_slice(&piece);
                joined = std::mem::take(&mut pending);
                &joined
            };
            if let Err(error) = std::str::from_utf8(bytes) {
                if error.error_len().is_some() {
                    return Ok(true);
                }
                // The beginning of a character whose rest is in the next piece.
                pending = bytes
                    .get(error.valid_up_to()..)
                    .unwrap_or_default()
                    .to_vec();
            }
        }
        Ok(!pending.is_empty())
    }

    /// The payload as text; empty if it is none, as in eCaptureQ's table.
    fn text(&self, member: Member) -> std::result::Result<String, SqlError> {
        if is_large(member) && self.is_binary(member)? {
            return Ok(String::new());
        }
        Ok(String::from_utf8(self.whole(member)?).unwrap_or_default())
    }

    /// The payload as bytes; empty if it is text, as in eCaptureQ's table.
    fn binary(&self, member: Member) -> std::result::Result<Vec<u8>, SqlError> {
        if is_large(member) && !self.is_binary(member)? {
            return Ok(Vec::new());
        }
        let whole = self.whole(member)?;
        Ok(if std::str::from_utf8(&whole).is_ok() {
            Vec::new()
        } else {
            whole
        })
    }

    fn whole(&self, member: Member) -> std::result::Result<Vec<u8>, SqlError> {
        if is_large(member) {
            return Err(SqlError::LargePayload {
                id: member.id,
                bytes: member.bytes,
            });
        }
        let mut payload = self.payload(member)?;
        let mut whole = Vec::new();
        while let Some(piece) = payload.next_piece()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    fn payload(&self, member: Member) -> std::result::Result<Payload<'_>, Error> {
        Payload::of(self.reader, member.id, member.class, member.bytes)
    }
}

fn is_large(member: Member) -> bool {
    usize::try_from(member.bytes).map_or(true, |bytes| bytes > MAX_VALUE_BYTES)
}
