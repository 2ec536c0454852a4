//! Reading eCapture's texts from the front, on bytes.

use bytes::Bytes;

/// The kernel's limit on a command name, with its NUL (`TASK_COMM_LEN`). eCapture prints at most that much.
const COMMAND_BYTES: usize = 16;

/// What is still to be read.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Passes over `tag`, which must come next.
    pub(super) fn tag(&mut self, tag: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(tag)?;
        Some(())
    }

    /// Reads a decimal number without sign.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.digits(10)
    }

    /// Reads a hexadecimal number without sign or `0x`.
    pub(super) fn hex_number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.digits(16)
    }

    /// Reads a decimal number that may be negative.
    pub(super) fn signed(&mut self) -> Option<i64> {
        if self.tag(b"-").is_some() {
            self.number::<i64>()?.checked_neg()
        } else {
            self.number()
        }
    }

    fn digits<T: TryFrom<u64>>(&mut self, radix: u8) -> Option<T> {
        let mut value: u64 = 0;
        let mut count = 0_usize;
        while let [first, rest @ ..] = self.rest
            && let Some(digit) = char::from(*first).to_digit(radix.into())
        {
            value = value
                .checked_mul(radix.into())?
                .checked_add(u64::from(digit))?;
            count = count.saturating_add(1);
            self.rest = rest;
        }
        if count == 0 {
            return None;
        }
        T::try_from(value).ok()
    }

    /// Reads up to `end`, which must start within `limit` bytes, and passes over it.
    pub(super) fn until(&mut self, end: &[u8], limit: usize) -> Option<&'a [u8]> {
        let window = self
            .rest
            .get(..limit.saturating_add(end.len()))
            .unwrap_or(self.rest);
        let found = memchr::memmem::find(window, end)?;
        let (before, rest) = self.rest.split_at_checked(found)?;
        self.rest = rest.strip_prefix(end)?;
        Some(before)
    }

    /// Reads a command name: the shortest, at most 16 bytes long, that is followed by `end` and by what `then` accepts.
    /// A command name can hold any bytes, even those of a header, so only the whole header decides.
    pub(super) fn command<T>(
        &self,
        end: &[u8],
        then: impl Fn(Self) -> Option<T>,
    ) -> Option<(&'a [u8], T)> {
        (0..=COMMAND_BYTES).find_map(|length| {
            let (command, rest) = self.rest.split_at_checked(length)?;
            let rest = rest.strip_prefix(end)?;
            Some((command, then(Self::new(rest))?))
        })
    }
}

/// The slice of `text` that `part` is, where `part` was split off `text` with `after` bytes behind it.
pub(super) fn share(text: &Bytes, part: &[u8], after: usize) -> Bytes {
    let end = text.len().saturating_sub(after);
    text.slice(end.saturating_sub(part.len())..end)
}

/// A command name as we keep it: up to its first NUL, and absent if empty.
pub(super) fn name(command: &[u8]) -> Option<String> {
    let end = memchr::memchr(0, command).unwrap_or(command.len());
    let name = command.get(..end).unwrap_or(command);
    (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}

/// A process or thread id. Zero stands for none; no traced process has it.
pub(super) fn id(number: u64) -> Option<u32> {
    u32::try_from(number).ok().filter(|id| *id != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bounded() {
        for (text, expected) in [
            (&b"7x"[..], Some(7)),
            (b"4294967295", Some(u32::MAX)),
            (b"4294967296", None),
            (b"99999999999999999999999", None),
            (b"", None),
            (b"-1", None),
        ] {
            assert_eq!(Scanner::new(text).number::<u32>(), expected, "{text:?}");
        }
        assert_eq!(Scanner::new(b"-12").signed(), Some(-12));
        assert_eq!(Scanner::new(b"30a ").hex_number::<u32>(), Some(0x30a));
    }

    #[test]
    fn command_names_are_bounded() {
        let accept = |scanner: Scanner<'_>| (scanner.rest() == b"y").then_some(());
        let read = |text: &'static [u8]| {
            Scanner::new(text)
                .command(b" x", accept)
                .map(|(name, ())| name)
        };
        assert_eq!(read(b"a xy"), Some(&b"a"[..]));
        assert_eq!(read(b"a x xy"), Some(&b"a x"[..]));
        assert_eq!(read(b"0123456789abcdef xy"), Some(&b"0123456789abcdef"[..]));
        assert_eq!(read(b"0123456789abcdefg xy"), None);
    }
}
