//! Texts of 2.x and the bare ones of 1.x; the inverse of `normalize::text`, which says where each form is from.

use std::io::{self, Write};
use std::net::SocketAddr;

use super::{Body, Short};
use crate::event::{Clock, ClockKind, Direction, Encoding, Event, Layout};
use crate::normalize::civil::Civil;
use crate::normalize::dump;

/// A text: header, payload, what follows it, and the newline that eCapture adds.
pub(super) struct Text<'a> {
    head: Short,
    body: Body<'a>,
    tail: Option<Short>,
    newline: bool,
}

impl<'a> Text<'a> {
    /// `None` if the columns do not hold what the form takes.
    pub(super) fn new(event: &Event, payload: &'a [u8]) -> Option<Self> {
        let mut text = Self {
            head: Short::new(),
            body: Body::new(event, payload),
            tail: None,
            newline: false,
        };
        let head = &mut text.head;
        let hex = if event.form.encoding == Encoding::Hex {
            "(hex)"
        } else {
            ""
        };
        let ids = [event.process.pid, event.process.tid, event.fd];
        let [pid, tid, fd] = ids.map(|id| id.unwrap_or(0));
        let name = event.process.pname.as_deref().unwrap_or_default();
        match event.form.layout {
            // The payload is all of it.
            Layout::Unknown | Layout::PacketText | Layout::KeyText => {}
            Layout::OpensslText => openssl(head, event, payload.len(), [pid, tid, fd], name)?,
            Layout::ConnectionText => {
                write!(head, "PID:{pid}, Comm:{name}, TID:{tid}, FD:{fd}, Tuple: ").ok()?;
                match event.tuple {
                    Some(tuple) => {
                        bracketed(head, tuple.src).ok()?;
                        head.write_all(b"->").ok()?;
                        bracketed(head, tuple.dst).ok()?;
                    }
                    None => head.write_all(b"[::]:0->[::]:0").ok()?,
                }
            }
            Layout::GotlsText | Layout::GotlsTextUnknown => {
                write!(head, "PID:{pid}, TID:{tid}, Comm:{name}, FD:{fd}, Tuple:").ok()?;
                gotls(head, event, payload.len(), hex)?;
            }
            Layout::BashText => {
                let (uid, status) = (event.process.uid?, event.details.return_value?);
                writeln!(
                    head,
                    "PID:{pid}, UID:{uid}, Comm:{name}, Retvalue:{status}, Line{hex}:"
                )
                .ok()?;
            }
            Layout::ZshText => {
                let uid = event.process.uid?;
                writeln!(head, "PID:{pid}, UID:{uid}, \tComm:{name}, \tLine{hex}:").ok()?;
            }
            Layout::BashBare | Layout::ZshBare => {
                let uid = event.process.uid?;
                write!(head, "PID:{pid}, UID:{uid}, \tComm:").ok()?;
                head.padded(name).ok()?;
                if event.form.layout == Layout::BashBare {
                    write!(head, ", \tRetvalue:{}", event.details.return_value?).ok()?;
                }
                head.write_all(b", \tLine:\n").ok()?;
            }
            Layout::MysqldText => {
                let total = event.details.total_bytes?;
                let status = event.details.status.as_deref().unwrap_or_default();
                let captured = payload.len();
                write!(
                    head,
                    "MySQL Query[PID={pid}, Comm={name}, Len={captured}/{total}, Status={status}]: "
                )
                .ok()?;
            }
            Layout::PostgresText if event.form.encoding == Encoding::Hex => {
                let monotonic = event.details.monotonic_ns?;
                write!(head, "PID=0x{pid:x} Timestamp=0x{monotonic:x} Query=").ok()?;
                text.tail = Some(postgres_tail(name)?);
            }
            Layout::PostgresText => write!(head, "PID={pid} Comm={name} Query=").ok()?,
            Layout::MysqldBare => {
                let (time, total) = (field(event)?, event.details.total_bytes?);
                let status = event.details.status.as_deref().unwrap_or_default();
                let captured = payload.len();
                write!(head, " PID:{pid}, Comm:").ok()?;
                head.padded(name).ok()?;
                write!(
                    head,
                    ", Time:{time},  length:({captured}/{total}),  return:{status}, Line:"
                )
                .ok()?;
            }
            Layout::PostgresBare => {
                write!(head, " PID: {pid}, Comm: ").ok()?;
                head.padded(name).ok()?;
                write!(head, ", Time: {}, Query: ", field(event)?).ok()?;
            }
            Layout::OpensslFields
            | Layout::OpensslUuid
            | Layout::OpensslUnknown
            | Layout::Gnutls
            | Layout::Gotls
            | Layout::Sql
            | Layout::Fields
            | Layout::KeyedLine
            | Layout::AddressedLine
            | Layout::GotlsLine => return None,
        }
        text.newline = text.adds_newline(event.form.layout);
        Some(text)
    }

