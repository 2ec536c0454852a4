//! The heads of frames (RFC 6455, section 5.2).

/// What a message is (RFC 6455, section 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text, which is to be UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// The sender says nothing more.
    Close,
    /// The sender asks for a sign of life.
    Ping,
    /// A sign of life.
    Pong,
}

impl Kind {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }

    /// Whether it is about the connection.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Why a frame cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A bit is set whose meaning was not agreed.
    ReservedBits,
    /// The kind of the frame is not known.
    UnknownKind,
    /// A control frame is longer than one may be, or is in parts.
    LongControl,
    /// It goes on with a message that did not begin, or begins one within another.
    OutOfOrder,
    /// It is longer than a frame may be.
    TooLong,
    /// The bytes end within the head.
    CutOff,
}

impl Fault {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved_bits",
            Self::UnknownKind => "unknown_kind",
            Self::LongControl => "long_control",
            Self::OutOfOrder => "out_of_order",
            Self::TooLong => "too_long",
            Self::CutOff => "cut_off",
        }
    }
}

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) is_final: bool,
    /// Whether its message is compressed (RFC 7692, section 6); said in the first frame of one.
    pub(super) is_compressed: bool,
    /// `None` if it goes on with a message.
    pub(super) kind: Option<Kind>,
    pub(super) mask: Option<[u8; 4]>,
    /// How long its payload is, in bytes.
    pub(super) length: u64,
}

/// A head, as far as it is there.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
}

impl Head {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes one byte, and gives the frame if that was the last one. Each fault is told as soon as it shows.
    pub(super) fn push(
        &mut self,
        byte: u8,
        is_within_message: bool,
        may_compress: bool,
    ) -> Result<Option<Frame>, Fault> {
        self.bytes.push(byte);
        let Some((first, rest)) = self.bytes.split_first() else {
            return Ok(None);
        };
        let is_final = first & 0x80 != 0;
        let is_compressed = first & 0x40 != 0;
        let kind = match first & 0x0f {
            0 => None,
            1 => Some(Kind::Text),
            2 => Some(Kind::Binary),
            8 => Some(Kind::Close),
            9 => Some(Kind::Ping),
            10 => Some(Kind::Pong),
            _ => return Err(Fault::UnknownKind),
        };
        let is_control = kind.is_some_and(Kind::is_control);
        let begins_message = kind.is_some() && !is_control;
        if first & 0x30 != 0 || (is_compressed && !(may_compress && begins_message)) {
            return Err(Fault::ReservedBits);
        }
        if !is_control && begins_message == is_within_message {
            return Err(Fault::OutOfOrder);
        }
        let Some((second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        let short = second & 0x7f;
        if is_control && (short > 125 || !is_final) {
            return Err(Fault::LongControl);
        }
        let (length, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u16::from_be_bytes(*length).into(), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            _ => (short.into(), rest),
        };
        // Section 5.2: the most significant bit must be 0.
        if i64::try_from(length).is_err() {
            return Err(Fault::TooLong);
        }
        let mask = if second & 0x80 == 0 {
            None
        } else {
            match rest.first_chunk() {
                Some(mask) => Some(*mask),
                None => return Ok(None),
            }
        };
        Ok(Some(Frame {
            is_final,
            is_compressed,
            kind,
            mask,
            length,
        }))
    }
}
