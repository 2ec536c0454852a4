//! The messages in the body of a gRPC call, each behind five bytes that say how long it is
//! (gRPC over HTTP/2, "Length-Prefixed-Message").

use crate::http::body::{Defect, State};
use crate::http::coding::{Coding, Undone};

/// How long the prefix of a message is, in bytes.
const PREFIX_BYTES: usize = 5;
/// How many bytes of a message are set aside before they are there.
const RESERVED_BYTES: usize = 64 << 10;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whether it is in the coding that `grpc-encoding` names.
    pub is_compressed: bool,
    /// How long it is said to be.
    pub length: u32,
    /// Its bytes as sent: fewer, if there is a defect.
    pub bytes: Vec<u8>,
    /// Why it is not all there.
    pub defect: Option<Defect>,
}

impl Message {
    /// Its bytes with the coding undone that `grpc-encoding` names; no more than `limit`.
    pub fn decoded(&self, encoding: Option<&[u8]>, limit: usize) -> (Vec<u8>, State) {
        let as_sent = || {
            let state = self.defect.map_or(State::AsSent, State::Partial);
            (self.bytes.clone(), state)
        };
        if !self.is_compressed || self.bytes.is_empty() {
            return as_sent();
        }
        let mut codings = encoding
            .into_iter()
            .flat_map(|value| Coding::listed(value, false));
        let undone = match (codings.next(), codings.next()) {
            (Some(coding), None) => coding.undo(&self.bytes, self.defect.is_none(), limit),
            _ => Undone::Unknown,
        };
        match undone {
            Undone::Absent => as_sent(),
            Undone::Unknown => (self.bytes.clone(), State::Partial(Defect::UnknownCoding)),
            Undone::Bytes(bytes, defect) => {
                let defect = self.defect.or(defect);
                (bytes, defect.map_or(State::Decoded, State::Partial))
            }
        }
    }
}

/// Takes the body of a call apart.
#[derive(Debug)]
pub struct Messages {
    limit: usize,
    prefix: Vec<u8>,
    message: Option<Message>,
    /// How many bytes of the message are still to come.
    missing: u32,
    is_broken: bool,
}