    /// eCapture adds a newline to a text that does not end in one (text_handler.go:71-79@v2.5.1). Where no count in
    /// the header tells whether it did, reading takes one away.
    fn adds_newline(&self, layout: Layout) -> bool {
        let ends = match (&self.tail, self.body.size()) {
            (Some(_), _) => false,
            (None, 0) => self.head.written().ends_with(b"\n"),
            (None, _) => self.body.ends_in_newline(),
        };
        match layout {
            Layout::Unknown
            | Layout::BashBare
            | Layout::ZshBare
            | Layout::MysqldBare
            | Layout::PostgresBare => false,
            Layout::OpensslText
            | Layout::GotlsText
            | Layout::GotlsTextUnknown
            | Layout::MysqldText => !ends,
            _ => self.body.size() != 0 || !ends,
        }
    }

    fn size(&self) -> usize {
        let tail = self.tail.as_ref().map_or(0, |tail| tail.written().len());
        self.body
            .size()
            .saturating_add(self.head.written().len())
            .saturating_add(tail)
            .saturating_add(usize::from(self.newline))
    }

    /// Writes the text.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.head.written())?;
        self.body.write(out)?;
        if let Some(tail) = &self.tail {
            out.write_all(tail.written())?;
        }
        if self.newline {
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes the `LogEntry` that dialect D sends the text in: an `Event` with `length` and `payload`.
    pub(super) fn write_framed(&self, out: &mut impl Write) -> io::Result<bool> {
        let size = self.size();
        let Ok(length) = u32::try_from(size) else {
            return Ok(false);
        };
        let mut event = Short::new();
        event.number_field(0x50, length.into())?;
        event.bytes_key(0x5a, size)?;
        let mut entry = Short::new();
        entry.write_all(b"\x08\x02\x12")?;
        let event_size = size.saturating_add(event.written().len());
        entry.varint(u64::try_from(event_size).map_err(io::Error::other)?)?;
        out.write_all(entry.written())?;
        out.write_all(event.written())?;
        self.write(out)?;
        Ok(true)
    }
}

fn openssl(
    head: &mut Short,
    event: &Event,
    count: usize,
    [pid, tid, fd]: [u32; 3],
    name: &str,
) -> Option<()> {
    let hex = event.form.encoding == Encoding::Hex;
    let reading = event.clock.reading_ns(event.time);
    let date = match event.clock.kind {
        ClockKind::Monotonic if hex => Civil {
            seconds: reading,
            millis: 0,
        },
        ClockKind::LocalText | ClockKind::LocalTextInferred | ClockKind::Monotonic if !hex => {
            Civil::from_nanos(reading)?
        }
        _ => return None,
    };
    let direction = match event.direction? {
        Direction::Inbound => "READ",
        Direction::Outbound => "WRITE",
    };
    let hex = if hex { ", hex" } else { "" };
    head.write_all(b"[").ok()?;
    date.write(head).ok()?;
    writeln!(
        head,
        "] PID:{pid} TID:{tid} Comm:{name} FD:{fd} {direction} ({count} bytes{hex}):"
    )
    .ok()
}

fn gotls(head: &mut Short, event: &Event, count: usize, hex: &str) -> Option<()> {
    let direction = event.direction?;
    if event.form.layout == Layout::GotlsTextUnknown {
        head.write_all(crate::normalize::text::UNKNOWN_TUPLE).ok()?;
    } else {
        let tuple = event.tuple?;
        // The text has the direction of the data, the column that of the process.
        let (from, to) = match direction {
            Direction::Inbound => (tuple.dst, tuple.src),
            Direction::Outbound => (tuple.src, tuple.dst),
        };
        bracketed(head, from).ok()?;
        head.write_all(b"->").ok()?;
        bracketed(head, to).ok()?;
    }
    let direction = match direction {
        Direction::Inbound => "READ",
        Direction::Outbound => "WRITE",
    };
    writeln!(head, ", Type:{direction}, Len:{count}\nData{hex}:").ok()
}

fn postgres_tail(name: &str) -> Option<Short> {
    let mut command = Short::new();
    command.padded(name).ok()?;
    let mut tail = Short::new();
    tail.write_all(b" Comm=").ok()?;
    dump::write_digits(command.written(), &mut tail).ok()?;
    Some(tail)
}

fn bracketed(head: &mut Short, address: SocketAddr) -> io::Result<()> {
    write!(head, "[{}]:{}", address.ip(), address.port())
}

/// The number that a clock of fields was read from; 0 if there was none. `None` if the time is none of its unit's.
pub(super) fn field(event: &Event) -> Option<i64> {
    let Clock { kind, .. } = event.clock;
    let reading = event.clock.reading_ns(event.time);
    let unit = match kind {
        ClockKind::Received => return Some(0),
        ClockKind::FieldSeconds => 1_000_000_000,
        ClockKind::FieldMillis => 1_000_000,
        ClockKind::FieldMicros => 1000,
        ClockKind::FieldNanos | ClockKind::Monotonic => 1,
        ClockKind::LocalText | ClockKind::LocalTextInferred => return None,
    };
    (reading % unit == 0).then_some(reading / unit)
}
