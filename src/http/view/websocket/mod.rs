//! The messages in one direction of a WebSocket connection (RFC 6455), from the bytes of the tunnel.
//!
//! Frames are joined to messages, masks taken off, and compression undone if it was agreed (RFC 7692). Control frames
//! are messages of their own and come in between. What follows a broken head of a frame cannot be read, as its end is
//! not known: [`Messages::fault`] says where that is.

mod deflate;
mod frame;
#[cfg(test)]
mod tests;

pub use deflate::Compression;
use deflate::Inflater;
pub use frame::{Fault, Kind};
use frame::{Frame, Head};

use crate::http::body::Defect;
use crate::http::exchange::Side;

/// How many bytes of a payload are unmasked at a time.
const STEP_BYTES: usize = 16 << 10;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// What it says, without mask and compression.
    pub bytes: Vec<u8>,
    /// Where its first frame begins, in bytes of the direction.
    pub offset: u64,
    /// How many bytes of payload were sent for it so far, with compression.
    pub sent_bytes: u64,
    /// In how many frames it was sent.
    pub frames: u64,
    /// Whether its first frame was masked, as all of a client are.
    pub is_masked: bool,
    /// Whether it was sent compressed.
    pub is_compressed: bool,
    /// Why it is not all there.
    pub defect: Option<Defect>,
}

impl Message {
    /// The status and the reason of a message of kind [`Kind::Close`], if it has them (RFC 6455, section 5.5.1).
    pub fn close(&self) -> Option<(u16, &[u8])> {
        let (code, reason) = self.bytes.split_first_chunk()?;
        (self.kind == Kind::Close).then_some((u16::from_be_bytes(*code), reason))
    }
}

/// Takes one direction of a connection apart.
#[derive(Debug)]
pub struct Messages {
    limit: usize,
    inflater: Option<Inflater>,
    /// The head of the next frame, as far as it is there.
    head: Head,
    /// The frame that is being read, and how much of its payload was.
    frame: Option<(Frame, u64)>,
    /// The message that is being put together.
    data: Option<Message>,
    /// The control frame that is being read.
    control: Option<Message>,
    offset: u64,
    fault: Option<(Fault, u64)>,
}

impl Messages {
    /// Before the first byte after the handshake. Of each message, `limit` bytes are kept.
    pub fn new(compression: Option<Compression>, side: Side, limit: usize) -> Self {
        Self {
            limit,
            inflater: compression.map(|compression| Inflater::new(compression.takes_over(side))),
            head: Head::default(),
            frame: None,
            data: None,
            control: None,
            offset: 0,
            fault: None,
        }
    }

    /// Why reading ended, and where the frame begins that is broken.
    pub fn fault(&self) -> Option<(Fault, u64)> {
        self.fault
    }

    /// Takes the next bytes, and gives each message that ends in them.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Message)) {
        while self.fault.is_none() && !bytes.is_empty() {
            let taken = match self.frame {
                Some((frame, read)) => self.payload(frame, read, bytes),
                None => self.take_head(bytes),
            };
            bytes = bytes.get(taken..).unwrap_or_default();
            self.offset = self.offset.saturating_add(taken as u64);
            if let Some((frame, read)) = self.frame
                && read >= frame.length
            {
                self.frame = None;
                self.end_frame(frame, sink);
            }
        }
    }

    /// Gives the messages that the direction ends within.
    pub fn end(&mut self, sink: &mut dyn FnMut(Message)) {
        let open = [self.control.take(), self.data.take()];
        for mut message in open.into_iter().flatten() {
            message.defect = message.defect.or(Some(Defect::CutOff));
            sink(message);
        }
        self.frame = None;
        if !self.head.is_empty() && self.fault.is_none() {
            self.fault = Some((Fault::CutOff, self.head_offset()));
        }
    }

    fn head_offset(&self) -> u64 {
        self.offset.saturating_sub(self.head.len() as u64)
    }

    /// Takes one byte of a head.
    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let at = self.head_offset();
        let Some(byte) = bytes.first() else {
            return 0;
        };
        let found = self
            .head
            .push(*byte, self.data.is_some(), self.inflater.is_some());
        match found {
            Ok(None) => {}
            Ok(Some(frame)) => {
                self.head = Head::default();
                self.begin(frame, at);
            }
            Err(fault) => {
                self.head = Head::default();
                self.fault = Some((fault, at));
            }
        }
        1
    }

    fn begin(&mut self, frame: Frame, offset: u64) {
        let message = Message {
            kind: frame.kind.unwrap_or(Kind::Binary),
            bytes: Vec::new(),
            offset,
            sent_bytes: 0,
            frames: 1,
            is_masked: frame.mask.is_some(),
            is_compressed: frame.is_compressed,
            defect: None,
        };
        match (frame.kind, &mut self.data) {
            (None, Some(data)) => data.frames = data.frames.saturating_add(1),
            (Some(kind), _) if kind.is_control() => self.control = Some(message),
            _ => {
                if let Some(inflater) = &mut self.inflater
                    && message.is_compressed
                {
                    inflater.begin();
                }
                self.data = Some(message);
            }
        }
        self.frame = Some((frame, 0));
    }

    /// Takes some of a payload.
    fn payload(&mut self, frame: Frame, read: u64, bytes: &[u8]) -> usize {
        let missing = usize::try_from(frame.length.saturating_sub(read)).unwrap_or(usize::MAX);
        let taken = missing.min(bytes.len()).min(STEP_BYTES);
        let mut piece = bytes.get(..taken).unwrap_or_default().to_vec();
        if let Some(mask) = frame.mask {
            let from = usize::try_from(read % 4).unwrap_or_default();
            let mask = mask.iter().cycle().skip(from);
            for (byte, mask) in piece.iter_mut().zip(mask) {
                *byte ^= mask;
            }
        }
        let is_control = frame.kind.is_some_and(Kind::is_control);
        let message = if is_control {
            &mut self.control
        } else {
            &mut self.data
        };
        if let Some(message) = message {
            message.sent_bytes = message.sent_bytes.saturating_add(taken as u64);
            match &mut self.inflater {
                Some(inflater) if message.is_compressed => {
                    inflater.push(&piece, message, self.limit);
                }
                _ => keep(message, &piece, self.limit),
            }
        }
        self.frame = Some((frame, read.saturating_add(taken as u64)));
        taken
    }

    fn end_frame(&mut self, frame: Frame, sink: &mut dyn FnMut(Message)) {
        if frame.kind.is_some_and(Kind::is_control) {
            if let Some(message) = self.control.take() {
                sink(message);
            }
            return;
        }
        if !frame.is_final {
            return;
        }
        if let Some(mut message) = self.data.take() {
            if let Some(inflater) = &mut self.inflater
                && message.is_compressed
            {
                inflater.end(&mut message, self.limit);
            }
            sink(message);
        }
    }
}

/// Takes up what was said, as far as the limit.
fn keep(message: &mut Message, bytes: &[u8], limit: usize) {
    let room = limit.saturating_sub(message.bytes.len());
    message
        .bytes
        .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    if bytes.len() > room {
        message.defect = message.defect.or(Some(Defect::TooLarge));
    }
}
