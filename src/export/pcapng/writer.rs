//! The file of packets, event by event.

use std::io::{self, Write};

use bytes::Bytes;

use super::blocks::{self, PacketNote};
use super::comment;
use super::ends::{self, Ends};
use super::open::{Key, Open, OpenTable};
use super::repeats::{Begun, Repeats};
use super::reserialized;
use super::segment::{SEGMENT_BYTES, Segment, Sort};
use super::stand_ins::StandIns;
use crate::event::{Direction, Kind, Provenance, Role, StoredEvent, Timestamp};

/// After so many packets in a row the other end acknowledges: half a mebibyte.
const PACKETS_BEFORE_ANSWER: u32 = 16;
/// A connection that has been silent for so long is over if its process begins another with the same ends.
const SILENCE_BEFORE_REUSE_NS: i64 = 1_000_000_000;
/// What Wireshark shows as the program that wrote the file.
const APPLICATION: &str = concat!("ecq ", env!("CARGO_PKG_VERSION"));
const DESCRIPTION: &str = "plaintext that eCapture saw; Ethernet, IP and TCP are made up around it";

/// Writes events as packets; see [`super`] for what is true of them and what is made up.
#[derive(Debug, Default)]
pub struct PcapngWriter {
    has_begun: bool,
    /// The captures, in the order of the interfaces that stand for them.
    captures: Vec<Option<String>>,
    open: OpenTable,
    stand_ins: StandIns,
    connections: u32,
    skipped: u64,
    repeated: Repeats,
    repeats: u64,
    frame: Vec<u8>,
}

/// A packet that is to be sent.
struct Packet<'a> {
    sort: Sort,
    from: Role,
    time: Timestamp,
    payload: &'a [u8],
    comments: &'a [String],
    has_direction: bool,
}

impl PcapngWriter {
    /// Of a file with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events became no packet: they have no connection, or no bytes.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many events became no packet, as eCapture 1.x only repeated the head of a message in them.
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Writes one event of this capture, where there are several. Events are to come in the order of their times.
    /// `next_piece` gives the payload piece by piece, then `None`.
    ///
    /// # Errors
    ///
    /// What `next_piece` says, or `out`.
    pub fn write<E: From<io::Error>>(
        &mut self,
        out: &mut dyn Write,
        capture: Option<&str>,
        stored: &StoredEvent,
        mut next_piece: impl FnMut() -> Result<Option<Bytes>, E>,
    ) -> Result<(), E> {
        self.begin(out)?;
        if stored.event.kind != Kind::TlsData || stored.payload_bytes == 0 {
            self.skipped = self.skipped.saturating_add(1);
            return Ok(());
        }
        let interface = self.interface(out, capture)?;
        let key = Key::of(interface, stored);
        let is_reserialized = stored.event.provenance.contains(Provenance::RESERIALIZED);
        let mut first = None;
        let mut begun = Begun::Message;
        if is_reserialized {
            first = next_piece()?;
            if let Some(piece) = &first {
                begun = self.repeated.take(key, stored, 0, piece);
            }
            if begun == Begun::Repeat {
                self.repeats = self.repeats.saturating_add(1);
                if let Some(open) = self.open.touch(key) {
                    open.repeats = open.repeats.saturating_add(1);
                }
                return Ok(());
            }
        }
        if self.open.touch(key).is_none() {
            self.connect(out, key, stored)?;
        }
        let Some(open) = self.open.touch(key) else {
            return Ok(());
        };
        open.last = stored.event.time;
        let from = ends::sender_of(stored, open.role);
        let mut comments = vec![comment::event(stored)];
        comments.extend(comment::provenance(stored.event.provenance));
        comments.extend(open.ends.notes.iter().cloned());
        match std::mem::take(&mut open.repeats) {
            0 => {}
            repeats => comments.push(format!(
                "before this, eCapture did not pass on bytes {repeats} times and repeated a head in their place, which \
                 is left out"
            )),
        }
        let mut offset = 0;
        loop {
            let is_first = offset == 0;
            let next = match first.take() {
                Some(first) => Some(first),
                None => next_piece()?,
            };
            let Some(mut piece) = next else { break };
            if is_reserialized && !is_first {
                self.repeated.take(key, stored, offset, &piece);
            }
            offset = offset.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if is_reserialized && is_first {
                comments.push("eCapture wrote this message anew".to_owned());
                let has_body = begun != Begun::WithoutBody;
                let rewritten = reserialized::rewrite(&piece, stored.payload_bytes, has_body);
                if let Some(rewritten) = rewritten {
                    comments.push(rewritten.note);
                    let mut fitting = rewritten.head;
                    fitting.extend_from_slice(&piece.split_off(rewritten.replaced_bytes));
                    piece = fitting.into();
                }
            }
            for payload in piece.chunks(SEGMENT_BYTES) {
                let packet = Packet {
                    sort: Sort::Push,
                    from,
                    time: stored.event.time,
                    payload,
                    comments: &comments,
                    has_direction: stored.event.direction.is_some(),
                };
                send(out, &mut self.frame, open, &packet)?;
                comments.clear();
            }
        }
        Ok(())
    }

