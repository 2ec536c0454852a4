//! How far before an event a filter looks.

use super::expr::{Expr, Test};
use super::field::FieldId;

impl Expr {
    /// How many bytes before an event in its stream are needed to judge it: one less than the longest text that may begin
    /// there; 0 if there is none. Less than [`MAX_CROSSING_BYTES`](super::MAX_CROSSING_BYTES).
    pub fn crossing_bytes(&self) -> usize {
        let mut most = 0;
        self.for_each_test(&mut |test| {
            let (operand, chains) = match test {
                Test::Contains(operand, needle) => (operand, needle.chains()),
                Test::Matches(operand, pattern) => (operand, pattern.chains()),
                _ => return,
            };
            let is_of_stream = matches!(operand.field.id, FieldId::Payload | FieldId::Any)
                && operand.slice.is_none()
                && operand.function.is_none();
            if is_of_stream {
                most = most.max(chains.longest().saturating_sub(1));
            }
        });
        most
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
