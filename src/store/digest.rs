//! The digest over a commit: what is in it, byte for byte, so that it can be computed again from the file.
//!
//! The digest of a batch is SHA-256 over the ASCII text `ecq batch 1`, the recording's id, the first and last event id,
//! and the digests of its events in order of id. The digest of an event is SHA-256 over the ASCII text `ecq event 1`, its
//! fields in the order of `append_fields`, and its payload. Numbers are 8 bytes, little endian; an optional value is
//! a byte 0, or a byte 1 and the value; text and bytes are their length (as a number) and themselves. What can become
//! known later (the stream, a connection's addresses) is not part of it, but the addresses that an event itself carried
//! are. In an encrypted capture the digest of an event begins with a key that is made of that of the file
//! ([`Vault`]): without it nobody can try out what a payload might have been. One digest an event, so that a batch can still be checked after some of its events were removed for good.

use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};

use super::vault::Vault;
use crate::event::{Envelope, Event, EventId, HttpHead, RecordingId, Sense};

/// The digest of an event, fed with the payload piece by piece.
pub struct EventHasher {
    sha256: Sha256,
}

impl EventHasher {
    /// Begins with all but the payload.
    pub fn new(
        vault: &Vault,
        id: EventId,
        event: &Event,
        envelope: &Envelope,
        payload_bytes: u64,
    ) -> Self {
        let mut fields = Vec::with_capacity(512);
        append_fields(&mut fields, vault, id, event, envelope, payload_bytes);
        Self::of_fields(&fields)
    }

    /// Begins with what `append_fields` appended.
    pub(super) fn of_fields(fields: &[u8]) -> Self {
        Self {
            sha256: Sha256::new_with_prefix(fields),
        }
    }

    /// The next piece of the payload.
    pub fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.sha256.finalize().into()
    }
}

/// Appends what is hashed before an event's payload.
pub(super) fn append_fields(
    out: &mut Vec<u8>,
    vault: &Vault,
    id: EventId,
    event: &Event,
    envelope: &Envelope,
    payload_bytes: u64,
) {
    if let Some(key) = vault.digest_key() {
        out.extend_from_slice(key);
    }
    out.extend_from_slice(b"ecq event 1");
    let mut fields = Fields(out);
    fields.number(id.number());
    fields.number(event.time.as_nanos());
    fields.number(i64::from(event.clock.kind.code()));
    fields.number(event.clock.offset_ns);
    fields.number(event.received.as_nanos());
    fields.optional(event.process.pid.map(i64::from));
    fields.optional(event.process.tid.map(i64::from));
    fields.optional(event.process.uid.map(i64::from));
    fields.text(event.process.pname.as_deref());
    fields.optional(event.fd.map(i64::from));
    fields.optional(event.direction.map(|direction| i64::from(direction.code())));
    match event.tuple {
        None => fields.byte(0),
        Some(tuple) => {
            fields.byte(match tuple.sense {
                Sense::InitiatorToAcceptor => 1,
                Sense::LocalToRemote => 2,
            });
            fields.address(tuple.src);
            fields.address(tuple.dst);
        }
    }
    fields.number(i64::from(event.kind.code()));
    fields.number(i64::from(event.content.code()));
    fields.optional(event.probe.map(|probe| i64::from(probe.code())));
    fields.optional(event.ecapture_type.map(i64::from));
    fields.number(i64::from(event.form.code()));
    fields.number(i64::from(event.provenance.bits()));
    fields.head(event.http.as_ref());
    fields.optional(event.details.return_value);
    fields.text(event.details.status.as_deref());
    fields.optional(event.details.total_bytes.map(u64::cast_signed));
    fields.optional(event.details.monotonic_ns.map(u64::cast_signed));
    fields.optional(event.details.interface_index.map(i64::from));
    fields.text(event.details.reason.as_deref());
    match envelope {
        Envelope::Rendered => fields.byte(0),
        Envelope::Around { head, tail } => {
            fields.byte(1);
            fields.bytes(head);
            fields.bytes(tail);
        }
        Envelope::Whole(frame) => {
            fields.byte(2);
            fields.bytes(frame);
        }
    }
    fields.number(payload_bytes.cast_signed());
}

/// The digest of a batch, fed with the digests of its events.
pub struct BatchHasher {
    sha256: Sha256,
}

impl BatchHasher {
    /// Begins with what the batch is.
    pub fn new(recording: RecordingId, first: EventId, last: EventId) -> Self {
        let mut start = b"ecq batch 1".to_vec();
        let mut fields = Fields(&mut start);
        fields.number(recording.number());
        fields.number(first.number());
        fields.number(last.number());
        Self {
            sha256: Sha256::new_with_prefix(start),
        }
    }

    /// The next event's digest.
    pub fn update(&mut self, event: &[u8; 32]) {
        self.sha256.update(event);
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.sha256.finalize().into()
    }
}

/// The digest over removed batches, folded: that of the batches before (32 zero bytes if there are none) goes into the next.
/// One step is SHA-256 over the ASCII text `ecq removal 1`, the digest before, and the batch's first and last id, digest
/// and chain link, which is optional.
pub struct RemovalHasher([u8; 32]);

impl RemovalHasher {
    /// Goes on from the digest of the batches before.
    pub fn new(before: Option<[u8; 32]>) -> Self {
        Self(before.unwrap_or_default())
    }

    /// The next batch.
    pub fn update(&mut self, first: EventId, last: EventId, digest: &[u8], link: Option<&[u8]>) {
        let mut bytes = b"ecq removal 1".to_vec();
        bytes.extend_from_slice(&self.0);
        let mut fields = Fields(&mut bytes);
        fields.number(first.number());
        fields.number(last.number());
        fields.bytes(digest);
        match link {
            None => fields.byte(0),
            Some(link) => {
                fields.byte(1);
                fields.bytes(link);
            }
        }
        self.0 = Sha256::digest(&bytes).into();
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.0
    }
}

/// Appends fields in the form that is hashed.
struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn optional(&mut self, number: Option<i64>) {
        match number {
            None => self.byte(0),
            Some(number) => {
                self.byte(1);
                self.number(number);
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number((bytes.len() as u64).cast_signed());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: Option<&str>) {
        match text {
            None => self.byte(0),
            Some(text) => {
                self.byte(1);
                self.bytes(text.as_bytes());
            }
        }
    }

    fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => self.bytes(&ip.octets()),
            IpAddr::V6(ip) => self.bytes(&ip.octets()),
        }
        self.number(i64::from(address.port()));
    }

    fn head(&mut self, head: Option<&HttpHead>) {
        match head {
            None => self.byte(0),
            Some(head) => {
                self.byte(1);
                self.text(head.method.as_deref());
                self.text(head.host.as_deref());
                self.text(head.path.as_deref());
                self.optional(head.status.map(i64::from));
                self.text(head.content_type.as_deref());
            }
        }
    }
}
