//! What can be wrong with what the user asked for.

/// What is wrong with a value on the command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
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
    /// Not the name of a type.
    #[error("unknown type{}; a type is one of {all}, or eCapture's number",
        .nearest.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default())]
    Type {
        /// The name that comes closest, if one comes close.
        nearest: Option<&'static str>,
        /// All names.
        all: String,
    },
    /// Not a regular expression. The text shows the pattern with a mark under the column.
    #[error("{0}")]
    Pattern(String),
}
