//! The texts of dialect D (2.1.0 to 2.5.1), wire.md section 2.

use std::io::{self, Write as _};

use super::calendar;
use super::dialect::Encoder;
use super::event::{Ends, GeneratedEvent, Probe};

/// The text of an event, before the line end that the handler adds; nothing where 2.x sends nothing.
pub(super) fn of_event(encoder: &Encoder, event: &GeneratedEvent, unix_ns: i64) -> Option<Vec<u8>> {
    if event.probe == Probe::GnuTls {
        return None;
    }
    let size = event.payload.len();
    let mut out = Vec::with_capacity(if encoder.hex { size * 4 } else { size } + 160);
    let written = match event.probe {
        Probe::OpenSsl => openssl(encoder, event, unix_ns, &mut out),
        _ if encoder.hex => hexadecimal(encoder, event, unix_ns, &mut out),
        _ => plain(event, &mut out),
    };
    written
        .and_then(|()| trailer(encoder, event, unix_ns, &mut out))
        .ok()?;
    Some(out)
}

/// `internal/probe/openssl/event.go:179,198@v2.5.1`.
fn openssl(
    encoder: &Encoder,
    event: &GeneratedEvent,
    unix_ns: i64,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    out.push(b'[');
    if encoder.hex {
        // Nanoseconds, misread as seconds.
        let reading = encoder.monotonic_ns(unix_ns);
        calendar::write_local_seconds(reading, 0, encoder.zone_seconds, out);
    } else {
        calendar::write_local(unix_ns, encoder.zone_seconds, out);
    }
    write!(out, "] PID:{} TID:{} Comm:", event.pid, event.tid)?;
    out.extend_from_slice(&event.comm);
    let direction = direction(event);
    let (fd, size) = (event.fd, event.payload.len());
    if encoder.hex {
        writeln!(out, " FD:{fd} {direction} ({size} bytes, hex):")?;
        hex_lines(&event.payload, out)
    } else {
        writeln!(out, " FD:{fd} {direction} ({size} bytes):")?;
        out.extend_from_slice(&event.payload);
        Ok(())
    }
}

/// Everything else without `--hex`.
fn plain(event: &GeneratedEvent, out: &mut Vec<u8>) -> io::Result<()> {
    match event.probe {
        Probe::GoTls => {
            gotls_head(event, out)?;
            out.extend_from_slice(b"Data:\n");
            out.extend_from_slice(&event.payload);
        }
        Probe::Bash(_) | Probe::Zsh => {
            shell_head(event, out)?;
            out.extend_from_slice(b"Line:\n");
            out.extend_from_slice(&event.payload);
        }
        Probe::Postgres => {
            write!(out, "PID={} Comm=", event.pid)?;
            out.extend_from_slice(&event.comm);
            out.extend_from_slice(b" Query=");
            out.extend(event.payload.iter().take(100));
            if event.payload.len() > 100 {
                out.extend_from_slice(b"...");
            }
        }
        Probe::OpenSslKey => {
            out.extend_from_slice(b"TLS Version: TLS 1.3, ClientRandom: ");
            hex_pairs(event.payload.iter().take(32), out)?;
        }
        Probe::GoKey(label) => {
            write!(out, "Label: {label}, ClientRandom: ")?;
            hex_pairs(event.payload.iter().take(32), out)?;
        }
        _ => {}
    }
    Ok(())
}

/// Everything else with `--hex`.
fn hexadecimal(
    encoder: &Encoder,
    event: &GeneratedEvent,
    unix_ns: i64,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    match event.probe {
        Probe::GoTls => {
            gotls_head(event, out)?;
            out.extend_from_slice(b"Data(hex):\n");
            hex_pairs(&event.payload, out)
        }
        Probe::Bash(_) | Probe::Zsh => {
            shell_head(event, out)?;
            out.extend_from_slice(b"Line(hex):\n");
            hex_pairs(&event.payload, out)
        }
        Probe::Postgres => {
            let reading = encoder.monotonic_ns(unix_ns);
            write!(out, "PID=0x{:x} Timestamp=0x{reading:x} Query=", event.pid)?;
            hex_pairs(event.payload.iter().take(32), out)?;
            out.extend_from_slice(b" Comm=");
            hex_pairs(event.comm.iter().chain(&[0; 16]).take(16), out)
        }
        Probe::OpenSslKey => {
            out.extend_from_slice(b"Version: 0x0304, ClientRandom: ");
            hex_pairs(event.payload.iter().take(32), out)?;
            out.extend_from_slice(b", MasterKey: ");
            hex_pairs(event.payload.iter().skip(32), out)
        }
        Probe::GoKey(label) => {
            write!(out, "Label:{label}, ClientRandom:")?;
            hex_pairs(event.payload.iter().take(32), out)?;
            out.extend_from_slice(b", Secret:");
            hex_pairs(event.payload.iter().skip(32), out)
        }
        _ => Ok(()),
    }
}