    /// Ends all connections, and with them the file.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.begin(out)?;
        if self.captures.is_empty() {
            self.interface(out, None)?;
        }
        while let Some(open) = self.open.pop() {
            self.close(out, open, "no more of it was captured")?;
        }
        Ok(())
    }

    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.has_begun {
            blocks::section(out, APPLICATION)?;
            self.has_begun = true;
        }
        Ok(())
    }

    /// The number of the interface that stands for a capture.
    fn interface(&mut self, out: &mut dyn Write, capture: Option<&str>) -> io::Result<u32> {
        let known = self
            .captures
            .iter()
            .position(|known| known.as_deref() == capture);
        let number = if let Some(number) = known {
            number
        } else {
            blocks::interface(out, capture, DESCRIPTION)?;
            self.captures.push(capture.map(str::to_owned));
            self.captures.len().saturating_sub(1)
        };
        u32::try_from(number).map_err(|_| io::ErrorKind::InvalidInput.into())
    }

    /// Opens the connection of an event, at its time.
    fn connect(&mut self, out: &mut dyn Write, key: Key, stored: &StoredEvent) -> io::Result<()> {
        if let Some(silent) = self.open.make_room() {
            self.close(
                out,
                silent,
                "too many others are under way; more of it would begin anew",
            )?;
        }
        let role = ends::role(stored);
        let local = stored.endpoints.local;
        let time = stored.event.time;
        let mut ends = Ends::of(stored, role, &mut self.stand_ins);
        if let Some(holder) = self.open.holder(&ends)
            && holder.key.interface() == key.interface()
            && local.is_some()
            && holder.local == local
            && time.nanos_since(holder.last) >= SILENCE_BEFORE_REUSE_NS
        {
            let key = holder.key;
            if let Some(silent) = self.open.remove(key) {
                self.close(out, silent, "another connection took its ends")?;
            }
        }
        // Ends: there are more stand-ins than connections under way.
        while ends.client == ends.server || self.open.holder(&ends).is_some() {
            ends.evade(&mut self.stand_ins);
        }

        let name = match key {
            Key::Connection(_, id) => format!("connection {id}"),
            Key::Stream(_, id) => format!("stream {id}"),
        };
        let mut comments = vec![format!("synthetic handshake: first event of {name}")];
        comments.extend(ends.notes.iter().cloned());
        self.connections = self.connections.wrapping_add(1);
        let mut open = Open {
            key,
            ends,
            role,
            local,
            // Far from those of the connection before, which may have had the same ends.
            next_of_client: self.connections.wrapping_mul(0x9e37_79b1),
            next_of_server: self.connections.wrapping_mul(0x85eb_ca77),
            repeats: 0,
            unanswered: 0,
            last: time,
        };
        for (sort, from, comments) in [
            (Sort::Open, Role::Client, comments.as_slice()),
            (Sort::Open, Role::Server, &[]),
            (Sort::Acknowledge, Role::Client, &[]),
        ] {
            let packet = Packet::without_bytes(sort, from, time, comments);
            send(out, &mut self.frame, &mut open, &packet)?;
        }
        self.open.insert(open);
        Ok(())
    }

    fn close(&mut self, out: &mut dyn Write, mut open: Open, why: &str) -> io::Result<()> {
        let time = open.last;
        let comments = [format!("synthetic end: {why}")];
        for (sort, from, comments) in [
            (Sort::Close, Role::Client, comments.as_slice()),
            (Sort::Close, Role::Server, &[]),
            (Sort::Acknowledge, Role::Client, &[]),
        ] {
            let packet = Packet::without_bytes(sort, from, time, comments);
            send(out, &mut self.frame, &mut open, &packet)?;
        }
        Ok(())
    }
}

