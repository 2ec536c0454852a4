//! What can be wrong with what the user asked for.

use super::needle::MIN_ENCODED_BYTES;
use super::parse_error::ParseError;

/// What is wrong with a value on the command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A filter, where a field is needed.
    #[error("expected the name of a field")]
    NoField,
    /// Nothing at all, where something is needed.
    #[error("nothing is given")]
    Empty,
    /// A number where a time is needed.
    #[error(
        "a bare number is no time: write `{0}s` for seconds ago, `@{0}` for seconds since 1970"
    )]
    BareNumber(String),
    /// A date whose order of day and month is anyone's guess.
    #[error("write dates as 2026-11-20: with slashes, day and month can not be told apart")]
    AmbiguousDate,
    /// A time before 1677 or after 2262.
    #[error("the time is out of range, which is 1677 to 2262")]
    TimeOutOfRange,
    /// None of the forms of a time.
    #[error("this is no time that is understood")]
    UnknownTime,
    /// Not an address, network or port.
    #[error(
        "expected an address like 10.0.0.1, 10.0.0.0/8, 10.0.0.1:443, [2001:db8::1]:443 or :443"
    )]
    Address,
    /// Not an address or network.
    #[error("expected an address or network like 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32")]
    Network,
    /// Not a status, class or range.
    #[error("expected a status like 200, a class like 5xx or a range like 400-499")]
    Status,
    /// A range of statuses that ends before it begins.
    #[error("the range ends before it begins")]
    StatusOrder,
    /// Not a regular expression. The text shows the pattern with a mark under the column.
    #[error("{0}")]
    Pattern(String),
    /// Not a filter. The text shows it with marks under the place.
    #[error("{0}")]
    Filter(ParseError),
    /// Not one of a field's words.
    #[error("{0}")]
    Word(String),
    /// No name before the colon.
    #[error("expected a header field like `user-agent` or `user-agent: curl`")]
    Header,
    /// Not bytes.
    #[error("expected bytes in pairs of hexadecimal digits, such as 504b0304 or 50:4b:03:04")]
    Hex,
    /// Encoded forms of something that is no text.
    #[error("only a text has encoded forms, not a regular expression")]
    EncodedPattern,
    /// Encoded forms of too short a text.
    #[error("a text to be looked for in encoded forms needs {MIN_ENCODED_BYTES} bytes")]
    ShortText,
}
