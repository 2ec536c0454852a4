//! A small seeded generator of random numbers, so that the same seed gives the same traffic everywhere.

/// `SplitMix64` (Steele, Lea, Flood 2014). Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Starts from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x5851_F42D_4C95_7F2D)
    }

    /// The next 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if `limit` is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let scaled = (u128::from(self.bits()) * limit as u128) >> 64;
        usize::try_from(scaled).unwrap_or(0)
    }

    /// A number of `low..=high`.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        let scaled = (u128::from(self.bits()) * u128::from(span)) >> 64;
        low.saturating_add(u32::try_from(scaled).unwrap_or(0))
    }

    /// True `percent` times of a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        choices
            .get(self.below(choices.len()))
            .expect("below() stays within a list that is not empty")
    }

    /// One of `words`.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.pick::<&'static str>(words)
    }

    /// Appends `count` random bytes.
    pub(crate) fn bytes(&mut self, count: usize, out: &mut Vec<u8>) {
        let end = out.len() + count;
        out.reserve(count + 8);
        while out.len() < end {
            out.extend_from_slice(&self.bits().to_le_bytes());
        }
        out.truncate(end);
    }

    /// Appends `count` random characters of `alphabet`, which must have 64 or 16 of them.
    pub(crate) fn text(&mut self, alphabet: &[u8], count: usize, out: &mut Vec<u8>) {
        let step = alphabet.len().trailing_zeros();
        let mask = alphabet.len() as u64 - 1;
        let (mut bits, mut left) = (0, 0);
        for _ in 0..count {
            if left < step {
                (bits, left) = (self.bits(), 64);
            }
            let index = usize::try_from(bits & mask).unwrap_or(0);
            out.extend(alphabet.get(index));
            bits >>= step;
            left -= step;
        }
    }
}

/// The digits of a hexadecimal number.
pub(crate) const HEX: &[u8; 16] = b"0123456789abcdef";

/// The characters of base64url.
pub(crate) const BASE64: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Appends `number` in decimal.
pub(crate) fn decimal(number: u64, out: &mut Vec<u8>) {
    if number >= 10 {
        decimal(number / 10, out);
    }
    out.push(b'0' + u8::try_from(number % 10).unwrap_or(0));
}
