//! How far before an event a filter looks.

use super::chains::Chains;
use super::expr::{Expr, Operand, Test};
use super::field_id::FieldId;

/// Appends the next payload of a stream to the end of it that is kept, which then are its last `most` bytes.
pub fn push_end(end: &mut Vec<u8>, payload: &[u8], most: usize) {
    let last = payload.len().saturating_sub(most);
    let last = payload.get(last..).unwrap_or_default();
    let kept = most - last.len();
    end.drain(..end.len().saturating_sub(kept));
    end.extend_from_slice(last);
}

impl Expr {
    /// How many bytes before an event in its stream are needed to judge it: one less than the longest text that may begin
    /// there; 0 if there is none. Less than [`MAX_CROSSING_BYTES`](super::MAX_CROSSING_BYTES).
    pub fn crossing_bytes(&self) -> usize {
        let mut most = 0;
        self.for_each_test(&mut |test| {
            if let Some(chains) = test.crossing() {
                most = most.max(chains.longest().saturating_sub(1));
            }
        });
        most
    }

    /// Whether a payload that starts like this can hold the end of a text that the filter looks for, which then begins in
    /// an earlier event of the stream. If not, and without what is [`required`](Self::required), it is not true of it.
    pub fn may_end_in(&self, start: &[u8]) -> bool {
        let mut may_end = false;
        self.for_each_test(&mut |test| {
            let crossing = test.crossing();
            may_end |= crossing.is_some_and(|chains| chains.may_end_in(start));
        });
        may_end
    }
}

impl Test {
    /// The texts that it also finds where they begin in an earlier event of the stream, if it finds any there.
    fn crossing(&self) -> Option<&Chains> {
        match self {
            Self::Contains(operand, needle) if operand.is_whole_text() => Some(needle.chains()),
            Self::Matches(operand, pattern) if operand.is_whole_text() => Some(pattern.chains()),
            _ => None,
        }
    }
}

impl Operand {
    /// Whether it is the text of the stream as it is: `payload` or `any`, and no part of it or function of it.
    pub(super) fn is_whole_text(&self) -> bool {
        self.is_text() && self.slice.is_none() && self.function.is_none()
    }

    /// Whether its field is the text of the stream.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.field.id, FieldId::Payload | FieldId::Any)
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Timestamp, Zone};
    use crate::filter::{MAX_CROSSING_BYTES, parse};

    #[test]
    fn only_texts_of_the_stream_look_back() {
        let bytes = |text: &str| {
            parse(text, Timestamp::from_seconds(0), Zone::Utc)
                .unwrap()
                .crossing_bytes()
        };
        assert_eq!(bytes("pname == \"curl\" || path contains \"login\""), 0);
        assert_eq!(bytes("payload contains \"x\""), 0);
        assert_eq!(bytes("payload[0:4] contains \"login\""), 0);
        assert_eq!(bytes("lower(payload) contains \"login\""), 0);
        assert_eq!(bytes("payload matches \"[0-9]+\""), 0);
        assert_eq!(bytes("pid == 1 && !(any contains \"login\")"), 4);
        assert_eq!(
            bytes("any contains \"login\" || payload matches \"Header\""),
            5
        );
        let long = format!("any contains \"{}\"", "x".repeat(MAX_CROSSING_BYTES));
        assert_eq!(bytes(&long), MAX_CROSSING_BYTES - 1);
        let longer = format!("any contains \"{}\"", "x".repeat(MAX_CROSSING_BYTES + 1));
        assert_eq!(bytes(&longer), 0);
    }
}