/// The events whose text `--hex` does not change.
fn trailer(
    encoder: &Encoder,
    event: &GeneratedEvent,
    unix_ns: i64,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    match event.probe {
        Probe::Connect => {
            write!(out, "PID:{}, Comm:", event.pid)?;
            out.extend_from_slice(event.comm.trim_ascii());
            write!(out, ", TID:{}, FD:{}, Tuple: ", event.tid, event.fd)?;
            if let Some(Ends {
                initiator,
                acceptor,
                ..
            }) = event.tuple
            {
                write!(
                    out,
                    "[{}]:{}->[{}]:{}",
                    initiator.ip(),
                    initiator.port(),
                    acceptor.ip(),
                    acceptor.port()
                )?;
            }
            Ok(())
        }
        Probe::Destroy => out.write_all(b"PID:0, Comm:, TID:0, FD:0, Tuple: [::]:0->[::]:0"),
        Probe::MySql {
            total_bytes,
            status,
        } => {
            let captured = event.payload.len().min(256);
            write!(out, "MySQL Query[PID={}, Comm=", event.pid)?;
            out.extend_from_slice(&event.comm);
            write!(out, ", Len={captured}/{total_bytes}, Status={status}]: ")?;
            out.extend(
                event
                    .payload
                    .iter()
                    .take(256)
                    .take_while(|byte| **byte != 0),
            );
            Ok(())
        }
        Probe::Packet { bytes, interface } => {
            let reading = encoder.monotonic_ns(unix_ns);
            write!(
                out,
                "Packet captured: len={bytes} bytes, timestamp={reading}, interface={interface}"
            )
        }
        _ => Ok(()),
    }
}

/// The words of a shell's line before `Line`: bash is written `a, b`, zsh `a, \tb`.
fn shell_head(event: &GeneratedEvent, out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "PID:{}, UID:{}, ", event.pid, event.uid)?;
    if let Probe::Bash(value) = event.probe {
        out.extend_from_slice(b"Comm:");
        out.extend_from_slice(&event.comm);
        write!(out, ", Retvalue:{value}, ")
    } else {
        out.extend_from_slice(b"\tComm:");
        out.extend_from_slice(&event.comm);
        out.write_all(b", \t")
    }
}

/// `internal/probe/gotls/event.go:316@v2.5.1`: the tuple follows the data.
fn gotls_head(event: &GeneratedEvent, out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "PID:{}, TID:{}, Comm:", event.pid, event.tid)?;
    out.extend_from_slice(&event.comm);
    write!(out, ", FD:{}, Tuple:", event.fd)?;
    if let Some(ends) = event.tuple {
        let (from, to) = if ends.local_is_initiator == event.written {
            (ends.initiator, ends.acceptor)
        } else {
            (ends.acceptor, ends.initiator)
        };
        let (source, target) = (from.ip().to_canonical(), to.ip().to_canonical());
        write!(out, "[{source}]:{}->[{target}]:{}", from.port(), to.port())?;
    } else {
        out.extend_from_slice(b"0.0.0.0:0-0.0.0.0:0");
    }
    let (direction, size) = (direction(event), event.payload.len());
    writeln!(out, ", Type:{direction}, Len:{size}")
}

fn direction(event: &GeneratedEvent) -> &'static str {
    if event.written { "WRITE" } else { "READ" }
}

fn hex_pairs<'a>(bytes: impl IntoIterator<Item = &'a u8>, out: &mut Vec<u8>) -> io::Result<()> {
    bytes
        .into_iter()
        .try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// `dumpByteSlice`: 32 bytes a line, upper case, with a column of characters.
fn hex_lines(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    for (number, line) in bytes.chunks(32).enumerate() {
        write!(out, "{:04X}", number * 32)?;
        for position in 0..32 {
            match position {
                0 | 16 => out.extend_from_slice(b"  "),
                8 | 24 => out.push(b' '),
                _ => {}
            }
            match line.get(position) {
                Some(byte) => write!(out, "{byte:02X}")?,
                None => out.push(b' '),
            }
        }
        out.extend_from_slice(b"    ");
        out.extend((0..32).map(|position| match line.get(position) {
            Some(byte) if (32..=126).contains(byte) => *byte,
            Some(_) => b'.',
            None => b' ',
        }));
        out.push(b'\n');
    }
    Ok(())
}
