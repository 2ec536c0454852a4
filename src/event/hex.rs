//! Bytes in hexadecimal digits.

use std::fmt::Write as _;

/// Two digits in lower case for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