impl Messages {
    /// Before the first byte. Of each message, `limit` bytes are kept.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            prefix: Vec::new(),
            message: None,
            missing: 0,
            is_broken: false,
        }
    }

    /// Whether there was something that is no prefix. What follows it is not read.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Takes the next bytes, and gives each message that ends in them.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Message)) {
        while !self.is_broken && !bytes.is_empty() {
            bytes = match &mut self.message {
                None => self.begin(bytes),
                Some(message) => {
                    let missing = usize::try_from(self.missing).unwrap_or(usize::MAX);
                    let (data, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
                    let room = self.limit.saturating_sub(message.bytes.len());
                    message
                        .bytes
                        .extend_from_slice(data.get(..room).unwrap_or(data));
                    if data.len() > room {
                        message.defect = Some(Defect::TooLarge);
                    }
                    let taken = u32::try_from(data.len()).unwrap_or(u32::MAX);
                    self.missing = self.missing.saturating_sub(taken);
                    rest
                }
            };
            if self.missing == 0
                && let Some(message) = self.message.take()
            {
                sink(message);
            }
        }
    }

    /// Gives the message that the body ends within.
    pub fn end(&mut self, sink: &mut dyn FnMut(Message)) {
        if let Some(mut message) = self.message.take() {
            message.defect = message.defect.or(Some(Defect::CutOff));
            sink(message);
        }
        self.is_broken |= !self.prefix.is_empty();
    }

    /// Takes of the prefix what is there, and gives what is left.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let missing = PREFIX_BYTES.saturating_sub(self.prefix.len());
        let (prefix, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        self.prefix.extend_from_slice(prefix);
        self.is_broken = matches!(self.prefix.first(), Some(2..));
        if let [flag @ (0 | 1), a, b, c, d] = *self.prefix.as_slice() {
            self.prefix.clear();
            let length = u32::from_be_bytes([a, b, c, d]);
            self.missing = length;
            let reserved = usize::try_from(length).unwrap_or(usize::MAX);
            self.message = Some(Message {
                is_compressed: flag == 1,
                length,
                bytes: Vec::with_capacity(reserved.min(self.limit).min(RESERVED_BYTES)),
                defect: None,
            });
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::tests::{brotli, gzip, zlib, zstd};

    fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
        let mut out = vec![flag];
        out.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        out.extend_from_slice(message);
        out
    }

    fn read(pieces: &[&[u8]], limit: usize) -> (Vec<Message>, bool) {
        let mut found = Vec::new();
        let mut messages = Messages::new(limit);
        for piece in pieces {
            messages.push(piece, &mut |message| found.push(message));
        }
        messages.end(&mut |message| found.push(message));
        (found, messages.is_broken())
    }

    #[test]
    fn takes_messages_apart() {
        let body = [framed(0, b"abc"), framed(0, b""), framed(1, b"defgh")].concat();
        let (found, is_broken) = read(&[&body], 4);
        let facts: Vec<_> = found
            .iter()
            .map(|message| {
                (
                    message.is_compressed,
                    message.length,
                    message.bytes.as_slice(),
                    message.defect,
                )
            })
            .collect();
        assert_eq!(
            facts,
            [
                (false, 3, &b"abc"[..], None),
                (false, 0, b"", None),
                (true, 5, b"defg", Some(Defect::TooLarge)),
            ]
        );
        assert!(!is_broken);
        for (body, defect, is_broken) in [
            (&b"\0\0\0\0\x05ab"[..], Some(Defect::CutOff), false),
            (b"\0\0\0\0", None, true),
            (b"\x02", None, true),
            (b"\0\xff\xff\xff\xff", Some(Defect::CutOff), false),
        ] {
            let (found, broken) = read(&[body], 4);
            assert_eq!(
                (found.first().and_then(|message| message.defect), broken),
                (defect, is_broken)
            );
        }
    }

    #[test]
    fn undoes_codings() {
        let text = b"some text, some text, some text".repeat(10);
        for (encoding, coded) in [
            ("gzip", gzip(&text)),
            ("deflate", zlib(&text, 6)),
            ("zstd", zstd(&text)),
            ("br", brotli(&text)),
        ] {
            let body = framed(1, &coded);
            let (found, _) = read(&[&body], 1000);
            let decoded = |limit| found[0].decoded(Some(encoding.as_bytes()), limit);
            assert_eq!(decoded(1000), (text.clone(), State::Decoded), "{encoding}");
            assert_eq!(
                decoded(10),
                (text[..10].to_vec(), State::Partial(Defect::TooLarge))
            );
            let unknown = (coded.clone(), State::Partial(Defect::UnknownCoding));
            assert_eq!(found[0].decoded(None, 1000), unknown);
            assert_eq!(found[0].decoded(Some(b"snappy"), 1000), unknown);
            let (cut, _) = read(&[&body[..body.len() - 3]], 1000);
            assert_eq!(
                cut[0].decoded(Some(encoding.as_bytes()), 1000).1,
                State::Partial(Defect::CutOff)
            );
        }
        let (found, _) = read(&[&framed(0, b"abc")], 1000);
        assert_eq!(
            found[0].decoded(Some(b"gzip"), 1000),
            (b"abc".to_vec(), State::AsSent)
        );
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(
            messages in proptest::collection::vec((0..3_u8, proptest::collection::vec(any::<u8>(), 0..20)), 0..6),
            cut in 0_usize..4,
            at in any::<prop::sample::Index>(),
        ) {
            let body: Vec<u8> = messages.iter().flat_map(|(flag, message)| framed(*flag, message)).collect();
            let body = &body[..body.len().saturating_sub(cut)];
            let (first, second) = body.split_at(at.index(body.len() + 1));
            prop_assert_eq!(read(&[first, second], 10), read(&[body], 10));
        }
    }
}