impl<'a> Packet<'a> {
    fn without_bytes(sort: Sort, from: Role, time: Timestamp, comments: &'a [String]) -> Self {
        Self {
            sort,
            from,
            time,
            payload: &[],
            comments,
            has_direction: true,
        }
    }
}

/// Sends a packet, and an answer to it if there was none for long.
fn send(
    out: &mut dyn Write,
    frame: &mut Vec<u8>,
    open: &mut Open,
    packet: &Packet<'_>,
) -> io::Result<()> {
    put(out, frame, open, packet)?;
    if packet.sort == Sort::Push {
        open.unanswered = open.unanswered.saturating_add(1);
        if open.unanswered >= PACKETS_BEFORE_ANSWER {
            let from = ends::other(packet.from);
            let mut answer = Packet::without_bytes(Sort::Acknowledge, from, packet.time, &[]);
            answer.has_direction = packet.has_direction;
            put(out, frame, open, &answer)?;
            open.unanswered = 0;
        }
    }
    Ok(())
}

fn put(
    out: &mut dyn Write,
    frame: &mut Vec<u8>,
    open: &mut Open,
    packet: &Packet<'_>,
) -> io::Result<()> {
    let (from, to) = match packet.from {
        Role::Client => (open.ends.client, open.ends.server),
        Role::Server => (open.ends.server, open.ends.client),
    };
    // SYN and FIN count as a byte each (RFC 9293, section 3.4).
    let bytes = match packet.sort {
        Sort::Open | Sort::Close => 1,
        Sort::Acknowledge | Sort::Push => {
            u32::try_from(packet.payload.len()).map_err(|_| io::ErrorKind::InvalidInput)?
        }
    };
    let is_first = packet.sort == Sort::Open && packet.from == Role::Client;
    let acknowledged = open.advance(ends::other(packet.from), 0);
    let segment = Segment {
        sort: packet.sort,
        from,
        to,
        is_from_client: packet.from == Role::Client,
        sequence: open.advance(packet.from, bytes),
        acknowledged: (!is_first).then_some(acknowledged),
    };
    segment.build(packet.payload, frame)?;
    let direction = if packet.from == open.role {
        Direction::Outbound
    } else {
        Direction::Inbound
    };
    let note = PacketNote {
        interface: open.key.interface(),
        time: packet.time,
        direction: packet.has_direction.then_some(direction),
        comments: packet.comments,
    };
    blocks::packet(out, &note, frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ConnectionId, samples};

    #[test]
    fn sequence_numbers_wrap() {
        let stored = samples::request();
        let mut open = Open {
            key: Key::Connection(0, ConnectionId::new(1)),
            ends: Ends::of(&stored, Role::Client, &mut StandIns::default()),
            role: Role::Client,
            local: None,
            next_of_client: u32::MAX - 10,
            next_of_server: 7,
            repeats: 0,
            unanswered: 0,
            last: stored.event.time,
        };
        let payload = vec![b'x'; SEGMENT_BYTES];
        let mut out = Vec::new();
        for _ in 0..2 {
            let packet = Packet {
                payload: &payload,
                ..Packet::without_bytes(Sort::Push, Role::Client, stored.event.time, &[])
            };
            send(&mut out, &mut Vec::new(), &mut open, &packet).unwrap();
        }
        let expected = u32::try_from(2 * SEGMENT_BYTES - 11).unwrap();
        assert_eq!((open.next_of_client, open.next_of_server), (expected, 7));
    }
}
